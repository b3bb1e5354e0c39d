//! The watch: list, follow, and begin again, for as long as the program runs.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use kube::runtime::watcher::DefaultBackoff;
use tokio::time::{Instant, sleep, timeout};

use super::api::{Api, ApiError, Event, WATCH};
use super::cache::{Cache, Change};
use super::metadata::Item;
use super::page::Next;
use super::recent::Recent;
use super::status::Status;
use crate::namespaces::known;
use crate::telemetry::metrics::Metrics;

/// A watch that the API server has not ended by then is dead: nobody answers at the other end.
pub(super) const LONGEST: Duration = WATCH.saturating_add(Duration::from_secs(5));

/// A watch that ends before counts as failed, so that nobody is asked without end.
const SHORTEST: Duration = Duration::from_secs(1);

/// After a list comes the next one, though nothing failed. A watch from a version that the API server has not
/// reached, since its etcd was restored, tells of nothing and fails never.
pub(super) const RELIST: Duration = Duration::from_mins(30);

/// Longest time between two attempts: after an outage, settings are not old for longer.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Keeps the settings of a cluster's Namespaces up to date while [`Watch::run`] runs.
pub struct Watch {
    pub(super) api: Api,
    pub(super) cache: Cache,
    pub(super) recent: Arc<Recent>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) status: Arc<Status>,
    /// When the last list began.
    pub(super) listed: Option<Instant>,
}

impl Watch {
    /// What `/readyz` says about the Namespaces: an error before the first complete list, later a note
    /// while changes are not seen.
    pub fn check(&self) -> impl Fn() -> Result<Option<&'static str>, String> + Send + Sync + 'static + use<> {
        let status = Arc::clone(&self.status);
        move || status.check()
    }

    /// Watches without end. Whatever fails is tried again, later and later up to ten seconds.
    pub async fn run(mut self) {
        self.metrics.record_watch_activity();
        let mut backoff = DefaultBackoff::default();
        let mut version = None;
        loop {
            let Err(error) = self.turn(&mut version).await else {
                version.take_if(|_| self.listed.is_some_and(|listed| listed.elapsed() >= RELIST));
                continue;
            };
            self.status.failed(&error);
            if error.needs_list() {
                version = None;
                // What happened meanwhile nobody saw; but a list is dear.
                if self.listed.is_none_or(|listed| listed.elapsed() >= WATCH) {
                    continue;
                }
            }
            sleep(backoff.next().unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)).await;
        }
    }

    /// A list, if one is needed, and one watch.
    async fn turn(&mut self, version: &mut Option<String>) -> Result<(), ApiError> {
        let version = match version {
            Some(version) => version,
            None => version.insert(self.list().await?),
        };
        let began = Instant::now();
        timeout(LONGEST, self.follow(version)).await.unwrap_or(Err(ApiError::Silent(LONGEST)))?;
        if began.elapsed() < SHORTEST {
            return Err(ApiError::CutShort);
        }
        self.status.watching();
        Ok(())
    }

    /// Lists all, page by page; the version to watch from.
    async fn list(&mut self) -> Result<String, ApiError> {
        self.listed = Some(Instant::now());
        self.cache.begin();
        let mut token = None;
        loop {
            let cache = &mut self.cache;
            let next = self.api.list(token, |item| report(cache.listed(item))).await?;
            self.metrics.record_watch_activity();
            match next {
                Next::Page(next) => token = Some(next),
                Next::Version(version) => {
                    self.cache.complete();
                    self.metrics.set_namespaces(self.cache.len());
                    self.status.listed(self.cache.len());
                    return Ok(version);
                }
            }
        }
    }

    /// Follows one watch to its end, and notes how far it came.
    async fn follow(&mut self, version: &mut String) -> Result<(), ApiError> {
        let mut events = pin!(self.api.watch(version).await?);
        self.metrics.record_watch_activity();
        while let Some(event) = events.try_next().await? {
            self.metrics.record_watch_activity();
            self.status.watching();
            if let Some(reached) = self.take(event)?.filter(|version| !version.is_empty()) {
                *version = reached;
            }
        }
        self.metrics.record_watch_activity();
        Ok(())
    }

    /// Takes over what happened; the version that this is, if it can be told.
    fn take(&mut self, event: Event) -> Result<Option<String>, ApiError> {
        let reached = match event {
            Event::Version(version) => Some(version),
            Event::Applied(item) => {
                let reached = reached(&item)?;
                let change = self.cache.apply(item);
                if let Change::Settings(name, _) = &change {
                    self.recent.note(name);
                }
                report(change);
                reached
            }
            Event::Deleted(item) => {
                let reached = reached(&item)?;
                self.cache.remove(item.name().map_or("", |name| name));
                reached
            }
        };
        self.metrics.set_namespaces(self.cache.len());
        Ok(reached)
    }
}

fn report(change: Change) {
    match change {
        Change::None => {}
        Change::Settings(namespace, settings) => known::warn(&namespace, &settings),
        Change::Nameless => {
            tracing::warn!("an object without a name in the list of Namespaces is passed over");
        }
        Change::Unreadable(namespace) => {
            let namespace = &*namespace;
            tracing::warn!(
                namespace,
                "this Namespace cannot be read: its Pods get 503 unless a live look-up can read it"
            );
        }
    }
}

/// The version that an object stands for; an object without a name could be any.
fn reached(item: &Item) -> Result<Option<String>, ApiError> {
    match item {
        Item::Namespace(namespace) => Ok(Some(namespace.version.clone())),
        Item::Unreadable { name: Some(_) } => Ok(None),
        Item::Unreadable { name: None } => Err(ApiError::Nameless),
    }
}
