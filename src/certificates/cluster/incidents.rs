//! Logs each cause once when it blocks reconciliation, and the end of all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::incident::Incident;

/// The activity that failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Activity {
    WatchSecret,
    WatchWebhooks,
    Plan,
    Write,
}

/// The failures in progress, by activity.
#[derive(Debug)]
pub(super) struct Incidents {
    by_activity: BTreeMap<Activity, Incident>,
    last_failure: Instant,
    /// The time without failures before their end is logged: a watch that works again is silent until
    /// something changes, and another writer may write again.
    calm: Duration,
}

impl Incidents {
    pub(super) fn new(calm: Duration) -> Self {
        Self { by_activity: BTreeMap::new(), last_failure: Instant::now(), calm }
    }

    /// Logs a failure, unless any activity has the same message.
    pub(super) fn report(&mut self, activity: Activity, reason: &str) {
        self.last_failure = Instant::now();
        let is_known = self.by_activity.values().any(|incident| incident.message() == Some(reason));
        let is_news = self.by_activity.entry(activity).or_default().failed(reason);
        if is_news && !is_known {
            tracing::warn!(reason, "certificate reconciliation is blocked");
        }
    }

    /// Logs the end of all failures, after a calm period.
    pub(super) fn in_sync(&mut self) {
        if !self.by_activity.is_empty() && self.last_failure.elapsed() >= self.calm {
            tracing::info!("the certificates are in sync again");
            self.by_activity.clear();
        }
    }
}
