//! The wire: an `AdmissionReview` comes in, borrowed, and a response goes out.

use crate::policy::{Mode, NamespaceSettings};

/// Why a body gets HTTP 400: a sentence for the caller.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadReview(pub String);

/// An admission request, borrowed from the body.
#[derive(Debug)]
pub struct Request<'a> {
    /// `uid`, to be echoed.
    pub uid: &'a str,
}

impl<'a> Request<'a> {
    /// Reads an `admission.k8s.io/v1` AdmissionReview.
    ///
    /// # Errors
    /// When the body is anything else.
    pub fn parse(_body: &'a [u8]) -> Result<Self, BadReview> {
        Err(BadReview("stub".to_owned()))
    }

    /// The Namespace that the object is created in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        ""
    }

    /// Name or `generateName` of the object, for a log line.
    #[must_use]
    pub fn name(&self) -> &str {
        ""
    }

    /// Whether a Pod is being created; anything else is allowed untouched.
    #[must_use]
    pub fn is_pod_creation(&self) -> bool {
        false
    }
}

/// What became of a request: one value of the label `outcome` in metrics and audit annotations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Allowed with a patch.
    Patched,
    /// Refused.
    Refused,
    /// Allowed as it is.
    Unchanged,
    /// Allowed as it is, because `dry-run` is on; else it would have been patched.
    WouldPatch,
    /// Allowed as it is, because `dry-run` is on; else it would have been refused.
    WouldRefuse,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Verdict {
    /// The mode that was in force; `None` where no settings applied.
    pub mode: Option<Mode>,
    /// What became of the request.
    pub outcome: Outcome,
    body: Vec<u8>,
}

impl Verdict {
    /// The response as JSON, ready for the wire.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// Decides about the creation of a Pod under the settings of its Namespace.
///
/// # Errors
/// When the object is not a Pod that an API server would send.
pub fn mutate(_request: &Request<'_>, _settings: &NamespaceSettings) -> Result<Verdict, BadReview> {
    Err(BadReview("stub".to_owned()))
}

/// Allows a request untouched: no Pod creation, or a Namespace that did not opt in.
#[must_use]
pub fn allow(_request: &Request<'_>) -> Verdict {
    Verdict { mode: None, outcome: Outcome::Unchanged, body: Vec::new() }
}

/// Judges the settings of a Namespace that is created or changed.
///
/// # Errors
/// When the object is not a Namespace that an API server would send.
pub fn validate(_request: &Request<'_>) -> Result<Verdict, BadReview> {
    Err(BadReview("stub".to_owned()))
}
