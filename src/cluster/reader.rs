//! Reads an API server as a command does: objects and lists in pages, each response with a limit of time.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::timeout::with_timeout;
use crate::pod::text::{Text, nullable, object};

/// Objects of a page, as kubectl requests them.
const PAGE: usize = 500;

/// How often a request is repeated that an overloaded API server refused.
const RETRIES: usize = 4;

/// The longest time to wait before such a repetition, and the time where the API server names none.
const MAX_WAIT: Duration = Duration::from_secs(10);
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// Whole objects.
const WHOLE: &str = "application/json";

/// Metadata of a list, and of one object. There is no alternative: a server that cannot reduce the objects refuses.
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// A resource of the API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// The path of its group and version, such as `/apis/apps/v1`.
    pub(crate) group: &'static str,
    /// Its plural name.
    pub(crate) name: &'static str,
    /// Whether the metadata of its objects is enough.
    pub(crate) metadata_only: bool,
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The API server answered with an error.
    #[error("the API server answered {code} {reason}: {message}")]
    Status {
        code: u16,
        reason: String,
        message: String,
        /// The token to go on with a list that has changed meanwhile.
        next: String,
    },
    /// There is no answer.
    #[error("failed to reach the API server")]
    Unreachable(#[source] kube::Error),
    /// The answer is not that of an API server.
    #[error("the answer of the API server is not a list of objects")]
    Malformed(#[from] serde_json::Error),
}

/// Sends requests to an API server.
pub(crate) struct ApiReader {
    client: Client,
    user_agent: &'static str,
}

#[derive(Deserialize)]
struct ListPage<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    metadata: PageMetadata<'a>,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata<'a> {
    #[serde(borrow, default, rename = "continue", deserialize_with = "nullable")]
    next: Text<'a>,
}

#[derive(Default, Deserialize)]
struct FailureFields<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    reason: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    message: Text<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    metadata: PageMetadata<'a>,
}

impl ApiReader {
    /// A reader whose requests carry `user_agent`. A response may take as long as `limit`.
    pub(crate) fn new(client: Client, limit: Duration, user_agent: &'static str) -> Self {
        Self { client: with_timeout(client, limit), user_agent }
    }

    /// Passes on each object of a list, page by page; a page is dropped before the next is requested. `query` has
    /// selectors, encoded.
    pub(crate) async fn list(
        &self,
        resource: Listed,
        namespace: Option<&str>,
        query: &str,
        each: &mut dyn FnMut(&RawValue),
        page_read: &dyn Fn(usize),
    ) -> Result<(), RequestError> {
        let within = namespace.map(|name| format!("/namespaces/{}", encoded(name))).unwrap_or_default();
        let path = format!("{}{within}/{}?limit={PAGE}{query}", resource.group, resource.name);
        let accept = if resource.metadata_only { METADATA_LIST } else { WHOLE };
        let mut next = String::new();
        loop {
            let path =
                if next.is_empty() { path.clone() } else { format!("{path}&continue={}", encoded(&next)) };
            let text = match self.get(&path, accept).await {
                // The list is no longer kept in this version; the token of the error continues in the current one.
                Err(RequestError::Status { code: 410, next: current, .. })
                    if !current.is_empty() && current != next =>
                {
                    next = current;
                    continue;
                }
                text => text?,
            };
            let page: ListPage<'_> = serde_json::from_str(&text)?;
            let items = page.items.unwrap_or_default();
            for item in &items {
                each(item);
            }
            page_read(items.len());
            page.metadata.next.as_str().clone_into(&mut next);
            if next.is_empty() {
                return Ok(());
            }
        }
    }

    /// The metadata of one object.
    pub(crate) async fn metadata(&self, path: &str) -> Result<String, RequestError> {
        self.get(path, METADATA).await
    }

    /// The body of a response.
    pub(crate) async fn text(&self, path: &str) -> Result<String, RequestError> {
        self.get(path, "*/*").await
    }

    /// Sends a review or a dry run, of which the API server stores nothing, and returns the body of the response.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Result<String, RequestError> {
        self.answer(Method::POST, path, WHOLE, body).await
    }

    async fn get(&self, path: &str, accept: &'static str) -> Result<String, RequestError> {
        self.answer(Method::GET, path, accept, "").await
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        accept: &'static str,
        body: &str,
    ) -> Result<String, RequestError> {
        let mut attempts = 0;
        loop {
            let response = self.send(&method, path, accept, body).await?;
            let status = response.status();
            let wait = wait(&response).filter(|_| attempts < RETRIES);
            // The client collects each body before it passes the response on.
            let body = response.into_body().collect().await.map_err(RequestError::Unreachable)?.to_bytes();
            let text = String::from_utf8(body.into())
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            match wait {
                Some(wait) => {
                    attempts += 1;
                    tokio::time::sleep(wait).await;
                }
                None if status.is_success() => return Ok(text),
                None => return Err(RequestError::of(status, &text)),
            }
        }
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        accept: &'static str,
        body: &str,
    ) -> Result<Response<Body>, RequestError> {
        let mut request = Request::new(Body::from(body.as_bytes().to_vec()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().map_err(|_| RequestError::of(StatusCode::BAD_REQUEST, path))?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(self.user_agent));
        if method == Method::POST {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(WHOLE));
        }
        self.client.send(request).await.map_err(RequestError::Unreachable)
    }
}

/// The time to wait before a request is repeated, if it can succeed then.
fn wait(response: &Response<Body>) -> Option<Duration> {
    let is_overload =
        matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let named =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    is_overload.then(|| named.map_or(DEFAULT_WAIT, Duration::from_secs).min(MAX_WAIT))
}

impl RequestError {
    fn of(status: StatusCode, body: &str) -> Self {
        let failure: FailureFields<'_> = serde_json::from_str(body).unwrap_or_default();
        let reason = match failure.reason.as_str() {
            "" => status.canonical_reason().unwrap_or("Unknown"),
            reason => reason,
        };
        Self::Status {
            code: status.as_u16(),
            reason: reason.to_owned(),
            message: failure.message.as_str().to_owned(),
            next: failure.metadata.next.as_str().to_owned(),
        }
    }

    /// The reason for which a part of the cluster is not known; `None` if a command cannot go on: the API server
    /// cannot be reached, or does not know the user.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::Status { code: 401, .. } | Self::Unreachable(_) => None,
            Self::Status { reason, .. } => Some(reason.clone()),
            Self::Malformed(_) => Some("Malformed".to_owned()),
        }
    }
}

/// A text for a query, with every byte encoded that has a meaning in it.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
