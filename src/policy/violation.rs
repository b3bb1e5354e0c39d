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

/// A reason to refuse a Pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The stable code.
    pub code: Code,
    /// The field.
    pub field: Field,
    /// The object on which the field is set.
    pub origin: Origin,
    /// The message: the value, the object, the allowed values and a suggestion.
    pub text: String,
}

impl Violation {
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
        Self { code: error.code, field: Field::Annotation(key), origin: origin.clone(), text }
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
