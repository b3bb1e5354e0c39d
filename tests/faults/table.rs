//! The table of measurements, one row for each scenario.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::installed::Installed;
use crate::support::control_plane::Api;
use crate::traffic::{Creator, Tally};

/// A measurement in progress.
pub(crate) struct Measuring<'a> {
    scenario: String,
    installed: &'a Installed,
    apis: Vec<&'a Api>,
    began: Instant,
    before: Calls,
}

impl<'a> Measuring<'a> {
    /// Starts after each API server has called the webhook.
    pub(crate) async fn start(scenario: &str, installed: &'a Installed, apis: &[&'a Api]) -> Self {
        let before = Calls::so_far(installed, apis).await;
        let (scenario, apis) = (scenario.to_owned(), apis.to_vec());
        Self { scenario, installed, apis, began: Instant::now(), before }
    }

    /// Returns the row of this measurement: the changes since its start.
    pub(crate) async fn finish(self, creator: &Creator) -> Row {
        let took = self.began.elapsed();
        let now = Calls::so_far(self.installed, &self.apis).await;
        let calls = Calls {
            all: now.all - self.before.all,
            failed: now.failed - self.before.failed,
            connections: now.connections - self.before.connections,
        };
        Row { scenario: self.scenario, tally: creator.tally(), calls, took, note: String::new() }
    }
}

/// Calls of the webhook.
struct Calls {
    /// The number that the API servers count.
    all: u64,
    failed: u64,
    /// The number of connections that the replicas accepted.
    connections: u64,
}

impl Calls {
    async fn so_far(installed: &Installed, apis: &[&Api]) -> Self {
        let mut calls = Self { all: 0, failed: 0, connections: installed.connections().await };
        for api in apis {
            let metrics = api.text("/metrics").await;
            let name = format!("name=\"{}\"", installed.webhook());
            let ours = || metrics.lines().filter(|line| line.contains(&name));
            calls.all +=
                sum(ours().filter(|line| line.starts_with("apiserver_admission_webhook_request_total{")));
            let rejections =
                ours().filter(|line| line.starts_with("apiserver_admission_webhook_rejection_count{"));
            calls.failed += sum(rejections.filter(|line| !line.contains("error_type=\"no_error\"")));
        }
        calls
    }
}

/// The result of one scenario.
pub(crate) struct Row {
    scenario: String,
    tally: Tally,
    calls: Calls,
    took: Duration,
    note: String,
}

impl Row {
    /// The sum of several runs of one scenario.
    pub(crate) fn sum(scenario: &str, rows: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self {
            scenario: scenario.to_owned(),
            tally: Tally::default(),
            calls: Calls { all: 0, failed: 0, connections: 0 },
            took: Duration::ZERO,
            note: String::new(),
        };
        for row in rows {
            sum.tally.creates += row.tally.creates;
            sum.tally.add_latencies(&row.tally);
            sum.tally.failures.extend(row.tally.failures);
            sum.calls.all += row.calls.all;
            sum.calls.failed += row.calls.failed;
            sum.calls.connections += row.calls.connections;
            sum.took += row.took;
        }
        sum
    }

    /// Adds a note, such as another measurement.
    pub(crate) fn noted(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// The number of creates.
    pub(crate) fn creates(&self) -> usize {
        self.tally.creates
    }

    /// Whether a create failed.
    pub(crate) fn has_failures(&self) -> bool {
        !self.tally.failures.is_empty()
    }

    /// The number of calls over a connection that an earlier call had used.
    pub(crate) fn kept_alive(&self) -> u64 {
        self.calls.all.saturating_sub(self.calls.connections)
    }

    /// The number of connections that were opened.
    pub(crate) fn fresh(&self) -> u64 {
        self.calls.connections
    }

    /// Asserts that every Pod was created with its bounded token, over new and over reused connections.
    pub(crate) fn assert_zero(&self) {
        self.assert_none_failed();
        assert!(self.fresh() > 0 && self.kept_alive() > 0, "{self}");
    }

    /// Asserts that every Pod was created with its bounded token.
    pub(crate) fn assert_none_failed(&self) {
        let failures = self.failures();
        assert!(failures.is_empty() && self.calls.failed == 0, "{self}\n{failures:#?}");
        assert!(self.tally.creates > 0, "{self}");
    }

    /// Asserts that none failed, and that 99 of 100 creates took less than a limit.
    pub(crate) fn assert_none_failed_within(&self, limit: Duration) {
        self.assert_none_failed();
        assert!(self.tally.p99() < limit, "{self}");
    }

    /// Asserts failures of this kind in a scenario with a defence switched off, which proves that they are
    /// detected.
    pub(crate) fn assert_failures(&self, kind: &str) {
        let failures = self.failures();
        let is_kind = |failure: &&str| failure.contains(kind);
        assert!(failures.keys().any(is_kind), "nothing failed with \"{kind}\": {self}\n{failures:#?}");
    }

    /// The failures by message, with their counts.
    fn failures(&self) -> BTreeMap<&str, usize> {
        let mut failures = BTreeMap::new();
        for failure in &self.tally.failures {
            *failures.entry(failure.as_str()).or_default() += 1;
        }
        failures
    }
}

/// The sum of the values of metrics.
fn sum<'l>(lines: impl Iterator<Item = &'l str>) -> u64 {
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// The column headings.
pub(crate) const HEADING: &str = "scenario                             creates  failed  failed calls  \
                                  new connections  kept-alive calls  seconds  slowest create      p99  besides";

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:<36} {:>7} {:>7} {:>13} {:>16} {:>17} {:>8} {:>12} ms {:>5} ms  {}",
            self.scenario,
            self.tally.creates,
            self.tally.failures.len(),
            self.calls.failed,
            self.fresh(),
            self.kept_alive(),
            self.took.as_secs(),
            self.tally.worst.as_millis(),
            self.tally.p99().as_millis(),
            self.note,
        )
    }
}
