//! The words that metrics are labelled with: enums, so that no caller can invent one.

use crate::admission::Outcome;
use crate::policy::Mode;

/// What became of a request: an outcome of admission, or why there was none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// HTTP 400, 404, 405, 408, 413 or 415: not a request of an API server.
    BadRequest,
    /// An AdmissionReview.
    Outcome(Outcome),
    /// HTTP 503: no settings of the Namespace, or no memory for the body.
    Unavailable,
}

impl Answer {
    /// The value of the label `outcome`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Outcome(outcome) => outcome.as_str(),
            Self::Unavailable => "unavailable",
        }
    }
}

/// What a look-up of a Namespace's settings found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LookupResult {
    /// The Namespace did not opt in.
    NotOptedIn,
    /// Its settings.
    Settings,
    /// Nothing, because nobody answered.
    Unavailable,
}

/// The mode of a request as the value of the label `mode`.
pub fn mode_name(mode: Option<Mode>) -> &'static str {
    mode.map_or("none", Mode::as_str)
}

/// Whether something new came into use: a certificate, a manifest of Namespaces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attempt {
    /// It cannot be used.
    Failure,
    /// It is in use.
    Success,
}

/// An object of the cluster that certificates are kept in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// The Secret.
    Secret,
    /// The webhook configuration.
    Configuration,
}

impl Written {
    /// The value of the label `object`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Configuration => "configuration",
        }
    }
}

/// What became of a write of such an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WriteResult {
    /// It is written.
    Success,
    /// Somebody else wrote it first.
    Conflict,
    /// It failed.
    Error,
    /// It was not tried: somebody else writes the object as well.
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
