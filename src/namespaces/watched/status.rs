//! How the watch is doing: what `/readyz` and the log say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;

use super::api::ApiError;

/// How the watch is doing.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Whether a list was complete at any time.
    listed: AtomicBool,
    /// What failed last, until it works again.
    failure: ArcSwapOption<String>,
}

impl Status {
    /// A list is complete.
    pub(super) fn listed(&self, namespaces: usize) {
        if self.listed.swap(true, Ordering::Relaxed) {
            tracing::debug!(namespaces, "listed the Namespaces that opted in again");
        } else {
            tracing::info!(namespaces, "listed the Namespaces that opted in");
        }
    }

    /// A watch told something, or lasted. That it was accepted is not enough: it may be cut short again.
    pub(super) fn watching(&self) {
        if self.failure.swap(None).is_some() {
            tracing::info!("the Namespaces are watched again");
        }
    }

    /// Something failed. What was said already is not said at each attempt.
    pub(super) fn failed(&self, error: &ApiError) {
        let reason = Arc::new(error.to_string());
        if matches!(error, ApiError::Gone) {
            tracing::info!("the watch of the Namespaces is too far behind; they are listed again");
        } else if self.failure.swap(Some(Arc::clone(&reason))).as_ref() == Some(&reason) {
            tracing::debug!(%error, "the Namespaces still cannot be watched");
        } else {
            tracing::warn!(%error, "the Namespaces cannot be watched; what is known stays in use");
        }
    }

    /// What `/readyz` says: who was ready once stays so, since what is known stays in use.
    pub(super) fn check(&self) -> Result<Option<&'static str>, String> {
        let failure = self.failure.load();
        if self.listed.load(Ordering::Relaxed) {
            return Ok(failure
                .is_some()
                .then_some("changes are not seen at present; what is known stays in use"));
        }
        let reason = failure.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Err(format!("no complete list yet{reason}"))
    }
}
