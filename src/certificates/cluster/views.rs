//! The Secret and the configuration as this replica sees them: watched one by one, by name.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::api::{Api, ApiResource};
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event, watcher};

use crate::cluster::timeout::REQUEST_TIMEOUT;

/// How long a watch lasts: one whose connection is dead is noticed after that.
const WATCH: Duration = Duration::from_mins(1);

/// The longest time from one failure of a watch to the next: kube waits for 30 s and by chance up to
/// twice as long, and then the API server has [`REQUEST_TIMEOUT`].
pub(super) const LONGEST_PAUSE: Duration =
    Duration::from_mins(1).saturating_add(REQUEST_TIMEOUT).saturating_add(Duration::from_secs(5));

/// What is known of one object.
#[derive(Debug, Default)]
pub(super) enum Seen {
    /// Nothing yet.
    #[default]
    Nothing,
    /// It does not exist.
    Absent,
    /// It exists.
    Object(Box<DynamicObject>),
}

impl Seen {
    /// Whether anything is known.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// The object, if it is known to exist.
    pub(super) fn object(&self) -> Option<&DynamicObject> {
        match self {
            Self::Nothing | Self::Absent => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// One object, kept up to date.
pub(super) struct View {
    events: Pin<Box<dyn Stream<Item = watcher::Result<Event<DynamicObject>>> + Send>>,
    listed: bool,
    pub(super) seen: Seen,
}

/// What happened to a view.
pub(super) enum Change {
    /// The object changed, or appeared, or went.
    Changed,
    /// Nothing that matters.
    Same,
    /// It is time to look again.
    Due,
    /// The watch failed; it is tried again after a pause that grows.
    Failed(String),
}

impl View {
    /// Watches the object of this name. The right to list and watch is bound to its name, so the
    /// requests have to select it.
    pub(super) fn new(api: Api<DynamicObject>, name: &str) -> Self {
        let seconds = u32::try_from(WATCH.as_secs()).unwrap_or(u32::MAX);
        let config = Config::default().fields(&format!("metadata.name={name}")).timeout(seconds);
        Self { events: watcher(api, config).default_backoff().boxed(), listed: false, seen: Seen::Nothing }
    }

    /// Waits for the next event.
    pub(super) async fn next(&mut self) -> Change {
        match self.events.next().await {
            Some(Ok(event)) => self.take(event),
            Some(Err(error)) => Change::Failed(crate::telemetry::chain(&error)),
            // The stream never ends; should it, nothing is seen any more.
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, event: Event<DynamicObject>) -> Change {
        match event {
            Event::Init => {
                self.listed = false;
                return Change::Same;
            }
            Event::InitApply(object) => {
                self.listed = true;
                self.seen = Seen::Object(Box::new(object));
            }
            Event::Apply(object) => self.seen = Seen::Object(Box::new(object)),
            Event::InitDone if self.listed => return Change::Same,
            Event::InitDone | Event::Delete(_) => self.seen = Seen::Absent,
        }
        Change::Changed
    }
}

/// The type of Secrets, read as untyped objects.
pub(super) fn secrets() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&())
}

/// The type of webhook configurations, read as untyped objects.
pub(super) fn configurations() -> ApiResource {
    ApiResource::erase::<k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration>(&())
}
