//! What the log covers, and what is missing for conclusions from its silence.

use time::{Duration, OffsetDateTime};

use crate::audit::evidence::coverage::{Coverage, Hole, LogWindow, ServerHole};
use crate::audit::log::LogCounts;
use crate::audit::reason::VerdictReason;

/// The coverage of the log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CoverageReport {
    /// Files that were read.
    pub files: u64,
    /// Their records.
    pub counts: LogCounts,
    /// The time of the log; `None` without any event.
    pub window: Option<LogWindow>,
    /// Whether it has reads by service accounts.
    pub has_reads: bool,
    /// Whether it names the Pods of requests.
    pub is_pod_exact: bool,
    /// Whether it has the stage in which refused requests are logged.
    pub has_starts: bool,
    /// The times in which one of several API servers is silent.
    pub server_holes: Vec<ServerHole>,
    /// API servers that it names.
    pub servers_seen: usize,
    /// API servers of the cluster, if their number is known.
    pub servers: Option<usize>,
    /// What is missing before the silence of a workload is evidence; empty if nothing is.
    pub missing: Vec<VerdictReason>,
}

impl CoverageReport {
    /// Judges a log. `servers` is the number of API servers of the cluster.
    pub fn new(coverage: &Coverage, servers: Option<usize>, min_window: std::time::Duration) -> Self {
        let mut report = Self {
            files: coverage.files,
            counts: coverage.counts,
            window: coverage.window(),
            has_reads: coverage.has_reads,
            is_pod_exact: coverage.names_pods,
            has_starts: coverage.has_starts,
            server_holes: coverage.server_holes(),
            servers_seen: coverage.servers(),
            servers,
            missing: Vec::new(),
        };
        let min_window = Duration::try_from(min_window).unwrap_or(Duration::MAX);
        report.missing = report.gaps(min_window);
        report
    }

    /// The first event.
    pub fn from(&self) -> Option<OffsetDateTime> {
        self.window.as_ref().map(|window| window.from)
    }

    /// The last event.
    pub fn to(&self) -> Option<OffsetDateTime> {
        self.window.as_ref().map(|window| window.to)
    }

    /// The times of more than an hour without any event.
    pub fn holes(&self) -> &[Hole] {
        self.window.as_ref().map_or(&[], |window| window.holes.as_slice())
    }

    fn gaps(&self, min_window: Duration) -> Vec<VerdictReason> {
        let Some(window) = &self.window else { return vec![VerdictReason::NoLog] };
        // The last line of a file may be cut because the file is still written.
        let lost = self.counts.lost.checked_sub(self.files + 1).map(|_| self.counts.lost);
        // The files may be those of one API server each, where the events do not say it.
        let seen =
            if self.servers_seen > 0 { self.servers_seen } else { usize::try_from(self.files).unwrap_or(0) };
        let servers = self.servers.filter(|servers| self.files > 0 && seen < *servers);
        let gaps = [
            (!self.has_reads).then_some(VerdictReason::NoReads),
            (window.length() < min_window).then(|| VerdictReason::ShortWindow(window.length(), min_window)),
            window.holes.first().map(|hole| VerdictReason::Holes(window.holes.len(), *hole)),
            self.server_holes
                .first()
                .map(|first| VerdictReason::ServerHoles(self.server_holes.len(), first.clone())),
            lost.map(VerdictReason::DamagedLog),
            servers.map(|servers| VerdictReason::MissingServers(seen, servers)),
        ];
        gaps.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::AuditEvent;
    use crate::audit::testing::{at, reads};

    fn report<'a>(
        events: impl IntoIterator<Item = AuditEvent<'a>>,
        lost: u64,
        servers: Option<usize>,
    ) -> CoverageReport {
        let mut coverage = Coverage::default();
        events.into_iter().for_each(|event| coverage.add(&event));
        coverage.add_counts(&LogCounts { lost, ..LogCounts::default() });
        CoverageReport::new(&coverage, servers, std::time::Duration::from_hours(24))
    }

    #[test]
    fn a_day_of_reads_misses_nothing() {
        let report = report(reads(24), 0, None);
        assert_eq!(report.missing, []);
        assert_eq!((report.from(), report.to()), (Some(at(0)), Some(at(86_400))));
    }

    #[test]
    fn without_events_there_is_no_log() {
        assert_eq!(report([], 0, Some(3)).missing, [VerdictReason::NoLog]);
    }

    #[test]
    fn each_gap_is_named() {
        let day = Duration::days(1);
        let short = VerdictReason::ShortWindow(Duration::hours(23), day);
        assert_eq!(report(reads(23), 0, None).missing, [short]);
        let writes = reads(24).into_iter().map(|event| AuditEvent { verb: "update", ..event });
        assert_eq!(report(writes, 0, None).missing, [VerdictReason::NoReads]);
        let hours = (0..=24).filter(|hour| !(3..5).contains(hour));
        let holed = hours.map(|hour| AuditEvent { logged: Some(at(hour * 3600)), ..reads(0)[0] });
        let hole = Hole { from: at(2 * 3600), to: at(5 * 3600) };
        assert_eq!(report(holed, 0, None).missing, [VerdictReason::Holes(1, hole)]);
    }

    #[test]
    fn a_hole_of_one_api_server_is_named() {
        let events = |server: &'static str, is_lost: fn(i64) -> bool| {
            let slots = (0..=144).filter(move |slot| !is_lost(*slot));
            slots.map(move |slot| AuditEvent { server, logged: Some(at(slot * 600)), ..reads(0)[0] })
        };
        let whole = || events("a", |_| false);
        assert_eq!(report(whole().chain(events("b", |_| false)), 0, Some(2)).missing, []);
        let holed = report(whole().chain(events("b", |slot| (20..40).contains(&slot))), 0, Some(2));
        let hole = Hole { from: at(19 * 600), to: at(40 * 600) };
        let hole = ServerHole { server: "b".to_owned(), hole };
        assert_eq!(holed.missing, [VerdictReason::ServerHoles(1, hole)]);
    }

    #[test]
    fn one_cut_line_in_a_file_is_no_gap() {
        assert_eq!(report(reads(24), 1, None).missing, []);
        assert_eq!(report(reads(24), 2, None).missing, [VerdictReason::DamagedLog(2)]);
    }

    #[test]
    fn the_log_of_each_api_server_is_needed() {
        assert_eq!(report(reads(24), 0, Some(1)).missing, []);
        assert_eq!(report(reads(24), 0, Some(3)).missing, [VerdictReason::MissingServers(1, 3)]);
        let named = |names: [&'static str; 2]| {
            let events = reads(24).into_iter().zip(names.into_iter().cycle());
            events.map(|(event, server)| AuditEvent { server, ..event }).collect::<Vec<_>>()
        };
        assert_eq!(report(named(["a", "b"]), 0, Some(2)).missing, []);
        assert_eq!(report(named(["a", "a"]), 0, Some(2)).missing, [VerdictReason::MissingServers(1, 2)]);
    }
}
