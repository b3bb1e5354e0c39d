//! The watch of Namespaces: lists them, follows their changes, and resumes for as long as the program runs.
//!
//! kube-runtime's `watcher` is not used. After an event that it cannot decode, it resumes at the same version
//! and receives the same event. It restarts a watch without a pause, even if the API server ended it at once.
//! It does not report bookmarks, the only sign of life of a quiet cluster, and does not limit how long a list
//! or the start of a watch takes. Its streaming lists may be older than what was read before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::runtime::watcher::DefaultBackoff;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout_at};

use super::api::{Api, ApiError, Event, Next, RESPONSE_TIMEOUT, WATCH_TIMEOUT};
use crate::cluster::timeout::TimedOut;
use crate::namespaces::store::UpdateSource;
use crate::namespaces::{Namespace, Namespaces, report};
use crate::policy::Defaults;
use crate::telemetry::incident::Incident;
use crate::telemetry::metrics::Metrics;

/// Deadline of a watch. If the API server has not ended it by then, the connection is dead.
pub(super) const LONGEST: Duration = WATCH_TIMEOUT.saturating_add(Duration::from_secs(5));

/// A watch that ends earlier counts as failed, so that the next one begins after a pause.
const SHORTEST: Duration = Duration::from_secs(1);

/// Longest time without a new list, even if nothing fails. A watch from a version that the API server has not
/// reached, since its etcd was restored, reports nothing and does not fail.
pub(super) const RELIST: Duration = Duration::from_mins(30);

/// Longest time between two attempts, and so the age of settings after an outage.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The annotation of the bookmark that ends a list
/// (`InitialEventsAnnotationKey` in `apimachinery/pkg/apis/meta/v1/types.go`).
const END_OF_LIST: &str = "k8s.io/initial-events-end";

/// Keeps the settings of a cluster's Namespaces up to date while [`Watch::run`] runs.
pub struct Watch {
    api: Api,
    namespaces: Arc<Namespaces>,
    metrics: Arc<Metrics>,
    status: Arc<WatchStatus>,
    /// The version to resume from; `None` if a list is needed.
    version: Option<String>,
    /// When the last list began.
    listed: Option<Instant>,
    /// The defaults in force when the last list began.
    defaults: Arc<Defaults>,
    /// When the last event or bookmark arrived, or a list was complete.
    progress: Instant,
    /// Whether lists are read in pages.
    ///
    /// A list as events is in memory one object at a time: 10 000 Namespaces are read in 0.3 s, and hostile
    /// objects of 1.5 MB do not add up. API servers before 1.32, and 1.33, reject it unless the feature gate
    /// `WatchList` is set; their lists are read in small pages.
    in_pages: bool,
}

impl Watch {
    pub(super) fn new(api: Api, namespaces: Arc<Namespaces>, metrics: Arc<Metrics>) -> Self {
        let (status, version, listed, in_pages) = Default::default();
        let (defaults, progress) = (namespaces.defaults(), Instant::now());
        Self { api, namespaces, metrics, status, version, listed, defaults, progress, in_pages }
    }

    /// Returns the readiness check of the Namespaces: it fails before the first complete list, and carries a
    /// note while changes are not seen.
    pub fn check(&self) -> impl Fn() -> Result<Option<&'static str>, String> + Send + Sync + 'static + use<> {
        let status = Arc::clone(&self.status);
        move || status.check()
    }

