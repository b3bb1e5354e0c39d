//! One document of a file.

use std::sync::Arc;

use super::Node;
use super::node::TextPosition;

/// A document: a value, and the positions of its parts in a file.
#[derive(Debug)]
pub struct Document {
    /// Name of the file.
    pub file: Arc<str>,
    /// The value.
    pub root: Node,
    text: Arc<str>,
    before: Offset,
}

/// The part of a file before the text of a document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offset {
    /// Lines before the one in which the text starts.
    pub(super) lines: u64,
    /// Characters before the text in that line.
    pub(super) columns: u64,
}

impl Offset {
    /// The line in the file of a position in the text after this offset.
    pub(super) fn line(self, position: TextPosition) -> u64 {
        self.lines + u64::from(position.line)
    }

    /// The column in the file of a position in the text after this offset.
    pub(super) fn column(self, position: TextPosition) -> u64 {
        let before = if position.line == 1 { self.columns } else { 0 };
        before + u64::from(position.column)
    }

    /// The offset after a further part of the file.
    pub(super) fn after(self, text: &str) -> Self {
        let characters = |text: &str| text.chars().count() as u64;
        match text.rsplit_once('\n') {
            Some((lines, last)) => Self {
                lines: self.lines + 1 + memchr::memchr_iter(b'\n', lines.as_bytes()).count() as u64,
                columns: characters(last),
            },
            None => Self { lines: self.lines, columns: self.columns + characters(text) },
        }
    }
}

impl Document {
    /// Creates a document whose `text` starts at an offset in `file`.
    pub(super) fn new(file: &Arc<str>, text: &Arc<str>, root: Node, before: Offset) -> Self {
        Self { file: Arc::clone(file), root, text: Arc::clone(text), before }
    }

    /// The line of a node of this document in the file, counted from 1.
    pub fn line(&self, node: &Node) -> u64 {
        self.before.line(node.position())
    }

    /// The column of a node of this document in its line, counted from 1 in characters.
    pub fn column(&self, node: &Node) -> u64 {
        self.before.column(node.position())
    }

    /// A scalar of this document as written in the file.
    pub fn text(&self, node: &Node) -> Option<&str> {
        self.text.get(node.range()?)
    }
}
