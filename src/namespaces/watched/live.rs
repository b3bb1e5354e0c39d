//! The live lookup of a Namespace whose settings the watch may not have reported yet.
//!
//! Concurrent lookups of a Namespace share one request. Its answer is valid only for callers that asked
//! before it was sent, since the Namespace may have been labelled or annotated meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::api::{Api, ApiError};
use crate::cluster::timeout::TimedOut;
use crate::namespaces::{CurrentDefaults, Lookup, Namespace};
use crate::policy::NamespaceSettings;
use crate::rfc1123::is_label;
use crate::telemetry::incident::Incident;

/// Deadline of a lookup.
pub(super) const BUDGET: Duration = Duration::from_secs(2);

/// Most requests in flight to the API server; further ones wait in order.
pub(super) const MAX_REQUESTS: usize = 16;

/// Most lookups in progress, including waiting ones. Any further one fails.
pub(super) const MAX_LOOKUPS: usize = 1024;

/// Recovery is reported after this time without a failure, since failures may be intermittent.
const CALM: Duration = Duration::from_secs(10);

/// The pause after the first failure of a lookup, doubled after each further one.
const RETRY: Duration = Duration::from_millis(100);

/// Looks up Namespaces, with one request for all concurrent lookups of a name.
pub(in crate::namespaces) struct LiveLookup(Arc<Shared>);

struct Shared {
    api: Api,
    defaults: CurrentDefaults,
    running: Mutex<HashMap<Arc<str>, watch::Receiver<Option<Answer>>>>,
    permits: Semaphore,
    incident: Mutex<Incident>,
}

#[derive(Clone)]
struct Answer {
    /// When the request was sent.
    sent: Instant,
    lookup: Lookup,
}

impl fmt::Debug for LiveLookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LiveLookup").finish_non_exhaustive()
    }
}

impl LiveLookup {
    pub(super) fn new(api: Api, defaults: CurrentDefaults) -> Self {
        let permits = Semaphore::new(MAX_REQUESTS);
        let incident = Mutex::new(Incident::with_calm(CALM));
        Self(Arc::new(Shared { api, defaults, running: Mutex::default(), permits, incident }))
    }

    /// Looks up a Namespace at the API server, within [`BUDGET`].
    pub(in crate::namespaces) async fn look_up(&self, name: &str) -> Lookup {
        // No Namespace has any other name, which would also be unsafe in a URL.
        if !is_label(name) {
            return Lookup::NotOptedIn;
        }
        timeout(BUDGET, self.answer(name, Instant::now())).await.unwrap_or(Lookup::Unavailable)
    }

    async fn answer(&self, name: &str, asked: Instant) -> Lookup {
        loop {
            let Some(mut running) = self.join(name) else { return Lookup::Unavailable };
            let Ok(answer) = running.wait_for(Option::is_some).await.map(|answer| answer.clone()) else {
                return Lookup::Unavailable;
            };
            if let Some(answer) = answer.filter(|answer| answer.sent >= asked) {
                return answer.lookup;
            }
        }
    }

    /// Joins the lookup of this name in progress, or starts one; `None` if there are too many.
    fn join(&self, name: &str) -> Option<watch::Receiver<Option<Answer>>> {
        let mut running = self.0.running();
        if let Some(receiver) = running.get(name) {
            return Some(receiver.clone());
        }
        if running.len() >= MAX_LOOKUPS {
            return None;
        }
        let name: Arc<str> = name.into();
        let (sender, receiver) = watch::channel(None);
        running.insert(Arc::clone(&name), receiver.clone());
        let entry = LookupGuard { shared: Arc::clone(&self.0), name };
        // A separate task, since the first caller may disconnect while others still wait.
        tokio::spawn(async move {
            let answer = entry.shared.ask(&entry.name).await;
            // Dropped first, so that no caller joins a completed lookup.
            drop(entry);
            sender.send_replace(Some(answer));
        });
        Some(receiver)
    }
}

/// A lookup in progress, until this is dropped.
struct LookupGuard {
    shared: Arc<Shared>,
    name: Arc<str>,
}

impl Drop for LookupGuard {
    fn drop(&mut self) {
        self.shared.running().remove(&self.name);
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, HashMap<Arc<str>, watch::Receiver<Option<Answer>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn incident(&self) -> MutexGuard<'_, Incident> {
        self.incident.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, name: &str) -> Answer {
        let began = Instant::now();
        let mut sent = began;
        let asked = timeout(BUDGET, async {
            // The semaphore is never closed.
            let _permit = self.permits.acquire().await;
            sent = Instant::now();
            self.get(name, began + BUDGET).await
        });
        let lookup = match asked.await.unwrap_or(Err(ApiError::TimedOut(TimedOut(BUDGET)))) {
            Ok(lookup) => {
                self.succeeded();
                lookup
            }
            Err(error) => {
                self.failed(&error);
                Lookup::Unavailable
            }
        };
        Answer { sent, lookup }
    }

    fn succeeded(&self) {
        if self.incident().recovered() {
            tracing::info!("live lookups of Namespaces succeed again");
        }
    }

    fn failed(&self, error: &ApiError) {
        // Different errors of concurrent lookups are one incident.
        if self.incident().failed("failed") {
            tracing::warn!(%error, "a live lookup of a Namespace failed; without cached settings its Pods get 503");
        }
    }

    /// Retries until there is an answer, or no time is left for another request.
    async fn get(&self, name: &str, until: Instant) -> Result<Lookup, ApiError> {
        let mut wait = RETRY;
        loop {
            match self.api.get(name).await {
                Err(error) if error.is_temporary() && Instant::now() + wait < until => {
                    tracing::debug!(%error, "a live lookup of a Namespace is tried again");
                    sleep(wait).await;
                    wait *= 2;
                }
                answer => return self.read(name, answer?),
            }
        }
    }

    fn read(&self, name: &str, text: Option<String>) -> Result<Lookup, ApiError> {
        let Some(text) = text else { return Ok(Lookup::NotOptedIn) };
        match serde_json::from_str::<Namespace<'_>>(&text) {
            Ok(namespace) if namespace.name() == name => Ok(self.settings(&namespace)),
            _ => Err(ApiError::Unreadable),
        }
    }

    fn settings(&self, namespace: &Namespace<'_>) -> Lookup {
        if !namespace.is_opted_in() {
            return Lookup::NotOptedIn;
        }
        let defaults = self.defaults.load_full();
        let settings = NamespaceSettings::parse(namespace.name(), namespace.annotations(), &defaults);
        Lookup::Settings(Arc::new(settings))
    }
}
