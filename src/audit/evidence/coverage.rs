//! The time that a log covers, and the kinds of requests in it: these decide what its silence shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use time::OffsetDateTime;

use crate::audit::event::AuditEvent;
use crate::audit::log::LogCounts;
use crate::pod::text::start;

/// Longest time without any event that is not a hole.
pub const MAX_SILENCE: Duration = Duration::from_hours(1);

/// Length of a slot, of which the first and the last event are kept.
const SLOT: Duration = Duration::from_mins(10);

/// Most slots: two years. The earliest are dropped, so memory does not depend on the times in a log.
const MAX_SLOTS: usize = 2 * 365 * 24 * 6;

/// Most API servers whose names are kept, and most bytes of each.
const MAX_SERVERS: usize = 64;
const MAX_SERVER: usize = 256;

/// A time in which the log has no event, although it has earlier and later ones.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Hole {
    /// The last event before it.
    pub from: OffsetDateTime,
    /// The first event after it.
    pub to: OffsetDateTime,
}

/// The time of a log, from its first event to its last one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogWindow {
    /// The first event.
    pub from: OffsetDateTime,
    /// The last event.
    pub to: OffsetDateTime,
    /// The times above [`MAX_SILENCE`] without any event, in order.
    pub holes: Vec<Hole>,
}

/// The coverage of a log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// First and last event of each slot, by the time at which they were written.
    slots: BTreeMap<i64, (OffsetDateTime, OffsetDateTime)>,
    /// Whether service accounts read (`get`, `list`, `watch`) in it. GKE and AKS have logs without reads.
    pub has_reads: bool,
    /// Whether events name the Pod that a token is bound to. GKE logs no Pods.
    pub names_pods: bool,
    /// Whether the stage `ResponseStarted` is in it, without which refused tokens do not show.
    pub has_starts: bool,
    /// Files that were read.
    pub files: u64,
    /// The records of all files.
    pub counts: LogCounts,
    servers: BTreeSet<String>,
}

impl Coverage {
    /// Adds an event.
    pub fn add(&mut self, event: &AuditEvent<'_>) {
        if event.account().is_some() {
            self.has_reads |= event.is_read();
            self.names_pods |= event.pod.is_some();
        }
        self.has_starts |= event.is_start;
        self.add_server(start(event.server, MAX_SERVER));
        let Some(time) = event.logged else { return };
        let slot = time.unix_timestamp().div_euclid(SLOT.as_secs().cast_signed());
        let (first, last) = self.slots.entry(slot).or_insert((time, time));
        *first = time.min(*first);
        *last = time.max(*last);
        if self.slots.len() > MAX_SLOTS {
            self.slots.pop_first();
        }
    }

    fn add_server(&mut self, server: &str) {
        if server.is_empty() || self.servers.contains(server) {
            return;
        }
        self.servers.insert(server.to_owned());
        if self.servers.len() > MAX_SERVERS {
            self.servers.pop_last();
        }
    }

    /// Adds the numbers of a file.
    pub fn add_counts(&mut self, counts: &LogCounts) {
        self.files += 1;
        self.counts += *counts;
    }

    /// The time of the log; `None` if no event has a time.
    pub fn window(&self) -> Option<LogWindow> {
        let (_, (from, _)) = self.slots.first_key_value()?;
        let (_, (_, to)) = self.slots.last_key_value()?;
        let next = self.slots.values().skip(1);
        let pauses = self.slots.values().zip(next).map(|((_, from), (to, _))| Hole { from: *from, to: *to });
        let holes = pauses.filter(|pause| pause.to - pause.from > MAX_SILENCE).collect();
        Some(LogWindow { from: *from, to: *to, holes })
    }

    /// The number of API servers that events name.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }
}

impl LogWindow {
    /// The time from the first event to the last one.
    pub fn length(&self) -> time::Duration {
        self.to - self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_hours(500_000) + Duration::from_secs(seconds)
    }

    fn coverage(times: impl IntoIterator<Item = u64>) -> Coverage {
        let mut coverage = Coverage::default();
        for seconds in times {
            let user = "system:serviceaccount:shop:web";
            let logged = Some(at(seconds));
            coverage.add(&AuditEvent { logged, user, verb: "list", ..AuditEvent::default() });
        }
        coverage
    }

    #[test]
    fn the_order_of_events_does_not_matter() {
        let times: Vec<u64> = (0..500).map(|step| step * 613 % 86_400).collect();
        let forwards = coverage(times.clone());
        assert_eq!(forwards, coverage(times.iter().rev().chain(&times).copied()));
        assert_eq!(forwards.window().map(|window| window.from), Some(at(0)));
    }

    #[test]
    fn a_silence_above_one_hour_is_a_hole() {
        let holes = |times: [u64; 3]| coverage(times).window().unwrap().holes;
        assert_eq!(holes([0, 3600, 7200]), []);
        assert_eq!(holes([0, 3601, 7200]), [Hole { from: at(0), to: at(3601) }]);
    }

    #[test]
    fn an_event_counts_when_it_was_written() {
        let mut coverage = coverage([0]);
        let watch = AuditEvent { time: Some(at(0)), logged: Some(at(9000)), ..AuditEvent::default() };
        coverage.add(&watch);
        assert_eq!(coverage.window().unwrap().holes.len(), 1);
        assert_eq!(Coverage::default().window(), None);
    }

    #[test]
    fn only_reads_of_service_accounts_count_as_reads() {
        let mut coverage = Coverage::default();
        for (user, verb) in [("system:node:a", "get"), ("system:serviceaccount:shop:web", "create")] {
            coverage.add(&AuditEvent { verb, user, ..AuditEvent::default() });
        }
        assert!(!coverage.has_reads);
    }

    #[test]
    fn api_servers_are_counted_by_name() {
        let mut coverage = Coverage::default();
        for server in ["a", "b", "", "a"] {
            coverage.add(&AuditEvent { server, ..AuditEvent::default() });
        }
        assert_eq!(coverage.servers(), 2);
    }
}
