//! One document of a file.

use std::sync::Arc;

use json_patch::jsonptr::Pointer;
use serde_json::Value;

use super::node::Node;

/// A document: a value, and where in a file its parts stand.
#[derive(Debug)]
pub struct Document {
    /// The value, keys in the order of the file.
    pub value: Value,
    /// Name of the file.
    pub file: Arc<str>,
    root: Node,
    text: Arc<str>,
    lines_before: u64,
}

impl Document {
    /// A document whose `text` comes after so many lines of `file`.
    pub(super) fn new(file: &Arc<str>, text: &Arc<str>, root: Node, lines_before: u64) -> Self {
        Self { value: root.to_value(), file: Arc::clone(file), root, text: Arc::clone(text), lines_before }
    }

    /// The line in the file where a value stands, counted from 1; that of its parent if it is absent.
    pub fn line(&self, pointer: &Pointer) -> u64 {
        let mut node = &self.root;
        for token in pointer.tokens() {
            match node.child(&token.decoded()) {
                Some(child) => node = child,
                None => break,
            }
        }
        self.lines_before + node.line
    }

    /// A scalar as it is written in the file.
    pub fn text(&self, pointer: &Pointer) -> Option<&str> {
        let node = pointer.tokens().try_fold(&self.root, |node, token| node.child(&token.decoded()))?;
        self.text.get(node.text.clone()?)
    }
}
