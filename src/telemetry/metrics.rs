//! The metrics that `/metrics` serves.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use time::OffsetDateTime;

use super::age::{Age, WatchAge};
pub use super::labels::{
    CertificateLabel, HandshakeFailure, LookupResult, MistakeEffect, ObjectLabel, OutcomeLabel, ResultLabel,
    WriteResult, mode_name,
};
use super::process::Process;
use super::table::{self, MetricEntry};
use crate::policy::Mode;
use crate::policy::diagnostics::Code;

/// Names and values of labels, which the table lists.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Counters by labels.
type Counters<const N: usize> = Family<Labels<N>, Counter>;

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
pub struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    ready: Gauge,
    admissions: Counters<2>,
    duration: Histogram,
    refusals: Counters<1>,
    warnings: Counters<1>,
    connections: Gauge,
    connections_opened: Counter,
    failed_handshakes: Counters<1>,
    namespaces: Gauge,
    mistakes: Family<Labels<1>, Gauge>,
    lookups: Counters<1>,
    watch_age: Age,
    expiry: Family<Labels<1>, Gauge>,
    rotations: Counters<1>,
    writes: Counters<2>,
    reloads: Counters<1>,
}

impl Metrics {
    /// Sets whether the replica is ready.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Counts a response and observes the time that it took.
    pub fn record_admission(&self, mode: Option<Mode>, answer: OutcomeLabel, took: Duration) {
        self.admissions.get_or_create(&[("mode", mode_name(mode)), ("outcome", answer.as_str())]).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts the codes of a refusal, without duplicates.
    pub fn record_refusal(&self, codes: &[Code]) {
        count_codes(&self.refusals, codes);
    }

    /// Counts the codes of the warnings of a response, without duplicates.
    pub fn record_warnings(&self, codes: &[Code]) {
        count_codes(&self.warnings, codes);
    }

    /// Counts a connection, which is open until the guard is dropped.
    pub fn connected(&self) -> Connected {
        self.connections_opened.inc();
        self.connections.inc();
        Connected(self.connections.clone())
    }

    /// Counts a TLS handshake that failed.
    pub fn record_failed_handshake(&self, failure: HandshakeFailure) {
        self.failed_handshakes.get_or_create(&[("reason", failure.as_str())]).inc();
    }

    /// Counts a lookup of a Namespace.
    pub fn record_lookup(&self, result: LookupResult) {
        self.lookups.get_or_create(&[("result", result.as_str())]).inc();
    }

    /// Sets the number of Namespaces that opted in.
    pub fn set_namespaces(&self, count: usize) {
        self.namespaces.set(number(count));
    }

    /// Sets the number of Namespaces with invalid settings.
    pub fn set_mistakes(&self, effect: MistakeEffect, count: usize) {
        self.mistakes.get_or_create(&[("effect", effect.as_str())]).set(number(count));
    }

    /// Records that the watch of Namespaces received an event or a bookmark.
    pub fn record_watch_activity(&self) {
        self.watch_age.renew();
    }

    /// Sets the expiry of a certificate.
    pub fn set_expiry(&self, certificate: CertificateLabel, not_after: OffsetDateTime) {
        self.expiry.get_or_create(&[("certificate", certificate.as_str())]).set(not_after.unix_timestamp());
    }

    /// Counts an attempt to serve a new certificate.
    pub fn record_rotation(&self, attempt: ResultLabel) {
        self.rotations.get_or_create(&[("result", attempt.as_str())]).inc();
    }

    /// Counts a write of the Secret or of the `caBundle`.
    pub fn record_write(&self, written: ObjectLabel, result: WriteResult) {
        self.writes.get_or_create(&[("object", written.as_str()), ("result", result.as_str())]).inc();
    }

    /// Counts a change of the manifest of Namespaces.
    pub fn record_namespaces_reload(&self, attempt: ResultLabel) {
        self.reloads.get_or_create(&[("result", attempt.as_str())]).inc();
    }

    /// Encodes all metrics in the `OpenMetrics` text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn count_codes(counters: &Counters<1>, codes: &[Code]) {
    for code in codes {
        counters.get_or_create(&[("code", code.name())]).inc();
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            ready: Gauge::default(),
            admissions: Family::default(),
            duration: Histogram::new(BUCKETS),
            refusals: Family::default(),
            warnings: Family::default(),
            connections: Gauge::default(),
            connections_opened: Counter::default(),
            failed_handshakes: Family::default(),
            namespaces: Gauge::default(),
            mistakes: Family::default(),
            lookups: Family::default(),
            watch_age: Age::default(),
            expiry: Family::default(),
            rotations: Family::default(),
            writes: Family::default(),
            reloads: Family::default(),
        };
        metrics.register();
        metrics
    }
}

/// Upper bounds in seconds. A decision takes microseconds; after 5 s the API server has given up on the
/// request.
const BUCKETS: [f64; 12] =
    [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 1.0, 5.0];

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(WatchAge(self.watch_age.clone())));
        add(registry, &table::READY, &self.ready);
        add(registry, &table::ADMISSIONS, &self.admissions);
        add(registry, &table::ADMISSION_DURATION, &self.duration);
        add(registry, &table::CONNECTIONS, &self.connections);
        add(registry, &table::CONNECTIONS_OPENED, &self.connections_opened);
        add(registry, &table::NAMESPACES, &self.namespaces);
        add(registry, &table::EXPIRY, &self.expiry);
        add(registry, &table::WRITES, &self.writes);
        for (entry, counters) in [
            (&table::REFUSALS, &self.refusals),
            (&table::WARNINGS, &self.warnings),
            (&table::FAILED_HANDSHAKES, &self.failed_handshakes),
            (&table::LOOKUPS, &self.lookups),
            (&table::ROTATIONS, &self.rotations),
            (&table::RELOADS, &self.reloads),
        ] {
            // Present from the start, so that a rate() sees the first event.
            each_value(entry, |labels| drop(counters.get_or_create(labels)));
            add(registry, entry, counters);
        }
        each_value(&table::NAMESPACES_WITH_MISTAKES, |labels| drop(self.mistakes.get_or_create(labels)));
        add(registry, &table::NAMESPACES_WITH_MISTAKES, &self.mistakes);
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register(table::BUILD.name, table::BUILD.help, Info::new(version));
    }
}

