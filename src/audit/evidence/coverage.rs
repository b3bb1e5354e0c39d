//! The time that a log covers, and the kinds of requests in it: these decide what its silence shows.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::audit::event::AuditEvent;
use crate::audit::log::LogCounts;
use crate::pod::text::start;

/// Longest time without any event that is not a hole.
pub const MAX_SILENCE: Duration = Duration::from_hours(1);

/// Length of a slot, of which the first and the last event are kept.
const SLOT: Duration = Duration::from_mins(10);

/// Most slots of a log: two years. The earliest are dropped, so memory does not depend on the times in a log.
const MAX_SLOTS: usize = 2 * 365 * 24 * 6;

/// Most slots of one API server: ninety days.
const MAX_SERVER_SLOTS: usize = 90 * 24 * 6;

/// Fewest slots between two holes, on average, that show how often an API server logs: an hour.
const MIN_STEADY_SLOTS: usize = 6;

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

impl Hole {
    fn length(&self) -> Duration {
        (self.to - self.from).try_into().unwrap_or_default()
    }

    /// The time that both share.
    fn overlap(&self, other: &Self) -> Duration {
        let shared = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        shared.length()
    }
}

/// A [`Hole`] in the log of one API server, while others logged.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ServerHole {
    /// The name of its log stream or Pod.
    pub server: String,
    /// The time.
    pub hole: Hole,
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
    slots: Slots,
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
    /// The slots of each API server that events name.
    servers: BTreeMap<String, Slots>,
}

/// First and last event of each slot, by the time at which they were written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Slots(BTreeMap<i64, (OffsetDateTime, OffsetDateTime)>);

impl Slots {
    fn add(&mut self, time: OffsetDateTime, max: usize) {
        let (first, last) = self.0.entry(slot_of(time)).or_insert((time, time));
        *first = time.min(*first);
        *last = time.max(*last);
        if self.0.len() > max {
            self.0.pop_first();
        }
    }

    fn window(&self) -> Option<LogWindow> {
        let (_, (from, _)) = self.0.first_key_value()?;
        let (_, (_, to)) = self.0.last_key_value()?;
        let next = self.0.values().skip(1);
        let pauses = self.0.values().zip(next).map(|((_, from), (to, _))| Hole { from: *from, to: *to });
        let holes = pauses.filter(|pause| pause.to - pause.from > MAX_SILENCE).collect();
        Some(LogWindow { from: *from, to: *to, holes })
    }

    /// The holes, if nine of ten other slots have events: a server that logs less often may just have been idle.
    fn steady_holes(&self) -> Vec<Hole> {
        let Some(LogWindow { from, to, holes }) = self.window() else { return Vec::new() };
        let empty = holes.iter().map(|hole| slot_of(hole.to) - slot_of(hole.from) - 1).sum::<i64>();
        let others = slot_of(to) - slot_of(from) + 1 - empty;
        let used = self.0.len();
        let is_long = used >= MIN_STEADY_SLOTS * (holes.len() + 1);
        let is_steady = i64::try_from(used * 10).is_ok_and(|used| used >= others * 9);
        if is_long && is_steady { holes } else { Vec::new() }
    }
}

fn slot_of(time: OffsetDateTime) -> i64 {
    time.unix_timestamp().div_euclid(SLOT.as_secs().cast_signed())
}

impl Coverage {
    /// Adds an event.
    pub fn add(&mut self, event: &AuditEvent<'_>) {
        if event.account().is_some() {
            self.has_reads |= event.is_read();
            self.names_pods |= event.pod.is_some();
        }
        self.has_starts |= event.is_start;
        if let Some(time) = event.logged {
            self.slots.add(time, MAX_SLOTS);
        }
        if !event.server.is_empty() {
            self.add_server(start(event.server, MAX_SERVER), event.logged);
        }
    }

    fn add_server(&mut self, server: &str, logged: Option<OffsetDateTime>) {
        if !self.servers.contains_key(server) {
            self.servers.insert(server.to_owned(), Slots::default());
        }
        if let (Some(slots), Some(time)) = (self.servers.get_mut(server), logged) {
            slots.add(time, MAX_SERVER_SLOTS);
        }
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
        self.slots.window()
    }

    /// The times in which an API server that events name is silent, although it logs steadily before and after, and
    /// others log for more than [`MAX_SILENCE`] of them.
    pub fn server_holes(&self) -> Vec<ServerHole> {
        let common = self.window().map(|window| window.holes).unwrap_or_default();
        let shared = |hole: &Hole| common.iter().map(|other| hole.overlap(other)).sum();
        let alone = |hole: &Hole| hole.length().saturating_sub(shared(hole));
        let of = |(server, slots): (&String, &Slots)| {
            let holes = slots.steady_holes().into_iter().filter(|hole| alone(hole) > MAX_SILENCE);
            holes.map(|hole| ServerHole { server: server.clone(), hole }).collect::<Vec<_>>()
        };
        self.servers.iter().flat_map(of).collect()
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

    /// Events of API servers at these times.
    fn of_servers(events: impl IntoIterator<Item = (&'static str, u64)>) -> Coverage {
        let mut coverage = Coverage::default();
        for (server, seconds) in events {
            coverage.add(&AuditEvent { server, logged: Some(at(seconds)), ..AuditEvent::default() });
        }
        coverage
    }

    #[test]
    fn others_do_not_hide_a_hole_of_one_api_server() {
        let events = (0..144).flat_map(|slot| [("a", slot * 600), ("b", slot * 600 + 1)]);
        let is_lost = |(server, seconds): &(&str, u64)| *server == "b" && (30_000..36_000).contains(seconds);
        let events: Vec<_> = events.filter(|event| !is_lost(event)).collect();
        let coverage = of_servers(events.iter().copied());
        assert_eq!(coverage.window().unwrap().holes, []);
        let hole = Hole { from: at(29_401), to: at(36_001) };
        assert_eq!(coverage.server_holes(), [ServerHole { server: "b".to_owned(), hole }]);
        assert_eq!(of_servers(events.into_iter().rev()), coverage);
    }

    #[test]
    fn a_hole_of_all_api_servers_is_named_once() {
        let slots = (0..144).filter(|slot| !(50..60).contains(slot));
        let coverage = of_servers(slots.flat_map(|slot| [("a", slot * 600), ("b", slot * 600)]));
        assert_eq!((coverage.window().unwrap().holes.len(), coverage.server_holes()), (1, Vec::new()));
    }

    #[test]
    fn a_hole_that_begins_before_one_of_all_api_servers_is_named() {
        let slots = (0..144).filter(|slot| !(50..60).contains(slot));
        let holes = |first: u64| {
            let b =
                slots.clone().filter(move |slot| !(first..50).contains(slot)).map(|slot| ("b", slot * 600));
            of_servers(slots.clone().map(|slot| ("a", slot * 600)).chain(b)).server_holes()
        };
        let hole = Hole { from: at(39 * 600), to: at(60 * 600) };
        assert_eq!(holes(40), [ServerHole { server: "b".to_owned(), hole }]);
        assert_eq!(holes(48), []);
    }

    #[test]
    fn an_api_server_that_logs_seldom_or_begins_later_has_no_hole() {
        let steady = (0..144).map(|slot| ("a", slot * 600));
        let seldom = (0..20).map(|event| ("b", event * 4000));
        let later = (70..144).map(|slot| ("c", slot * 600));
        let few = [("d", 0), ("d", 40_000)];
        assert_eq!(of_servers(steady.chain(seldom).chain(later).chain(few)).server_holes(), []);
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
