//! Violations: what is wrong with a setting or a Pod, in the words that people read.

use std::fmt;
use std::sync::Arc;

use crate::printable::shortened;

use super::diagnostics::{Code, Severity};
use super::keys::Key;

/// Longest piece of a value that is repeated in a message, in characters.
const MAX_QUOTED: usize = 64;

/// What is wrong with 3607 s for the API server, whoever asks for it.
pub(super) const BECOMES_A_YEAR: &str =
    "becomes a year: the API server extends exactly 3607 s for itself; did you mean \"3600\"?";

/// Which object a setting stands on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The Namespace of this name.
    Namespace(Arc<str>),
    /// The Pod. Its name is never repeated: it may be generated, and events then would not aggregate.
    Pod,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) => write!(formatter, "Namespace {name}"),
            Self::Pod => formatter.write_str("the Pod"),
        }
    }
}

/// Where in an object a mistake is.
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

    /// The field as a path, as `details.causes[].field` wants it.
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
    /// Where it is.
    pub field: Field,
    /// On which object it stands.
    pub origin: Origin,
    /// The sentence: the value, the object, what is allowed, what was probably meant.
    pub text: String,
}

impl Violation {
    /// A mistake in the value of an annotation: `fault` says what is wrong with `value`.
    pub(super) fn of_value(key: Key, origin: &Origin, value: &str, error: &ValueError) -> Self {
        let what = match &error.item {
            Some(item) => format!("{item} "),
            None => String::new(),
        };
        let text = format!(
            "{what}{} on {origin} {}",
            quote(error.value.as_deref().unwrap_or(value)),
            error.sentence
        );
        Self { code: error.code, field: Field::Annotation(key), origin: origin.clone(), text }
    }

    /// Whether this is a guardrail that somebody set, and not a mistake.
    pub fn is_forbidden(&self) -> bool {
        self.code.severity() == Severity::Forbidden
    }

    /// The sentence with its code, for a place that names the field already.
    pub fn message(&self) -> String {
        format!("{} ({})", self.text, self.code)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({})", self.field, self.text, self.code)
    }
}

impl From<ValueError> for Vec<ValueError> {
    fn from(error: ValueError) -> Self {
        vec![error]
    }
}

/// What is wrong with a value, whoever wrote it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ValueError {
    pub(super) code: Code,
    /// What follows the value and its object: `is too short: …`.
    pub(super) sentence: String,
    /// The part of the annotation that is wrong, such as `[2].ttl`.
    pub(super) item: Option<String>,
    /// The value of that part.
    pub(super) value: Option<String>,
}

impl ValueError {
    pub(super) fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), item: None, value: None }
    }

    /// The same fault in a part of the annotation.
    pub(super) fn in_item(self, item: impl Into<String>, value: &str) -> Self {
        Self { item: Some(item.into()), value: Some(value.to_owned()), ..self }
    }
}

/// A value in quotes: shortened, and with every character escaped that a terminal would not print.
pub fn quote(value: &str) -> String {
    match shortened(value, MAX_QUOTED) {
        (shown, true) => format!("\"{shown}\""),
        (shown, false) => format!("\"{shown}\"… ({} bytes)", value.len()),
    }
}

/// What was probably meant.
pub(super) fn did_you_mean(guess: Option<impl fmt::Display>) -> String {
    guess.map(|guess| format!("; did you mean {guess}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_short_and_printable() {
        assert_eq!(quote("5m"), "\"5m\"");
        assert_eq!(quote("a\u{1b}[31m\u{202e}\n"), r#""a\u{1b}[31m\u{202e}\n""#);
        let long = quote(&"x".repeat(10_240));
        assert_eq!(long, format!("\"{}\"… (10240 bytes)", "x".repeat(64)));
        assert!(quote(&"\u{7}".repeat(10_240)).len() < 100);
    }
}
