//! Errors in the value of a setting, and their wording.

use std::fmt;

use crate::printable::shortened;

use super::diagnostics::Code;

/// Longest part of a value that a message quotes, in characters.
const MAX_QUOTED: usize = 64;

impl From<ValueError> for Vec<ValueError> {
    fn from(error: ValueError) -> Self {
        vec![error]
    }
}

/// An error in a value, independent of where the value is set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ValueError {
    pub(super) code: Code,
    /// The part of the message after the value and its object: `is too short: …`.
    pub(super) sentence: String,
    /// The part of the annotation that is wrong, such as `[2].ttl`.
    pub(super) item: Option<String>,
    /// The value of that part, as by [`quote`].
    pub(super) quoted: Option<String>,
}

impl ValueError {
    pub(super) fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), item: None, quoted: None }
    }

    /// Attributes the error to a part of the annotation, or to a larger part than before.
    pub(super) fn in_item(self, item: impl Into<String>, value: &str) -> Self {
        Self { item: Some(item.into()), quoted: Some(self.quoted.unwrap_or_else(|| quote(value))), ..self }
    }
}

/// Quotes a value, shortened and with unprintable characters escaped.
pub fn quote(value: &str) -> String {
    match shortened(value, MAX_QUOTED) {
        (shown, true) => format!("\"{shown}\""),
        (shown, false) => format!("\"{shown}\"… ({} bytes)", value.len()),
    }
}

/// The suggestion at the end of a message; empty if there is none.
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
