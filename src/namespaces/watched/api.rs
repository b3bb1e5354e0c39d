//! The three questions to the API server: list, watch, get. All are about metadata only.

use std::pin::pin;
use std::time::Duration;

use futures_util::io::{AsyncBufRead, AsyncBufReadExt};
use futures_util::{Stream, StreamExt};
use kube::api::{GetParams, ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use kube::{Client, Error as ClientError};
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::metadata::Item;
use super::page::{Next, Page};
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};
use crate::telemetry::chain;

/// Objects on a page of a list.
const PAGE: u32 = 500;

/// A page of a list, or the head of a watch.
const ANSWER: Duration = Duration::from_secs(15);

/// The API server ends a watch after this time, and the next one begins.
pub(super) const WATCH: Duration = Duration::from_mins(1);

/// What was not there when it should have been.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("the API server ended the watch at once")]
    CutShort,
    #[error("the API server no longer has the version to go on from")]
    Gone,
    #[error("an object has no name")]
    Nameless,
    #[error("the API server answered {code} {reason}: {message}")]
    Refused { code: u16, reason: String, message: String },
    #[error("no answer from the API server within {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the API server cannot be asked: {0}")]
    Unreachable(String),
    #[error("the API server's answer has another shape than expected")]
    Unreadable,
}

impl ApiError {
    /// Whether a watch cannot go on without a new list.
    pub(super) fn needs_list(&self) -> bool {
        matches!(self, Self::Gone | Self::Nameless | Self::Unreadable)
    }

    /// Whether the same question may be answered a moment later. Tokens expire, and new ones are read.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Refused { code, .. } => matches!(code, 401 | 429 | 500..),
            Self::Silent(_) | Self::Unreachable(_) => true,
            Self::CutShort | Self::Gone | Self::Nameless | Self::Unreadable => false,
        }
    }

    fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, reason, .. } if reason == "NotFound")
    }
}

/// Longest text of others in an error, in characters.
const MAX_MESSAGE: usize = 300;

fn cut(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Api(status) if status.code == 410 => Self::Gone,
            // The client takes any JSON object for a status.
            ClientError::Api(status) if status.code == 0 => Self::Unreadable,
            ClientError::Api(status) => Self::Refused {
                code: status.code,
                reason: cut(&status.reason),
                message: cut(&status.message),
            },
            ClientError::Service(error) => Self::Unreachable(cut(&chain(error.as_ref()))),
            // Their words quote what they could not read.
            ClientError::SerdeError(_) | ClientError::FromUtf8(_) => Self::Unreadable,
            error => Self::Unreachable(cut(&error.to_string())),
        }
    }
}

impl From<kube::core::request::Error> for ApiError {
    fn from(error: kube::core::request::Error) -> Self {
        Self::Unreachable(cut(&error.to_string()))
    }
}

/// What a watch tells.
#[derive(Debug)]
pub(super) enum Event {
    /// An object is new or changed.
    Applied(Item),
    /// An object is gone, or the selector does not choose it any more.
    Deleted(Item),
    /// Nothing happened up to this version.
    Version(String),
}

/// The API server, as far as Namespaces are concerned.
#[derive(Clone)]
pub(super) struct Api(Client);

impl Api {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    /// A page of those that carry the label: the first one, or the one that the token stands for. Hands over
    /// each object as it comes, and returns what follows the page.
    pub(super) async fn list(&self, token: Option<String>, take: impl FnMut(Item)) -> Result<Next, ApiError> {
        let parameters = ListParams {
            label_selector: Some(selector()),
            limit: Some(PAGE),
            continue_token: token,
            ..ListParams::default()
        };
        let request = namespaces().list_metadata(&parameters)?;
        within(ANSWER, async { read_page(self.0.request_stream(request).await?, take).await }).await
    }

    /// What happens from a version on, for up to [`WATCH`].
    pub(super) async fn watch(
        &self,
        version: &str,
    ) -> Result<impl Stream<Item = Result<Event, ApiError>> + use<>, ApiError> {
        let parameters = WatchParams {
            label_selector: Some(selector()),
            timeout: u32::try_from(WATCH.as_secs()).ok(),
            bookmarks: true,
            ..WatchParams::default()
        };
        let request = namespaces().watch_metadata(&parameters, version)?;
        let events = self.0.request_events::<Box<RawValue>>(request);
        let events = within(ANSWER, async { Ok(events.await?) }).await?;
        Ok(StreamExt::map(events, |event| read_event(event?)))
    }

    /// A Namespace by its name, which must be a DNS label; `None` if it does not exist.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Item>, ApiError> {
        let request = namespaces().get_metadata(name, &GetParams::default())?;
        let text = match self.0.request_text(request).await.map_err(ApiError::from) {
            Err(error) if error.is_not_found() => return Ok(None),
            text => text?,
        };
        let item: &RawValue = serde_json::from_str(&text).map_err(|_| ApiError::Unreadable)?;
        Ok(Some(Item::parse(item.get().as_bytes())))
    }
}

fn namespaces() -> Request {
    Request::new("/api/v1/namespaces")
}

fn selector() -> String {
    format!("{OPT_IN_LABEL}={OPT_IN_VALUE}")
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    timeout(limit, answer).await.map_err(|_| ApiError::Silent(limit))?
}

async fn read_page(body: impl AsyncBufRead, mut take: impl FnMut(Item)) -> Result<Next, ApiError> {
    let (mut body, mut page) = (pin!(body), Page::default());
    loop {
        let bytes = body.fill_buf().await.map_err(|error| ApiError::Unreachable(cut(&chain(&error))))?;
        let length = bytes.len();
        if length == 0 {
            return page.end().ok_or(ApiError::Unreadable);
        }
        page.read(bytes, &mut take);
        body.consume_unpin(length);
    }
}

fn read_event(event: WatchEvent<Box<RawValue>>) -> Result<Event, ApiError> {
    let item = |object: &RawValue| Item::parse(object.get().as_bytes());
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => Ok(Event::Applied(item(&object))),
        WatchEvent::Deleted(object) => Ok(Event::Deleted(item(&object))),
        WatchEvent::Bookmark(bookmark) => Ok(Event::Version(bookmark.metadata.resource_version)),
        WatchEvent::Error(status) => Err(ClientError::Api(status).into()),
    }
}