    /// Lists and watches forever. The pause after a failure grows up to ten seconds.
    pub async fn run(mut self) {
        self.metrics.record_watch_activity();
        let mut backoff = DefaultBackoff::default();
        loop {
            // Before each attempt, so that no failure postpones a due list.
            if self.is_list_due() {
                self.version = None;
            }
            let Err(error) = self.list_and_watch().await else { continue };
            if self.version.is_none() && !self.in_pages && error.is_invalid() {
                self.in_pages = true;
                continue;
            }
            self.status.failed(&error);
            if self.version.is_none() {
                // An API server without lists as events, or a proxy in front of it, may never end one.
                self.in_pages ^= matches!(error, ApiError::CutShort | ApiError::Stalled(_));
            } else if error.needs_list() {
                self.version = None;
                // Events were missed, so list at once, unless the last list is recent: lists are expensive.
                if self.listed.is_none_or(|listed| listed.elapsed() >= WATCH_TIMEOUT) {
                    continue;
                }
            }
            sleep(backoff.next().unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)).await;
        }
    }

    /// Whether the last list is too old, or was read with other defaults.
    fn is_list_due(&self) -> bool {
        let is_old = self.listed.is_none_or(|listed| listed.elapsed() >= RELIST);
        is_old || !Arc::ptr_eq(&self.defaults, &self.namespaces.defaults())
    }

    /// Lists if a list is needed, then watches once.
    async fn list_and_watch(&mut self) -> Result<(), ApiError> {
        if self.version.is_none() {
            self.listed = Some(Instant::now());
            self.defaults = self.namespaces.defaults();
            self.namespaces.begin_list();
            if self.in_pages {
                self.list_in_pages().await?;
            }
        }
        let began = Instant::now();
        let events = self.api.watch(self.version.as_deref()).await?;
        self.follow(events, began).await?;
        if self.version.is_none() || began.elapsed() < SHORTEST {
            return Err(ApiError::CutShort);
        }
        if self.progress.elapsed() >= LONGEST {
            return Err(ApiError::NoProgress(LONGEST));
        }
        Ok(())
    }

    async fn list_in_pages(&mut self) -> Result<(), ApiError> {
        let mut token = None;
        loop {
            let namespaces = &self.namespaces;
            match self.api.list(token, |object| listed(namespaces, object)).await? {
                Next::Page(next) => token = Some(next),
                Next::Version(version) => {
                    self.complete_list(version);
                    return Ok(());
                }
            }
        }
    }

    /// Follows one watch to its end.
    async fn follow(
        &mut self,
        mut events: impl Stream<Item = Result<Event, ApiError>> + Unpin,
        began: Instant,
    ) -> Result<(), ApiError> {
        loop {
            let is_list = self.version.is_none();
            let (limit, from) = if is_list { (RESPONSE_TIMEOUT, Instant::now()) } else { (LONGEST, began) };
            let event = timeout_at(from + limit, events.next()).await;
            match event.map_err(|_| ApiError::Stalled(TimedOut(limit)))? {
                None => return Ok(()),
                Some(Err(ApiError::Unreadable)) if is_list => report::nameless(),
                Some(event) => self.apply(event?)?,
            }
        }
    }

    /// Applies an event to the store.
    fn apply(&mut self, event: Event) -> Result<(), ApiError> {
        match event {
            Event::Added(object) | Event::Modified(object) if self.version.is_none() => {
                listed(&self.namespaces, &object);
                return Ok(());
            }
            Event::Added(object) | Event::Modified(object) => match WatchedObject::parse(&object) {
                WatchedObject::Namespace(namespace) => {
                    self.namespaces.apply(&namespace, UpdateSource::Event);
                    self.set_version(namespace.version());
                }
                WatchedObject::Unreadable(name) => self.namespaces.forget(&name),
                // It could be any Namespace.
                WatchedObject::Nameless => return Err(ApiError::Nameless),
            },
            Event::Deleted(object) => match WatchedObject::parse(&object) {
                WatchedObject::Namespace(namespace) => {
                    self.namespaces.remove(namespace.name());
                    self.set_version(namespace.version());
                }
                WatchedObject::Unreadable(name) => self.namespaces.remove(&name),
                WatchedObject::Nameless => return Err(ApiError::Nameless),
            },
            Event::Bookmark(bookmark) if self.version.is_none() => {
                if bookmark.metadata.annotations.contains_key(END_OF_LIST) {
                    self.complete_list(bookmark.metadata.resource_version);
                }
                return Ok(());
            }
            Event::Bookmark(bookmark) => self.set_version(&bookmark.metadata.resource_version),
            Event::Error(status) => return Err(ApiError::from(kube::Error::Api(status)).in_watch()),
        }
        self.namespaces.measure(&self.metrics);
        self.record_progress();
        Ok(())
    }

    fn set_version(&mut self, version: &str) {
        if !version.is_empty() {
            self.version = Some(version.to_owned());
        }
    }

    fn complete_list(&mut self, version: String) {
        self.namespaces.complete_list();
        self.version = Some(version);
        self.namespaces.measure(&self.metrics);
        self.status.listed(self.namespaces.len());
        self.record_progress();
    }

    /// Records that settings are current. Accepting a watch does not count, since the API server may accept
    /// each one and report nothing.
    fn record_progress(&mut self) {
        self.progress = Instant::now();
        self.metrics.record_watch_activity();
        self.status.recovered();
    }
}

