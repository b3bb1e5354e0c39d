//! Watches the Secret and the configuration, each by its name.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::api::{Api, ApiResource};
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event, watcher};

use crate::cluster::object::LenientObject;
use crate::cluster::timeout::REQUEST_TIMEOUT;

/// How long a watch lasts, and so the delay before a dead connection is noticed.
const WATCH_TIMEOUT: Duration = Duration::from_mins(1);

/// The longest time from one failure of a watch to the next: kube backs off for 30 s and up to as long again
/// at random, and then the API server has [`REQUEST_TIMEOUT`].
pub(super) const MAX_RETRY_INTERVAL: Duration =
    Duration::from_mins(1).saturating_add(REQUEST_TIMEOUT).saturating_add(Duration::from_secs(5));

/// The last observation of one object.
#[derive(Debug, Default)]
pub(super) enum Observed {
    /// The object was not observed yet.
    #[default]
    Unknown,
    /// The object does not exist.
    Absent,
    /// The object exists.
    Present(Box<DynamicObject>),
}

impl Observed {
    /// Whether the object was observed.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// The object, if it is known to exist.
    pub(super) fn object(&self) -> Option<&DynamicObject> {
        match self {
            Self::Unknown | Self::Absent => None,
            Self::Present(object) => Some(object),
        }
    }
}

/// A watch of one object.
pub(super) struct ObjectWatch {
    events: Pin<Box<dyn Stream<Item = watcher::Result<Event<LenientObject>>> + Send>>,
    listed: bool,
    pub(super) observed: Observed,
}

/// The result of waiting for a watch.
pub(super) enum WatchUpdate {
    /// The object was created, changed or deleted.
    Changed,
    /// The event does not concern the object.
    Unchanged,
    /// The watch failed; it is retried with an exponential backoff.
    Failed(String),
}

impl ObjectWatch {
    /// Watches the object of this name. Our right to list and watch covers this name only, so the requests
    /// have to select it.
    pub(super) fn new(api: Api<LenientObject>, name: &str) -> Self {
        let seconds = u32::try_from(WATCH_TIMEOUT.as_secs()).unwrap_or(u32::MAX);
        let config = Config::default().fields(&format!("metadata.name={name}")).timeout(seconds);
        let events = watcher(api, config).default_backoff().boxed();
        Self { events, listed: false, observed: Observed::Unknown }
    }

    /// Waits for the next event.
    pub(super) async fn next(&mut self) -> WatchUpdate {
        match self.events.next().await {
            Some(Ok(event)) => self.apply(event),
            Some(Err(error)) => WatchUpdate::Failed(crate::telemetry::chain(&error)),
            // kube's stream never ends.
            None => std::future::pending().await,
        }
    }

    fn apply(&mut self, event: Event<LenientObject>) -> WatchUpdate {
        match event {
            Event::Init => {
                self.listed = false;
                return WatchUpdate::Unchanged;
            }
            Event::InitApply(LenientObject(object)) => {
                self.listed = true;
                self.observed = Observed::Present(Box::new(object));
            }
            Event::Apply(LenientObject(object)) => self.observed = Observed::Present(Box::new(object)),
            Event::InitDone if self.listed => return WatchUpdate::Unchanged,
            Event::InitDone | Event::Delete(_) => self.observed = Observed::Absent,
        }
        WatchUpdate::Changed
    }
}

/// The type of Namespaces, read as untyped objects.
pub(super) fn namespaces() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::core::v1::Namespace>(&())
}

/// The type of Secrets, read as untyped objects.
pub(super) fn secrets() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&())
}

/// The type of webhook configurations, read as untyped objects.
pub(super) fn configurations() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration>(&())
}
