//! The time that a log covers, and the kinds of requests in it: these decide what its silence shows.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::audit::event::AuditEvent;

/// Longest time without any event that is not a hole.
pub const MAX_SILENCE: Duration = Duration::from_hours(1);

/// Length of a slot, of which the first and the last event are kept.
const SLOT: Duration = Duration::from_mins(10);

/// Most slots: two years. The earliest are dropped, so memory does not depend on the times in a log.
const MAX_SLOTS: usize = 2 * 365 * 24 * 6;

/// A time in which the log has no event, although it has earlier and later ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hole {
    /// The last event before it.
    pub from: OffsetDateTime,
    /// The first event after it.
    pub to: OffsetDateTime,
}

/// The coverage of a log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// First and last event of each slot.
    slots: BTreeMap<i64, (OffsetDateTime, OffsetDateTime)>,
    /// Whether service accounts read (`get`, `list`, `watch`) in it. GKE and AKS have logs without reads.
    pub has_reads: bool,
    /// Whether events name the Pod that a token is bound to. GKE logs no Pods.
    pub names_pods: bool,
    /// Whether the stage `ResponseStarted` is in it, without which refused tokens do not show.
    pub has_starts: bool,
}

impl Coverage {
    /// Adds an event.
    pub fn add(&mut self, event: &AuditEvent<'_>) {
        if event.account().is_some() {
            self.has_reads |= event.is_read();
            self.names_pods |= event.pod.is_some();
        }
        self.has_starts |= event.is_start;
        let Some(time) = event.time else { return };
        let slot = time.unix_timestamp().div_euclid(SLOT.as_secs().cast_signed());
        let (first, last) = self.slots.entry(slot).or_insert((time, time));
        *first = time.min(*first);
        *last = time.max(*last);
        if self.slots.len() > MAX_SLOTS {
            self.slots.pop_first();
        }
    }

    /// The time of the first event.
    pub fn from(&self) -> Option<OffsetDateTime> {
        self.slots.first_key_value().map(|(_, (first, _))| *first)
    }

    /// The time of the last event.
    pub fn to(&self) -> Option<OffsetDateTime> {
        self.slots.last_key_value().map(|(_, (_, last))| *last)
    }

    /// The times above [`MAX_SILENCE`] without any event, in order.
    pub fn holes(&self) -> Vec<Hole> {
        let next = self.slots.values().skip(1);
        let holes = self.slots.values().zip(next).map(|((_, from), (to, _))| Hole { from: *from, to: *to });
        holes.filter(|hole| hole.to - hole.from > MAX_SILENCE).collect()
    }

    /// Whether the log would have shown a request of a Pod that exists since `created`: it has reads, and covers at
    /// least `window` of the Pod's life without a hole.
    pub fn would_show(&self, created: OffsetDateTime, window: Duration) -> bool {
        let (Some(from), Some(to)) = (self.from(), self.to()) else { return false };
        let covers_window = to - from.max(created) >= window;
        self.has_reads && covers_window && self.holes().iter().all(|hole| hole.to <= created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn at(seconds: u64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_hours(500_000) + Duration::from_secs(seconds)
    }

    fn coverage(times: impl IntoIterator<Item = u64>) -> Coverage {
        let mut coverage = Coverage::default();
        for seconds in times {
            let user = "system:serviceaccount:shop:web";
            coverage.add(&AuditEvent {
                time: Some(at(seconds)),
                user,
                verb: "list",
                ..AuditEvent::default()
            });
        }
        coverage
    }

    #[test]
    fn the_order_of_events_does_not_matter() {
        let times: Vec<u64> = (0..500).map(|step| step * 613 % 86_400).collect();
        let forwards = coverage(times.clone());
        assert_eq!(forwards, coverage(times.iter().rev().chain(&times).copied()));
        assert_eq!(forwards.from(), Some(at(0)));
    }

    #[test]
    fn a_silence_above_one_hour_is_a_hole() {
        assert_eq!(coverage([0, 3600, 7200]).holes(), []);
        assert_eq!(coverage([0, 3601, 7200]).holes(), [Hole { from: at(0), to: at(3601) }]);
    }

    #[test]
    fn the_window_must_be_long_enough() {
        let hourly = |end| coverage((0..=end).step_by(1800));
        assert!(hourly(86_400).would_show(at(0), DAY));
        assert!(!hourly(86_399).would_show(at(0), DAY), "the last event is at 84600 s");
        assert!(!hourly(86_400).would_show(at(1), DAY), "the Pod is younger than the window");
        assert!(!coverage((0..=1200).step_by(60)).would_show(at(0), DAY), "20 minutes");
        assert!(!Coverage::default().would_show(at(0), Duration::ZERO));
    }

    #[test]
    fn a_hole_hides_requests_only_of_pods_that_existed() {
        let holed = coverage((0..=172_800).step_by(1800).filter(|time| !(10_000..=20_000).contains(time)));
        assert!(!holed.would_show(at(0), DAY));
        assert!(holed.would_show(at(50_000), DAY));
    }

    #[test]
    fn a_log_without_reads_never_shows_silence() {
        let mut coverage = coverage((0..=172_800).step_by(1800));
        coverage.has_reads = false;
        assert!(!coverage.would_show(at(0), DAY));
    }

    #[test]
    fn only_reads_of_service_accounts_count_as_reads() {
        let mut coverage = Coverage::default();
        for (user, verb) in [("system:node:a", "get"), ("system:serviceaccount:shop:web", "create")] {
            coverage.add(&AuditEvent { verb, user, ..AuditEvent::default() });
        }
        assert!(!coverage.has_reads);
    }
}
