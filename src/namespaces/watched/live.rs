//! The live look-up of a Namespace that the watch did not tell of.
//!
//! Those who ask for the same Namespace share one answer. It counts only for those who asked before its
//! question was sent: a Namespace may have been labelled or annotated since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::api::{Api, ApiError};
use super::metadata::{Item, Namespace};
use crate::namespaces::Lookup;
use crate::policy::{Defaults, NamespaceSettings};
use crate::rfc1123::is_label;

/// How long a request waits for an answer.
pub(super) const BUDGET: Duration = Duration::from_secs(2);

/// Questions that the API server is asked at a time; more wait, first come, first served.
pub(super) const QUESTIONS: usize = 16;

/// Namespaces that are looked up at a time, with those that wait. Beyond it there is no answer.
pub(super) const LOOKUPS: usize = 1024;

/// How long none may fail before that is said to be over: those that do and those that do not may take turns.
const CALM: Duration = Duration::from_secs(10);

/// After a first failure, doubled after each.
const RETRY: Duration = Duration::from_millis(100);

/// Looks up Namespaces, one question for all who ask for the same.
pub(super) struct Live(Arc<Shared>);

struct Shared {
    api: Api,
    defaults: Arc<Defaults>,
    running: Mutex<HashMap<Arc<str>, watch::Receiver<Option<Answer>>>>,
    places: Semaphore,
    /// When a question last had no answer, until that was said to be over.
    failed: Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Answer {
    /// When the question was sent.
    sent: Instant,
    lookup: Lookup,
}

impl Answer {
    /// Whether it holds for somebody who asked at that moment.
    fn holds(&self, asked: Instant) -> bool {
        self.sent >= asked
    }
}

impl Live {
    pub(super) fn new(api: Api, defaults: Arc<Defaults>) -> Self {
        let (running, failed) = Default::default();
        Self(Arc::new(Shared { api, defaults, running, places: Semaphore::new(QUESTIONS), failed }))
    }

    /// What the API server says about a Namespace, within [`BUDGET`].
    pub(super) async fn look_up(&self, name: &str) -> Lookup {
        // The API server has no Namespace of another name, and it would not belong into a URL.
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
            if let Some(answer) = answer.filter(|answer| answer.holds(asked)) {
                return answer.lookup;
            }
        }
    }

    /// The look-up of this name that is running, or a new one; `None` if there are too many.
    fn join(&self, name: &str) -> Option<watch::Receiver<Option<Answer>>> {
        let mut running = self.0.running();
        if let Some(receiver) = running.get(name) {
            return Some(receiver.clone());
        }
        if running.len() >= LOOKUPS {
            return None;
        }
        let name: Arc<str> = name.into();
        let (sender, receiver) = watch::channel(None);
        running.insert(Arc::clone(&name), receiver.clone());
        let entry = Entry { shared: Arc::clone(&self.0), name };
        // A task of its own: whoever asked first may leave before the others have their answer.
        tokio::spawn(async move {
            let answer = entry.shared.ask(&entry.name).await;
            // First: nobody shall join what is over.
            drop(entry);
            sender.send_replace(Some(answer));
        });
        Some(receiver)
    }
}

/// A look-up that is running, until this is dropped.
struct Entry {
    shared: Arc<Shared>,
    name: Arc<str>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.running().remove(&self.name);
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, watch::Receiver<Option<Answer>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, name: &str) -> Answer {
        let began = Instant::now();
        let mut sent = began;
        let asked = timeout(BUDGET, async {
            // Nobody closes the semaphore.
            let _place = self.places.acquire().await;
            sent = Instant::now();
            self.get(name, began + BUDGET).await
        });
        let lookup = match asked.await.unwrap_or(Err(ApiError::Silent(BUDGET))) {
            Ok(lookup) => {
                self.answered();
                lookup
            }
            Err(error) => {
                self.unanswered(&error);
                Lookup::Unavailable
            }
        };
        Answer { sent, lookup }
    }

    fn answered(&self) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.take_if(|failed| failed.elapsed() >= CALM).is_some() {
            tracing::info!("the API server answers live look-ups of Namespaces again");
        }
    }

    fn unanswered(&self, error: &ApiError) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.replace(Instant::now()).is_none() {
            tracing::warn!(%error, "a live look-up of a Namespace failed; without known settings its Pods get 503");
        }
    }

    /// Asks until there is an answer, or no time for one more question.
    async fn get(&self, name: &str, until: Instant) -> Result<Lookup, ApiError> {
        let mut wait = RETRY;
        loop {
            match self.api.get(name).await {
                Err(error) if error.is_temporary() && Instant::now() + wait < until => {
                    tracing::debug!(%error, "a live look-up of a Namespace is tried again");
                    sleep(wait).await;
                    wait *= 2;
                }
                answer => return self.read(name, answer?),
            }
        }
    }

    fn read(&self, name: &str, item: Option<Item>) -> Result<Lookup, ApiError> {
        match item {
            None => Ok(Lookup::NotOptedIn),
            Some(Item::Namespace(namespace)) if *namespace.name == *name => Ok(self.settings(&namespace)),
            Some(_) => Err(ApiError::Unreadable),
        }
    }

    fn settings(&self, namespace: &Namespace) -> Lookup {
        if !namespace.opted_in {
            return Lookup::NotOptedIn;
        }
        let annotations = namespace.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Lookup::Settings(Arc::new(NamespaceSettings::parse(&namespace.name, annotations, &self.defaults)))
    }
}
