//! An error in a YAML document that is being built.

use granit_parser::ScanError;

use super::node::TextPosition;

/// An error in a document, at a position in its text.
#[derive(Debug)]
pub(super) struct ComposeError {
    /// Line and column in the text.
    pub(super) position: TextPosition,
    /// The message.
    pub(super) reason: String,
}

impl ComposeError {
    pub(super) fn new(position: TextPosition, reason: impl Into<String>) -> Self {
        Self { position, reason: reason.into() }
    }
}

impl From<ScanError> for ComposeError {
    fn from(error: ScanError) -> Self {
        Self::new(TextPosition::of(error.marker()), error.info())
    }
}
