//! Violations: the errors in a setting or a Pod that lead to a refusal.

use std::fmt;

use super::diagnostics::{Code, Severity};
use super::keys::Key;
use super::origin::Origin;
use super::value_error::{ValueError, quote};

/// The field of an object that a violation is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    /// An annotation.
    Annotation(Key),
    /// The volumes of a Pod.
    Volumes,
}

impl Field {
    /// The key of the annotation, if it is one.
    pub fn key(self) -> Option<Key> {
        match self {
            Self::Annotation(key) => Some(key),
            Self::Volumes => None,
        }
    }

    /// The path of the field, in the format of `details.causes[].field`.
    pub fn path(self) -> String {
        match self {
            Self::Annotation(key) => format!("metadata.annotations[{key}]"),
            Self::Volumes => "spec.volumes".to_owned(),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation(key) => key.fmt(formatter),
            Self::Volumes => formatter.write_str("spec.volumes"),
        }
    }
}

/// The part of a Pod that asks for a token which its Namespace does not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ViolationCause {
    /// The annotation with this key.
    Annotation(Key),
    /// A `serviceAccountToken` source in a volume of the Pod.
    Source {
        /// The index of the volume in `spec.volumes`.
        volume: usize,
        /// The index of the source in the volume.
        source: usize,
    },
}

/// A reason to refuse a Pod. Two with the same message are equal, whatever their causes.
#[derive(Clone, Debug, Eq)]
pub struct Violation {
    /// The stable code.
    pub code: Code,
    /// The field.
    pub field: Field,
    /// The object on which the field is set.
    pub origin: Origin,
    /// The message: the value, the object, the allowed values and a suggestion.
    pub text: String,
    /// The part of the Pod that violates a limit of its Namespace; `None` for the field itself.
    pub cause: Option<ViolationCause>,
}

impl PartialEq for Violation {
    fn eq(&self, other: &Self) -> bool {
        let Self { code, field, origin, text, cause: _ } = self;
        (code, field, origin, text) == (&other.code, &other.field, &other.origin, &other.text)
    }
}

impl Violation {
    /// Builds a violation in an annotation or in the volumes themselves.
    pub(super) fn new(code: Code, field: Field, origin: Origin, text: String) -> Self {
        Self { code, field, origin, text, cause: None }
    }

    /// Builds the violation for an invalid `value` of an annotation.
    pub(super) fn of_value(key: Key, origin: &Origin, value: &str, error: &ValueError) -> Self {
        let what = match &error.item {
            Some(item) => format!("{item} "),
            None => String::new(),
        };
        let text = format!(
            "{what}{} on {origin} {}",
            error.quoted.clone().unwrap_or_else(|| quote(value)),
            error.sentence
        );
        Self::new(error.code, Field::Annotation(key), origin.clone(), text)
    }

    /// Whether a guardrail is violated, as opposed to a setting being invalid.
    pub fn is_forbidden(&self) -> bool {
        self.code.severity() == Severity::Forbidden
    }

    /// The message with its code, for output that names the field elsewhere.
    pub fn message(&self) -> String {
        format!("{} ({})", self.text, self.code)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({})", self.field, self.text, self.code)
    }
}
