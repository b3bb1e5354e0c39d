//! The gauge of the time since the watch of Namespaces was last active.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::time::Instant;

use super::process::encode_metric;
use super::table;

/// The time since the last activity; none before the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Age(Arc<(OnceLock<Instant>, AtomicU64)>);

impl Age {
    /// Records activity.
    pub(super) fn renew(&self) {
        let (first, last) = &*self.0;
        let since = first.get_or_init(Instant::now).elapsed().as_millis();
        last.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Seconds since the last activity.
    fn seconds(&self) -> Option<f64> {
        let (first, last) = &*self.0;
        let last = std::time::Duration::from_millis(last.load(Ordering::Relaxed));
        Some(first.get()?.elapsed().saturating_sub(last).as_secs_f64())
    }
}

/// The age of the watch of Namespaces.
#[derive(Debug)]
pub(super) struct WatchAge(pub(super) Age);

impl Collector for WatchAge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Some(seconds) = self.0.seconds() else { return Ok(()) };
        encode_metric(&mut encoder, &table::WATCH_AGE, &ConstGauge::new(seconds))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_age_counts_from_the_last_activity() {
        let age = Age::default();
        assert_eq!(age.seconds(), None);
        age.renew();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(age.seconds(), Some(90.0));
        age.renew();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(age.seconds(), Some(5.0));
    }
}
