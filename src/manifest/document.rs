//! One document of a file.

use std::sync::Arc;

use super::Node;

/// A document: a value, and the positions of its parts in a file.
#[derive(Debug)]
pub struct Document {
    /// Name of the file.
    pub file: Arc<str>,
    /// The value.
    pub root: Node,
    text: Arc<str>,
    lines_before: u64,
}

impl Document {
    /// Creates a document whose `text` starts after this number of lines of `file`.
    pub(super) fn new(file: &Arc<str>, text: &Arc<str>, root: Node, lines_before: u64) -> Self {
        Self { file: Arc::clone(file), root, text: Arc::clone(text), lines_before }
    }

    /// The line of a node of this document in the file, counted from 1.
    pub fn line(&self, node: &Node) -> u64 {
        self.lines_before + u64::from(node.line)
    }

    /// A scalar of this document as written in the file.
    pub fn text(&self, node: &Node) -> Option<&str> {
        self.text.get(node.range()?)
    }
}
