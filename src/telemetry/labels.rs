//! Label values of metrics. They are enums, so their number is fixed.

use crate::policy::{Mode, Outcome};

/// The label `outcome` of `boundtoken_admissions_total`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutcomeLabel {
    /// HTTP 400, 404, 405, 408, 413 or 415: the request did not come from an API server.
    BadRequest,
    /// The request was answered with an AdmissionReview.
    Outcome(Outcome),
    /// HTTP 503: the settings of the Namespace are unknown, or there is no memory for the body.
    Unavailable,
}

impl OutcomeLabel {
    /// The value of the label `outcome`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Outcome(outcome) => outcome.as_str(),
            Self::Unavailable => "unavailable",
        }
    }
}

/// The label `result` of `boundtoken_namespace_lookups_total`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LookupResult {
    /// The Namespace did not opt in.
    NotOptedIn,
    /// The Namespace has settings.
    Settings,
    /// The API server did not answer.
    Unavailable,
}

/// The label `reason` of `boundtoken_failed_handshakes_total`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HandshakeFailure {
    /// The client sent an alert, for example because the `caBundle` does not verify the serving certificate.
    Alert,
    /// The client presented no certificate, or one that `--client-ca-file` does not verify.
    ClientCertificate,
    /// The client closed the connection, or did not speak TLS.
    Other,
}

impl HandshakeFailure {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Alert, Self::ClientCertificate, Self::Other];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::ClientCertificate => "client-certificate",
            Self::Other => "other",
        }
    }
}

/// The label `mode` of `boundtoken_admissions_total`.
pub fn mode_name(mode: Option<Mode>) -> &'static str {
    mode.map_or("none", Mode::as_str)
}

/// Whether a new certificate or manifest of Namespaces came into use: the label `result`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResultLabel {
    /// It could not be used; the previous one stays in use.
    Failure,
    /// It came into use.
    Success,
}

/// The label `object` of `boundtoken_certificate_writes_total`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ObjectLabel {
    /// The Secret.
    Secret,
    /// The `MutatingWebhookConfiguration`.
    Configuration,
}

impl ObjectLabel {
    /// The value of the label `object`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Configuration => "configuration",
        }
    }
}

/// The label `result` of `boundtoken_certificate_writes_total`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WriteResult {
    /// The object was written.
    Success,
    /// Another writer was faster: the object has a newer version.
    Conflict,
    /// The API server refused the write or did not answer.
    Error,
    /// The write was not attempted, because another writer keeps overwriting the object.
    HeldBack,
}

impl WriteResult {
    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Conflict => "conflict",
            Self::Error => "error",
            Self::HeldBack => "held-back",
        }
    }
}
