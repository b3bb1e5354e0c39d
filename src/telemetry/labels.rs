//! Label values of metrics. They are enums, so their number is fixed.

use crate::policy::diagnostics::{self, Diagnostic, Severity};
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

    /// All values of the label.
    pub(super) fn values() -> Vec<&'static str> {
        let answered = Outcome::ALL.map(Self::Outcome);
        answered.into_iter().chain([Self::Unavailable, Self::BadRequest]).map(Self::as_str).collect()
    }
}

/// The label `mode` of `boundtoken_admissions_total`.
pub fn mode_name(mode: Option<Mode>) -> &'static str {
    mode.map_or("none", Mode::as_str)
}

/// All values of the label `mode`.
pub(super) fn mode_names() -> Vec<&'static str> {
    Mode::ALL.into_iter().map(Some).chain([None]).map(mode_name).collect()
}

/// The codes of refusals.
pub(super) fn refusal_codes() -> Vec<&'static str> {
    let refuses = |diagnostic: &&Diagnostic| diagnostic.severity != Severity::Warning;
    diagnostics::of_admission().filter(refuses).map(|diagnostic| diagnostic.name).collect()
}

/// The codes of warnings: all of admission, because a `dry-run` turns refusals into warnings.
pub(super) fn warning_codes() -> Vec<&'static str> {
    diagnostics::of_admission().map(|diagnostic| diagnostic.name).collect()
}

/// Generates an enum of label values from a row for each: `Variant = "value"`, with its documentation.
macro_rules! label {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// The value of the label.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)*
                }
            }

            /// All values of the label.
            pub(super) fn values() -> Vec<&'static str> {
                vec![$($value),*]
            }
        }
    };
}

label! {
    /// The label `result` of `boundtoken_namespace_lookups_total`.
    LookupResult {
        /// The Namespace has settings.
        Settings = "settings",
        /// The Namespace did not opt in.
        NotOptedIn = "not-opted-in",
        /// The API server did not answer.
        Unavailable = "unavailable",
    }
}

label! {
    /// The label `reason` of `boundtoken_failed_handshakes_total`.
    HandshakeFailure {
        /// The client sent an alert, for example because the `caBundle` does not verify the serving certificate.
        Alert = "alert",
        /// The client presented no certificate, or one that `--client-ca-file` does not verify.
        ClientCertificate = "client-certificate",
        /// The client closed the connection, or did not speak TLS.
        Other = "other",
    }
}

label! {
    /// Whether a new certificate or manifest of Namespaces came into use: the label `result`.
    ResultLabel {
        /// It came into use.
        Success = "success",
        /// It could not be used; the previous one stays in use.
        Failure = "failure",
    }
}

label! {
    /// The label `object` of `boundtoken_certificate_writes_total`.
    ObjectLabel {
        /// The Secret.
        Secret = "secret",
        /// The `MutatingWebhookConfiguration`.
        Configuration = "configuration",
    }
}

label! {
    /// The label `result` of `boundtoken_certificate_writes_total`.
    WriteResult {
        /// The object was written.
        Success = "success",
        /// Another writer was faster: the object has a newer version.
        Conflict = "conflict",
        /// The API server refused the write or did not answer.
        Error = "error",
        /// The write was not attempted, because another writer keeps overwriting the object.
        HeldBack = "held-back",
    }
}

label! {
    /// The label `certificate` of `boundtoken_certificate_expiry_timestamp_seconds`.
    CertificateLabel {
        /// The serving certificate.
        Serving = "serving",
        /// The certificate of the CA that issued it.
        Authority = "authority",
    }
}

label! {
    /// The label `effect` of `boundtoken_namespaces_with_mistakes`.
    MistakeEffect {
        /// Pods of the Namespace are refused.
        Refused = "refused",
        /// Pods are admitted unchanged with a warning, because of `dry-run`.
        DryRun = "dry-run",
    }
}
