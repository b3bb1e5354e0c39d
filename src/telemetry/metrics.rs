//! What `/metrics` shows. Label values come from enums only, so that no caller can invent one.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

use super::age::{Age, WatchAge};
pub use super::labels::{Answer, Attempt, LookupResult, WriteResult, Written, mode_name};
use super::process::Process;
use crate::policy::Mode;

/// A fixed word as a label value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Admission {
    mode: Word,
    outcome: Word,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct ResultOf {
    result: Word,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Write {
    object: Word,
    result: Word,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Certificate {
    certificate: Word,
}

impl From<Attempt> for ResultOf {
    fn from(attempt: Attempt) -> Self {
        Self { result: Word(if attempt == Attempt::Success { "success" } else { "failure" }) }
    }
}

/// A connection that is open.
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
    admissions: Family<Admission, Counter>,
    duration: Histogram,
    connections: Gauge,
    connections_opened: Counter,
    namespaces: Gauge,
    lookups: Family<ResultOf, Counter>,
    watch_age: Age,
    expiry: Family<Certificate, Gauge>,
    rotations: Family<ResultOf, Counter>,
    writes: Family<Write, Counter>,
    reloads: Family<ResultOf, Counter>,
}

impl Metrics {
    /// Counts an answer and how long it took.
    pub fn answered(&self, mode: Option<Mode>, answer: Answer, took: Duration) {
        let labels = Admission { mode: Word(mode_name(mode)), outcome: Word(answer.as_str()) };
        self.admissions.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a connection, and as open until the guard is dropped.
    pub fn connected(&self) -> Connected {
        self.connections_opened.inc();
        self.connections.inc();
        Connected(self.connections.clone())
    }

    /// Counts a look-up of a Namespace.
    pub fn looked_up(&self, result: LookupResult) {
        let result = Word(match result {
            LookupResult::NotOptedIn => "not-opted-in",
            LookupResult::Settings => "settings",
            LookupResult::Unavailable => "unavailable",
        });
        self.lookups.get_or_create(&ResultOf { result }).inc();
    }

    /// Shows how many Namespaces opted in.
    pub fn set_namespaces(&self, count: usize) {
        self.namespaces.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The API server told something about Namespaces, be it that nothing changed.
    pub fn watch_lives(&self) {
        self.watch_age.renew();
    }

    /// Shows when the serving certificate expires.
    pub fn set_serving_expiry(&self, not_after: OffsetDateTime) {
        self.set_expiry("serving", not_after);
    }

    /// Shows when our own authority expires.
    pub fn set_authority_expiry(&self, not_after: OffsetDateTime) {
        self.set_expiry("authority", not_after);
    }

    fn set_expiry(&self, certificate: &'static str, not_after: OffsetDateTime) {
        let labels = Certificate { certificate: Word(certificate) };
        self.expiry.get_or_create(&labels).set(not_after.unix_timestamp());
    }

    /// Counts an attempt to serve a new certificate.
    pub fn rotated(&self, attempt: Attempt) {
        self.rotations.get_or_create(&attempt.into()).inc();
    }

    /// Counts a write of what certificates are kept in.
    pub fn wrote(&self, written: Written, result: WriteResult) {
        let (object, result) = (Word(written.as_str()), Word(result.as_str()));
        self.writes.get_or_create(&Write { object, result }).inc();
    }

    /// Counts a change of the manifest of Namespaces.
    pub fn reloaded_namespaces(&self, attempt: Attempt) {
        self.reloads.get_or_create(&attempt.into()).inc();
    }

    /// Everything, in the text format of `OpenMetrics`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            admissions: Family::default(),
            duration: Histogram::new(BUCKETS),
            connections: Gauge::default(),
            connections_opened: Counter::default(),
            namespaces: Gauge::default(),
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

/// Seconds. A decision takes microseconds; what takes longer than 5 s has failed at the API server.
const BUCKETS: [f64; 12] =
    [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 1.0, 5.0];

impl Metrics {
    /// The registry appends the suffixes `_total` and `_info` itself.
    fn register(&mut self) {
        let Self { registry, reloads, .. } = self;
        // Zero from the start: the first failure is the one to be told about.
        for attempt in [Attempt::Failure, Attempt::Success] {
            let _ = reloads.get_or_create(&attempt.into());
        }
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(WatchAge(self.watch_age.clone())));
        let registry = registry.sub_registry_with_prefix("boundtoken");
        registry.register("admissions", "Answers to admission requests", self.admissions.clone());
        registry.register(
            "admission_duration_seconds",
            "Time from the head of a request to its answer",
            self.duration.clone(),
        );
        registry.register("connections", "Open connections to the webhook", self.connections.clone());
        registry.register(
            "connections_opened",
            "Connections to the webhook since the start",
            self.connections_opened.clone(),
        );
        registry.register("namespaces", "Namespaces that opted in", self.namespaces.clone());
        registry.register("namespace_lookups", "Look-ups of a Namespace's settings", self.lookups.clone());
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When a certificate expires, as Unix time",
            self.expiry.clone(),
        );
        registry.register("certificate_rotations", "New certificates, served or not", self.rotations.clone());
        registry.register("certificate_writes", "Writes of the Secret and the caBundle", self.writes.clone());
        registry.register("namespaces_reloads", "Changes of --namespaces, usable or not", reloads.clone());
        registry.register("build", "What is running", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Outcome;

    #[test]
    fn the_names_are_those_of_the_contract() {
        let metrics = Metrics::default();
        metrics.answered(Some(Mode::Replace), Answer::Outcome(Outcome::Patched), Duration::from_micros(20));
        metrics.looked_up(LookupResult::NotOptedIn);
        let _one = metrics.connected();
        drop(metrics.connected());
        metrics.set_namespaces(3);
        metrics.set_serving_expiry(OffsetDateTime::UNIX_EPOCH);
        metrics.rotated(Attempt::Success);
        metrics.wrote(Written::Configuration, WriteResult::HeldBack);
        metrics.reloaded_namespaces(Attempt::Success);
        assert!(!metrics.text().contains("boundtoken_namespace_watch_age"), "there is no watch");
        metrics.watch_lives();
        let text = metrics.text();
        for line in [
            "boundtoken_admissions_total{mode=\"replace\",outcome=\"patched\"} 1",
            "boundtoken_admission_duration_seconds_count 1",
            "boundtoken_connections 1",
            "boundtoken_connections_opened_total 2",
            "boundtoken_namespaces 3",
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
}
