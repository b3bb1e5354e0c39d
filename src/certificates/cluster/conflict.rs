//! Limits how often both objects are written while another writer overwrites them. Pure.
//!
//! Two controllers that overwrite each other without a limit have taken control planes down. The limit
//! counts observed changes that had to be corrected, not writes by this replica. All replicas observe the
//! same changes, so it holds for all of them together.

use std::collections::VecDeque;
use std::time::Duration;

/// How many changes within [`WINDOW`] are corrected without delay.
pub const BURST: usize = 3;

/// The window of [`BURST`]. After more changes, the configuration is written once per [`BACKOFF`], until no
/// other writer has changed it for this long.
pub const WINDOW: Duration = Duration::from_mins(1);

/// The time between two writes during a write conflict, which bounds how long we keep backing off after the
/// other writer stops.
pub const BACKOFF: Duration = Duration::from_secs(10);

/// Tracks a write conflict over the configuration. Times are durations since any fixed moment, by a monotonic
/// clock.
#[derive(Clone, Debug, Default)]
pub struct ConflictBackoff {
    /// When each of the last [`BURST`] + 1 versions that were out of sync was first observed.
    drifts: VecDeque<Duration>,
    drifted_version: Option<String>,
    /// The uid of the object, and when it replaced another one.
    object: Option<(String, Duration)>,
    in_sync_since: Option<Duration>,
    /// When the configuration was last in sync, or written.
    last_in_sync: Option<Duration>,
    backs_off: bool,
}

impl ConflictBackoff {
    /// Observes the identity of the configuration. A configuration that was deleted and created again is not
    /// a write conflict, unless that happens repeatedly within [`WINDOW`].
    pub fn observe_object(&mut self, uid: &str, now: Duration) {
        match &self.object {
            Some((seen, _)) if seen == uid => return,
            Some((_, since)) if now.saturating_sub(*since) < WINDOW => {}
            Some(_) => *self = Self::default(),
            None => {}
        }
        self.object = Some((uid.to_owned(), now));
    }

    /// Observes that the configuration is in sync.
    pub fn observe_in_sync(&mut self, now: Duration) {
        self.drifted_version = None;
        self.last_in_sync = Some(now);
        let since = *self.in_sync_since.get_or_insert(now);
        self.backs_off &= now.saturating_sub(since) < WINDOW;
    }

    /// Observes that this version of the configuration is out of sync.
    pub fn observe_drift(&mut self, version: &str, now: Duration) {
        self.in_sync_since = None;
        if self.drifted_version.as_deref() == Some(version) {
            return;
        }
        self.drifted_version = Some(version.to_owned());
        self.drifts.push_back(now);
        if self.drifts.len() > BURST + 1 {
            self.drifts.pop_front();
        }
        let recent = self.drifts.iter().filter(|drift| now.saturating_sub(**drift) < WINDOW).count();
        self.backs_off |= recent > BURST;
    }

    /// Records that this replica wrote the configuration.
    pub fn record_write(&mut self, now: Duration) {
        self.last_in_sync = Some(now);
    }

    /// When the configuration may be written again, if it may not be written now.
    pub fn retry_at(&self, now: Duration) -> Option<Duration> {
        let retry_at = self.last_in_sync.filter(|_| self.backs_off)?.saturating_add(BACKOFF);
        (now < retry_at).then_some(retry_at)
    }
}

/// How often a replica writes the Secret within [`WINDOW`]. A change of the key takes five writes.
pub const SECRET_WRITES: usize = 10;

/// Limits how often one replica writes the Secret, in case another writer undoes each write.
#[derive(Clone, Debug, Default)]
pub struct WriteLimiter(VecDeque<Duration>);

impl WriteLimiter {
    /// Acquires one write.
    ///
    /// # Errors
    /// How long to wait, if the limit is reached.
    pub fn acquire(&mut self, now: Duration) -> Result<(), Duration> {
        self.0.retain(|write| now.saturating_sub(*write) < WINDOW);
        if let Some(first) = self.0.front().filter(|_| self.0.len() >= SECRET_WRITES) {
            return Err(WINDOW.saturating_sub(now.saturating_sub(*first)));
        }
        self.0.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which a replica writes while another writer overwrites each version a second later.
    fn conflict(seconds: u64, mut step: impl FnMut(&mut ConflictBackoff, Duration)) -> Vec<u64> {
        let (mut backoff, mut version, mut writes) = (ConflictBackoff::default(), 0, Vec::new());
        for second in 0..seconds {
            let now = Duration::from_secs(second);
            step(&mut backoff, now);
            backoff.observe_drift(&version.to_string(), now);
            if backoff.retry_at(now).is_none() {
                backoff.record_write(now);
                writes.push(second);
                version += 1;
            }
        }
        writes
    }

    #[test]
    fn writes_are_limited_during_a_conflict() {
        let writes = conflict(300, |_, _| {});
        let later = (0..30).map(|pause| 2 + 10 * pause);
        assert_eq!(writes, [0, 1].into_iter().chain(later).collect::<Vec<_>>());
    }

    #[test]
    fn writes_of_other_replicas_count() {
        let writes = conflict(300, |backoff, now| {
            if now.as_secs() % 10 == 5 {
                backoff.observe_in_sync(now);
            }
        });
        assert_eq!(writes, [0, 1, 2]);
    }

    #[test]
    fn a_conflict_that_is_over_is_forgotten() {
        let mut backoff = ConflictBackoff::default();
        for version in 0..5_u32 {
            backoff.observe_drift(&version.to_string(), Duration::from_secs(u64::from(version)));
        }
        backoff.record_write(Duration::from_secs(5));
        for second in 6..67 {
            backoff.observe_in_sync(Duration::from_secs(second));
        }
        backoff.observe_drift("5", Duration::from_secs(67));
        assert_eq!(backoff.retry_at(Duration::from_secs(67)), None);
    }

    #[test]
    fn occasional_changes_are_corrected_at_once() {
        let mut backoff = ConflictBackoff::default();
        for minute in 0..10 {
            let now = Duration::from_secs(60 * minute);
            backoff.observe_drift(&minute.to_string(), now);
            assert_eq!(backoff.retry_at(now), None);
            backoff.observe_in_sync(now);
        }
    }

    #[test]
    fn a_recreated_configuration_is_written_at_once() {
        let writes =
            conflict(120, |backoff, now| backoff.observe_object(&(now.as_secs() / 65).to_string(), now));
        assert_eq!(writes, [0, 1, 2, 12, 22, 32, 42, 52, 62, 65, 66, 67, 77, 87, 97, 107, 117]);
        let writes = conflict(60, |backoff, now| backoff.observe_object(&now.as_secs().to_string(), now));
        assert_eq!(writes, [0, 1, 2, 12, 22, 32, 42, 52]);
    }

    #[test]
    fn the_write_limiter_refills() {
        let mut limiter = WriteLimiter::default();
        let seconds = Duration::from_secs;
        assert!((0..10).all(|second| limiter.acquire(seconds(second)).is_ok()));
        assert_eq!(limiter.acquire(seconds(10)), Err(seconds(50)));
        assert_eq!([60, 61, 61].map(|second| limiter.acquire(seconds(second)).is_ok()), [true, true, false]);
    }
}
