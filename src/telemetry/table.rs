//! The table of metrics: names, types, labels with all their values, and meanings.
//!
//! Metrics are registered with its entries, and the reference page is rendered from it.

use prometheus_client::metrics::MetricType;

use super::labels::{
    CertificateLabel, HandshakeFailure, LookupResult, MistakeEffect, ObjectLabel, OutcomeLabel, ResultLabel,
    WriteResult, mode_names, refusal_codes, warning_codes,
};

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricEntry {
    /// The name without the suffix of samples, such as `_total`.
    pub name: &'static str,
    /// The type.
    pub kind: MetricType,
    /// The labels.
    pub labels: &'static [MetricLabel],
    /// The meaning in a sentence without its full stop, with the unit: the help text of `/metrics`.
    pub help: &'static str,
}

/// A label of a metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricLabel {
    /// The name.
    pub name: &'static str,
    /// The meaning of the label and of values that do not speak for themselves.
    pub meaning: &'static str,
    /// All values.
    pub values: fn() -> Vec<&'static str>,
}

impl MetricEntry {
    const fn new(
        kind: MetricType,
        name: &'static str,
        labels: &'static [MetricLabel],
        help: &'static str,
    ) -> Self {
        Self { name, kind, labels, help }
    }

    /// The names of the samples in the text format.
    pub fn samples(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind {
            MetricType::Counter => &["_total"],
            MetricType::Histogram => &["_bucket", "_count", "_sum"],
            MetricType::Info => &["_info"],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name)).collect()
    }
}

const fn label(name: &'static str, values: fn() -> Vec<&'static str>, meaning: &'static str) -> MetricLabel {
    MetricLabel { name, meaning, values }
}

/// Generates a constant for each metric, and the list of all of them.
macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(pub(super) const $constant: MetricEntry =
            MetricEntry::new(MetricType::$kind, $name, $labels, $help);)*

        /// Every metric, in the order of the reference page.
        pub const METRICS: &[MetricEntry] = &[$($constant),*];
    };
}

metrics! {
    READY = Gauge "boundtoken_ready" &[],
        "Whether `/readyz` of the replica passes: 1 or 0";
    ADMISSIONS = Counter "boundtoken_admissions" &[
        label("mode", mode_names, "the mode in effect; `none` if settings are invalid, or did not apply"),
        label("outcome", OutcomeLabel::values,
            "with `dry-run`, `would-patch` or `would-refuse`; `unavailable` is HTTP 503, `bad-request` HTTP 4xx"),
    ],
        "Responses to admission requests";
    ADMISSION_DURATION = Histogram "boundtoken_admission_duration_seconds" &[],
        "Time from the head of a request to its answer";
    REFUSALS = Counter "boundtoken_refusals" &[label("code", refusal_codes, "the code of the diagnostic")],
        "Refusals, once for each code";
    WARNINGS = Counter "boundtoken_warnings" &[
        label("code", warning_codes, "the code of the diagnostic; with `dry-run`, also that of a refusal"),
    ],
        "Admissions with a warning, once for each code";
    CONNECTIONS = Gauge "boundtoken_connections" &[],
        "Open connections to the webhook";
    CONNECTIONS_OPENED = Counter "boundtoken_connections_opened" &[],
        "Connections to the webhook since the start";
    FAILED_HANDSHAKES = Counter "boundtoken_failed_handshakes" &[
        label("reason", HandshakeFailure::values,
            "`alert`: the client ended the handshake, for example because the `caBundle` does not verify the \
             serving certificate; `client-certificate`: the client presented none, or one that \
             `--client-ca-file` does not verify; `other`: the client closed the connection or did not speak TLS"),
    ],
        "Connections that ended in the TLS handshake";
    NAMESPACES = Gauge "boundtoken_namespaces" &[],
        "Namespaces that opted in";
    NAMESPACES_WITH_MISTAKES = Gauge "boundtoken_namespaces_with_mistakes" &[
        label("effect", MistakeEffect::values,
            "`refused`: Pods of the Namespace are refused; `dry-run`: they are admitted unchanged, with a warning"),
    ],
        "Namespaces that opted in and have invalid settings";
    LOOKUPS = Counter "boundtoken_namespace_lookups" &[
        label("result", LookupResult::values, "`unavailable`: the API server did not answer"),
    ],
        "Lookups of the settings of a Namespace";
    WATCH_AGE = Gauge "boundtoken_namespace_watch_age_seconds" &[],
        "Seconds since the last event of the watch of Namespaces; absent without a watch";
    RELOADS = Counter "boundtoken_namespaces_reloads" &[
        label("result", ResultLabel::values, "`failure`: the previous settings stay in use"),
    ],
        "Changes of the file of `--namespaces`";
    EXPIRY = Gauge "boundtoken_certificate_expiry_timestamp_seconds" &[
        label("certificate", CertificateLabel::values, "`authority` is the CA, if its certificate is known"),
    ],
        "Unix time at which the certificate expires, in seconds";
    ROTATIONS = Counter "boundtoken_certificate_rotations" &[
        label("result", ResultLabel::values, "`failure`: the previous certificate stays in use"),
    ],
        "New certificates";
    WRITES = Counter "boundtoken_certificate_writes" &[
        label("object", ObjectLabel::values, "the Secret or the webhook configuration"),
        label("result", WriteResult::values,
            "`conflict`: another writer was faster; `error`: the API server refused the write or did not answer; \
             `held-back`: not attempted, because another writer keeps changing the object"),
    ],
        "Writes of the Secret and of the `caBundle`";
    BUILD = Info "boundtoken_build" &[label("version", || vec![env!("CARGO_PKG_VERSION")], "the running version")],
        "The running version: always 1";
    CPU = Counter "process_cpu_seconds" &[],
        "CPU time used, in seconds";
    RESIDENT_MEMORY = Gauge "process_resident_memory_bytes" &[],
        "Memory in RAM, in bytes";
    VIRTUAL_MEMORY = Gauge "process_virtual_memory_bytes" &[],
        "Address space, in bytes";
    THREADS = Gauge "process_threads" &[],
        "Threads";
    OPEN_FDS = Gauge "process_open_fds" &[],
        "Open file descriptors";
    MAX_FDS = Gauge "process_max_fds" &[],
        "Limit of open file descriptors";
    START_TIME = Gauge "process_start_time_seconds" &[],
        "Unix time at which the process started, in seconds";
}