/// Registers a metric under the name of its entry. The registry appends the suffixes `_total` and `_info` itself.
fn add(registry: &mut Registry, entry: &MetricEntry, metric: &(impl Metric + Clone)) {
    registry.register(entry.name, entry.help, metric.clone());
}

/// Calls a function with each value of the first label of a metric.
fn each_value(entry: &MetricEntry, mut with: impl FnMut(&Labels<1>)) {
    for label in entry.labels {
        for value in (label.values)() {
            with(&[(label.name, value)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Outcome;

    #[test]
    fn names_and_labels_are_stable() {
        let metrics = Metrics::default();
        metrics.record_admission(
            Some(Mode::Replace),
            OutcomeLabel::Outcome(Outcome::Patched),
            Duration::from_micros(20),
        );
        metrics.record_lookup(LookupResult::NotOptedIn);
        let _one = metrics.connected();
        drop(metrics.connected());
        metrics.record_failed_handshake(HandshakeFailure::ClientCertificate);
        metrics.set_namespaces(3);
        metrics.set_mistakes(MistakeEffect::Refused, 2);
        metrics.set_expiry(CertificateLabel::Serving, OffsetDateTime::UNIX_EPOCH);
        metrics.set_ready(true);
        metrics.record_refusal(&[Code::Mode, Code::Range]);
        metrics.record_warnings(&[Code::UnknownKey]);
        metrics.record_rotation(ResultLabel::Success);
        metrics.record_write(ObjectLabel::Configuration, WriteResult::HeldBack);
        metrics.record_namespaces_reload(ResultLabel::Success);
        assert!(!metrics.text().contains("boundtoken_namespace_watch_age"), "there is no watch");
        metrics.record_watch_activity();
        let text = metrics.text();
        for line in [
            "boundtoken_admissions_total{mode=\"replace\",outcome=\"patched\"} 1",
            "boundtoken_admission_duration_seconds_count 1",
            "boundtoken_connections 1",
            "boundtoken_connections_opened_total 2",
            "boundtoken_failed_handshakes_total{reason=\"client-certificate\"} 1",
            "boundtoken_failed_handshakes_total{reason=\"alert\"} 0",
            "boundtoken_ready 1",
            "boundtoken_refusals_total{code=\"BT001\"} 1",
            "boundtoken_refusals_total{code=\"BT004\"} 1",
            "boundtoken_refusals_total{code=\"BT030\"} 0",
            "boundtoken_warnings_total{code=\"BT050\"} 1",
            "boundtoken_namespaces 3",
            "boundtoken_namespaces_with_mistakes{effect=\"refused\"} 2",
            "boundtoken_namespaces_with_mistakes{effect=\"dry-run\"} 0",
            "boundtoken_namespace_lookups_total{result=\"not-opted-in\"} 1",
            "boundtoken_certificate_expiry_timestamp_seconds{certificate=\"serving\"} 0",
            "boundtoken_certificate_rotations_total{result=\"success\"} 1",
            "boundtoken_certificate_writes_total{object=\"configuration\",result=\"held-back\"} 1",
            "boundtoken_namespaces_reloads_total{result=\"success\"} 1",
            "boundtoken_namespaces_reloads_total{result=\"failure\"} 0",
            concat!("boundtoken_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# TYPE boundtoken_namespace_watch_age_seconds gauge",
            "# TYPE process_cpu_seconds counter",
            "# TYPE process_resident_memory_bytes gauge",
            "# TYPE process_open_fds gauge",
            "# TYPE process_start_time_seconds gauge",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("_total_total") && text.ends_with("# EOF\n"));
    }

    #[test]
    fn exactly_the_metrics_of_the_table_are_registered() {
        let metrics = Metrics::default();
        metrics.record_watch_activity();
        metrics.record_admission(None, OutcomeLabel::BadRequest, Duration::ZERO);
        metrics.set_expiry(CertificateLabel::Serving, OffsetDateTime::UNIX_EPOCH);
        metrics.record_write(ObjectLabel::Secret, WriteResult::Success);
        let text = metrics.text();
        let mut exported: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let listed = table::METRICS.iter().map(|entry| format!("{} {}", entry.name, entry.kind.as_str()));
        let mut listed: Vec<String> = listed.collect();
        exported.sort_unstable();
        listed.sort_unstable();
        assert_eq!(exported, listed);
    }

    #[test]
    fn metrics_with_one_label_exist_from_the_start() {
        let metrics = Metrics::default();
        for entry in table::METRICS.iter().filter(|entry| entry.labels.len() == 1) {
            let label = &entry.labels[0];
            for value in (label.values)() {
                let unset = matches!(entry.name, "boundtoken_certificate_expiry_timestamp_seconds");
                let sample = format!("{}{{{}=\"{value}\"}} ", entry.samples()[0], label.name);
                assert_eq!(metrics.text().contains(&sample), !unset, "{sample}");
            }
        }
    }
}
