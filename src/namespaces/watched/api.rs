//! The requests to the API server: watch, list, get. All of them ask for metadata only.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::api::{GetParams, ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use kube::{Client, Error as ClientError};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cluster::timeout::{TimedOut, with_timeout};
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};
use crate::telemetry::{chain, cut};

/// Objects on a page of a list.
///
/// A page is in memory as a whole, for a moment in three copies, and hostile `managedFields` make an object
/// 1.5 MB large: 20 of them take 90 MB. 10 000 Namespaces take 500 requests, about 2 s.
const PAGE: u32 = 20;

/// Deadline for a page, the head of a watch, or the next object of a list.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// Length of a watch: the API server ends it after this time, and the next one begins.
pub(super) const WATCH_TIMEOUT: Duration = Duration::from_mins(1);

/// An event of a watch. Its object is parsed later, so that an unreadable one does not end the watch.
pub(super) type Event = WatchEvent<Box<RawValue>>;

/// Why a request has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("the API server ended the watch at once")]
    CutShort,
    #[error("the API server no longer has the version to resume from")]
    Gone,
    /// The API server reported an error in the middle of a watch.
    #[error("the API server ended the watch: {code} {reason}: {message}")]
    Interrupted { code: u16, reason: String, message: String },
    #[error("an object has no name")]
    Nameless,
    #[error("the watch reported neither an event nor a bookmark for {} s", .0.as_secs())]
    NoProgress(Duration),
    /// The API server accepted a list or a watch, and then sent nothing in time.
    #[error(transparent)]
    Stalled(TimedOut),
    #[error("the API server answered {code} {reason}: {message}")]
    Status { code: u16, reason: String, message: String },
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    #[error("unexpected response from the API server")]
    Unreadable,
}

impl ApiError {
    /// Whether a new list is needed: a watch from the same version would receive the same event again.
    pub(super) fn needs_list(&self) -> bool {
        matches!(self, Self::Gone | Self::Interrupted { .. } | Self::Nameless | Self::Unreadable)
    }

    /// The error as one of an open watch.
    pub(super) fn in_watch(self) -> Self {
        match self {
            Self::Status { code, reason, message } => Self::Interrupted { code, reason, message },
            error => error,
        }
    }

    /// Whether the API server rejects the parameters of a request.
    pub(super) fn is_invalid(&self) -> bool {
        matches!(self, Self::Status { code: 400 | 422, .. })
    }

    /// Whether the same request may succeed a moment later. 401 counts, since expired tokens are replaced.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 401 | 429 | 500..),
            Self::Stalled(_) | Self::TimedOut(_) | Self::Unreachable(_) => true,
            Self::CutShort
            | Self::Gone
            | Self::Interrupted { .. }
            | Self::Nameless
            | Self::NoProgress(_)
            | Self::Unreadable => false,
        }
    }

    fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { code: 404, reason, .. } if reason == "NotFound")
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Api(status) if status.code == 410 => Self::Gone,
            // kube parses any JSON object as a status.
            ClientError::Api(status) if status.code == 0 => Self::Unreadable,
            ClientError::Api(status) => {
                Self::Status { code: status.code, reason: cut(&status.reason), message: cut(&status.message) }
            }
            ClientError::Service(error) => match error.downcast::<TimedOut>() {
                Ok(timed_out) => Self::TimedOut(*timed_out),
                Err(error) => Self::Unreachable(cut(&chain(error.as_ref()))),
            },
            // Their messages quote the unreadable text.
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

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    resource_version: Option<String>,
    r#continue: Option<String>,
}

/// The continuation of a list after a page.
pub(super) enum Next {
    /// Another page, with this continue token.
    Page(String),
    /// None: the list is complete as of this version.
    Version(String),
}

/// Requests about Namespaces to the API server.
#[derive(Clone)]
pub(super) struct Api(Client);

impl Api {
    pub(super) fn new(client: Client) -> Self {
        Self(with_timeout(client, RESPONSE_TIMEOUT))
    }

    /// Watches the Namespaces that carry the label for up to [`WATCH_TIMEOUT`], from a version on. Without one, the
    /// watch begins with a list as events, which ends with a bookmark.
    pub(super) async fn watch(
        &self,
        version: Option<&str>,
    ) -> Result<impl Stream<Item = Result<Event, ApiError>> + Unpin + use<>, ApiError> {
        let parameters = WatchParams {
            label_selector: Some(selector()),
            timeout: u32::try_from(WATCH_TIMEOUT.as_secs()).ok(),
            bookmarks: true,
            send_initial_events: version.is_none(),
            ..WatchParams::default()
        };
        let request = namespaces().watch_metadata(&parameters, version.unwrap_or_default())?;
        let events = self.0.request_events(request).await?;
        Ok(StreamExt::map(events, |event| event.map_err(|error| ApiError::from(error).in_watch())).boxed())
    }

    /// Lists a page of the Namespaces that carry the label: the first one, or that of a continue token.
    pub(super) async fn list(
        &self,
        token: Option<String>,
        take: impl FnMut(&RawValue),
    ) -> Result<Next, ApiError> {
        let parameters = ListParams {
            label_selector: Some(selector()),
            limit: Some(PAGE),
            continue_token: token,
            ..ListParams::default()
        };
        let request = namespaces().list_metadata(&parameters)?;
        let text = self.0.request_text(request).await?;
        let Page { metadata, items } = serde_json::from_str(&text).map_err(|_| ApiError::Unreadable)?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let next = match (given(metadata.r#continue), given(metadata.resource_version)) {
            (Some(token), _) => Next::Page(token),
            (None, Some(version)) => Next::Version(version),
            (None, None) => return Err(ApiError::Unreadable),
        };
        items.into_iter().flatten().for_each(take);
        Ok(next)
    }

    /// Reads a Namespace by its name, which must be a DNS label; `None` if it does not exist.
    pub(super) async fn get(&self, name: &str) -> Result<Option<String>, ApiError> {
        let request = namespaces().get_metadata(name, &GetParams::default())?;
        match self.0.request_text(request).await.map_err(ApiError::from) {
            Err(error) if error.is_not_found() => Ok(None),
            text => Ok(Some(text?)),
        }
    }
}

fn namespaces() -> Request {
    Request::new("/api/v1/namespaces")
}

fn selector() -> String {
    format!("{OPT_IN_LABEL}={OPT_IN_VALUE}")
}
