//! Bounds how often both objects are written while somebody else writes them as well. Pure.
//!
//! Two writers that overwrite each other as fast as they can have taken control planes down. What counts
//! is how often the configuration was seen to be wrong, not how often this replica wrote it: so the
//! bound holds for all replicas together, since all of them see the same changes.

use std::collections::VecDeque;
use std::time::Duration;

/// How often the configuration is put right at once within [`WINDOW`].
pub const AT_ONCE: usize = 3;

/// The window of [`AT_ONCE`]. Beyond it, the configuration is written once in a [`PAUSE`], until it has
/// been left alone for as long as this.
pub const WINDOW: Duration = Duration::from_mins(1);

/// The time between two writes during a fight, and so the longest time that a fight outlives itself.
pub const PAUSE: Duration = Duration::from_secs(10);

/// What has been seen of late. Moments are durations since any fixed one, by a clock that only runs.
#[derive(Clone, Debug, Default)]
pub struct Damper {
    /// When a version was first seen to be wrong, the last [`AT_ONCE`] and one more.
    wrong: VecDeque<Duration>,
    wrong_version: Option<String>,
    /// The object that was seen last, and when it took the place of another.
    object: Option<(String, Duration)>,
    /// Since when the configuration is right.
    right_since: Option<Duration>,
    /// When the configuration was last seen to be right, or written.
    right: Option<Duration>,
    damped: bool,
}

impl Damper {
    /// Notes which object the configuration is. One that was deleted and created again is no reply of
    /// another writer: what was seen of the one before does not count, unless that happens all the time.
    pub fn saw_object(&mut self, uid: &str, now: Duration) {
        match &self.object {
            Some((seen, _)) if seen == uid => return,
            Some((_, since)) if now.saturating_sub(*since) < WINDOW => {}
            Some(_) => *self = Self::default(),
            None => {}
        }
        self.object = Some((uid.to_owned(), now));
    }

    /// Notes that the configuration is as it should be.
    pub fn saw_right(&mut self, now: Duration) {
        self.wrong_version = None;
        self.right = Some(now);
        let since = *self.right_since.get_or_insert(now);
        self.damped &= now.saturating_sub(since) < WINDOW;
    }

    /// Notes that this version of the configuration is not as it should be.
    pub fn saw_wrong(&mut self, version: &str, now: Duration) {
        self.right_since = None;
        if self.wrong_version.as_deref() == Some(version) {
            return;
        }
        self.wrong_version = Some(version.to_owned());
        self.wrong.push_back(now);
        if self.wrong.len() > AT_ONCE + 1 {
            self.wrong.pop_front();
        }
        let recent = self.wrong.iter().filter(|seen| now.saturating_sub(**seen) < WINDOW).count();
        self.damped |= recent > AT_ONCE;
    }

    /// Notes that this replica wrote the configuration.
    pub fn wrote(&mut self, now: Duration) {
        self.right = Some(now);
    }

    /// Until when the configuration may not be written, if it may not be written now.
    pub fn held_until(&self, now: Duration) -> Option<Duration> {
        let until = self.right.filter(|_| self.damped)?.saturating_add(PAUSE);
        (now < until).then_some(until)
    }
}

/// How often a replica writes the Secret within [`WINDOW`]: a change of the key takes a handful of writes.
pub const SECRET_WRITES: usize = 10;

/// Bounds how often one replica writes the Secret, in case somebody undoes each write.
#[derive(Clone, Debug, Default)]
pub struct Budget(VecDeque<Duration>);

impl Budget {
    /// Takes one write.
    ///
    /// # Errors
    /// How long to wait, if too many were taken of late.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.0.retain(|taken| now.saturating_sub(*taken) < WINDOW);
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

    /// Seconds at which a replica writes while another writer spoils each version after a second.
    fn fight(seconds: u64, mut step: impl FnMut(&mut Damper, Duration)) -> Vec<u64> {
        let (mut damper, mut version, mut wrote) = (Damper::default(), 0, Vec::new());
        for second in 0..seconds {
            let now = Duration::from_secs(second);
            step(&mut damper, now);
            damper.saw_wrong(&version.to_string(), now);
            if damper.held_until(now).is_none() {
                damper.wrote(now);
                wrote.push(second);
                version += 1;
            }
        }
        wrote
    }

    #[test]
    fn a_fight_is_bounded() {
        let wrote = fight(300, |_, _| {});
        let later = (0..30).map(|pause| 2 + 10 * pause);
        assert_eq!(wrote, [0, 1].into_iter().chain(later).collect::<Vec<_>>());
    }

    #[test]
    fn what_another_replica_writes_counts_as_well() {
        let wrote = fight(300, |damper, now| {
            if now.as_secs() % 10 == 5 {
                damper.saw_right(now);
            }
        });
        assert_eq!(wrote, [0, 1, 2]);
    }

    #[test]
    fn a_fight_that_is_over_is_forgotten() {
        let mut damper = Damper::default();
        for version in 0..5_u32 {
            damper.saw_wrong(&version.to_string(), Duration::from_secs(u64::from(version)));
        }
        damper.wrote(Duration::from_secs(5));
        for second in 6..67 {
            damper.saw_right(Duration::from_secs(second));
        }
        damper.saw_wrong("5", Duration::from_secs(67));
        assert_eq!(damper.held_until(Duration::from_secs(67)), None);
    }

    #[test]
    fn a_change_now_and_then_is_put_right_at_once() {
        let mut damper = Damper::default();
        for minute in 0..10 {
            let now = Duration::from_secs(60 * minute);
            damper.saw_wrong(&minute.to_string(), now);
            assert_eq!(damper.held_until(now), None);
            damper.saw_right(now);
        }
    }

    #[test]
    fn another_object_is_put_right_at_once_but_not_each_of_many() {
        let wrote = fight(120, |damper, now| damper.saw_object(&(now.as_secs() / 65).to_string(), now));
        assert_eq!(wrote, [0, 1, 2, 12, 22, 32, 42, 52, 62, 65, 66, 67, 77, 87, 97, 107, 117]);
        let wrote = fight(60, |damper, now| damper.saw_object(&now.as_secs().to_string(), now));
        assert_eq!(wrote, [0, 1, 2, 12, 22, 32, 42, 52]);
    }

    #[test]
    fn a_budget_fills_up_again() {
        let mut budget = Budget::default();
        let seconds = Duration::from_secs;
        assert!((0..10).all(|second| budget.take(seconds(second)).is_ok()));
        assert_eq!(budget.take(seconds(10)), Err(seconds(50)));
        assert_eq!([60, 61, 61].map(|second| budget.take(seconds(second)).is_ok()), [true, true, false]);
    }
}