/// Applies an object of a list to the store.
fn listed(namespaces: &Namespaces, object: &RawValue) {
    match WatchedObject::parse(object) {
        WatchedObject::Namespace(namespace) => namespaces.apply(&namespace, UpdateSource::List),
        WatchedObject::Unreadable(name) => namespaces.forget(&name),
        WatchedObject::Nameless => report::nameless(),
    }
}

/// An object as the API server sent it.
enum WatchedObject<'a> {
    Namespace(Namespace<'a>),
    /// A Namespace with this name, in which a field that is read has the wrong type.
    Unreadable(String),
    /// An object without a readable name.
    Nameless,
}

#[derive(Deserialize)]
struct Named {
    metadata: Name,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl<'a> WatchedObject<'a> {
    fn parse(object: &'a RawValue) -> Self {
        match serde_json::from_str::<Namespace<'_>>(object.get()) {
            Ok(namespace) if namespace.name().is_empty() => Self::Nameless,
            Ok(namespace) => Self::Namespace(namespace),
            Err(_) => serde_json::from_str::<Named>(object.get())
                .map_or(Self::Nameless, |object| Self::Unreadable(object.metadata.name)),
        }
    }
}

/// The state of the watch, as reported by `/readyz` and the log.
#[derive(Debug, Default)]
struct WatchStatus {
    /// Whether any list was complete.
    is_listed: AtomicBool,
    incident: Mutex<Incident>,
}

impl WatchStatus {
    fn listed(&self, namespaces: usize) {
        if self.is_listed.swap(true, Ordering::Relaxed) {
            tracing::debug!(namespaces, "listed the Namespaces that opted in again");
        } else {
            tracing::info!(namespaces, "listed the Namespaces that opted in");
        }
    }

    fn recovered(&self) {
        if self.incident().recovered() {
            tracing::info!("the Namespaces are watched again");
        }
    }

    fn failed(&self, error: &ApiError) {
        if matches!(error, ApiError::Gone) {
            tracing::info!("the watch of the Namespaces is too far behind; they are listed again");
        } else if self.incident().failed(&error.to_string()) {
            tracing::warn!(%error, "the Namespaces cannot be watched; cached settings stay in use");
        } else {
            tracing::debug!(%error, "the Namespaces still cannot be watched");
        }
    }

    /// A replica that was ready stays ready, since cached settings stay in use.
    fn check(&self) -> Result<Option<&'static str>, String> {
        let incident = self.incident();
        if self.is_listed.load(Ordering::Relaxed) {
            let note = "changes are not seen at present; cached settings stay in use";
            return Ok(incident.message().map(|_| note));
        }
        let reason = incident.message().map(|reason| format!(": {reason}")).unwrap_or_default();
        Err(format!("no complete list yet{reason}"))
    }

    fn incident(&self) -> std::sync::MutexGuard<'_, Incident> {
        self.incident.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
