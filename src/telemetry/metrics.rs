//! The metrics that `/metrics` serves.

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
pub use super::labels::{
    HandshakeFailure, LookupResult, ObjectLabel, OutcomeLabel, ResultLabel, WriteResult, mode_name,
};
use super::process::Process;
use crate::policy::Mode;

/// A label value, one of a fixed set.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct AdmissionLabels {
    mode: Word,
    outcome: Word,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct FailureLabels {
    reason: Word,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct ResultLabels {
    result: Word,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct WriteLabels {
    object: Word,
    result: Word,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct CertificateLabels {
    certificate: Word,
}

impl From<ResultLabel> for ResultLabels {
    fn from(attempt: ResultLabel) -> Self {
        Self { result: Word(if attempt == ResultLabel::Success { "success" } else { "failure" }) }
    }
}

impl From<HandshakeFailure> for FailureLabels {
    fn from(failure: HandshakeFailure) -> Self {
        Self { reason: Word(failure.as_str()) }
    }
}

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
    admissions: Family<AdmissionLabels, Counter>,
    duration: Histogram,
    connections: Gauge,
    connections_opened: Counter,
    failed_handshakes: Family<FailureLabels, Counter>,
    namespaces: Gauge,
    lookups: Family<ResultLabels, Counter>,
    watch_age: Age,
    expiry: Family<CertificateLabels, Gauge>,
    rotations: Family<ResultLabels, Counter>,
    writes: Family<WriteLabels, Counter>,
    reloads: Family<ResultLabels, Counter>,
}

impl Metrics {
    /// Counts a response and observes the time that it took.
    pub fn record_admission(&self, mode: Option<Mode>, answer: OutcomeLabel, took: Duration) {
        let labels = AdmissionLabels { mode: Word(mode_name(mode)), outcome: Word(answer.as_str()) };
        self.admissions.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a connection, which is open until the guard is dropped.
    pub fn connected(&self) -> Connected {
        self.connections_opened.inc();
        self.connections.inc();
        Connected(self.connections.clone())
    }

    /// Counts a TLS handshake that failed.
    pub fn record_failed_handshake(&self, failure: HandshakeFailure) {
        self.failed_handshakes.get_or_create(&failure.into()).inc();
    }

    /// Counts a lookup of a Namespace.
    pub fn record_lookup(&self, result: LookupResult) {
        let result = Word(match result {
            LookupResult::NotOptedIn => "not-opted-in",
            LookupResult::Settings => "settings",
            LookupResult::Unavailable => "unavailable",
        });
        self.lookups.get_or_create(&ResultLabels { result }).inc();
    }

    /// Sets the number of Namespaces that opted in.
    pub fn set_namespaces(&self, count: usize) {
        self.namespaces.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Records that the watch of Namespaces received an event or a bookmark.
    pub fn record_watch_activity(&self) {
        self.watch_age.renew();
    }

    /// Sets the expiry of the serving certificate.
    pub fn set_serving_expiry(&self, not_after: OffsetDateTime) {
        self.set_expiry("serving", not_after);
    }

    /// Sets the expiry of the CA certificate.
    pub fn set_ca_expiry(&self, not_after: OffsetDateTime) {
        self.set_expiry("authority", not_after);
    }

    fn set_expiry(&self, certificate: &'static str, not_after: OffsetDateTime) {
        let labels = CertificateLabels { certificate: Word(certificate) };
        self.expiry.get_or_create(&labels).set(not_after.unix_timestamp());
    }

    /// Counts an attempt to serve a new certificate.
    pub fn record_rotation(&self, attempt: ResultLabel) {
        self.rotations.get_or_create(&attempt.into()).inc();
    }

    /// Counts a write of the Secret or of the `caBundle`.
    pub fn record_write(&self, written: ObjectLabel, result: WriteResult) {
        let (object, result) = (Word(written.as_str()), Word(result.as_str()));
        self.writes.get_or_create(&WriteLabels { object, result }).inc();
    }

    /// Counts a change of the manifest of Namespaces.
    pub fn record_namespaces_reload(&self, attempt: ResultLabel) {
        self.reloads.get_or_create(&attempt.into()).inc();
    }

    /// Encodes all metrics in the `OpenMetrics` text format.
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
            failed_handshakes: Family::default(),
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

/// Upper bounds in seconds. A decision takes microseconds; after 5 s the API server has given up on the
/// request.
const BUCKETS: [f64; 12] =
    [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 1.0, 5.0];

impl Metrics {
    /// The registry appends the suffixes `_total` and `_info` itself.
    fn register(&mut self) {
        let Self { registry, reloads, failed_handshakes, .. } = self;
        // Present from the start, so that a rate() sees the first failure.
        for attempt in [ResultLabel::Failure, ResultLabel::Success] {
            let _ = reloads.get_or_create(&attempt.into());
        }
        for failure in HandshakeFailure::ALL {
            let _ = failed_handshakes.get_or_create(&failure.into());
        }
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(WatchAge(self.watch_age.clone())));
        let registry = registry.sub_registry_with_prefix("boundtoken");
        registry.register("admissions", "Responses to admission requests", self.admissions.clone());
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
        registry.register(
            "failed_handshakes",
            "Connections that ended in the TLS handshake",
            failed_handshakes.clone(),
        );
        registry.register("namespaces", "Namespaces that opted in", self.namespaces.clone());
        registry.register("namespace_lookups", "Lookups of a Namespace's settings", self.lookups.clone());
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When a certificate expires, as Unix time",
            self.expiry.clone(),
        );
        registry.register("certificate_rotations", "New certificates, served or not", self.rotations.clone());
        registry.register("certificate_writes", "Writes of the Secret and the caBundle", self.writes.clone());
        registry.register("namespaces_reloads", "Changes of --namespaces, usable or not", reloads.clone());
        registry.register(
            "build",
            "Version of the program",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
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
        metrics.set_serving_expiry(OffsetDateTime::UNIX_EPOCH);
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
