//! The limits of a manifest, so that a small file cannot expand to a huge one.

use super::node::{Content, Node};

/// Deepest nesting, below the limit of 128 levels in `serde_json`, which parses the review that contains a
/// Pod.
const MAX_DEPTH: usize = 100;

/// Most values in one file, keys among them: the largest bundles of CRDs in use have some 300 000, and 20 000 Deployments of 25 lines some
/// 1 500 000. A value takes 40 bytes and its text.
const MAX_NODES: usize = 4_000_000;

/// Most values in anchors and the aliases that repeat them.
const MAX_ALIASED: usize = 100_000;

/// Most bytes of text in them, in total.
const MAX_ALIASED_BYTES: usize = 16 << 20;

/// The values of a file so far.
#[derive(Debug)]
pub(super) struct Limits {
    nodes: usize,
    max_nodes: usize,
    aliased: AliasSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::with_max_nodes(MAX_NODES)
    }
}

/// The size of a value with all that it contains.
#[derive(Clone, Copy, Debug, Default)]
struct AliasSize {
    nodes: usize,
    bytes: usize,
}

impl Limits {
    /// Limits with another number of values.
    pub(super) fn with_max_nodes(max_nodes: usize) -> Self {
        Self { nodes: 0, max_nodes, aliased: AliasSize::default() }
    }

    /// Counts a value that is inside `depth` lists and maps.
    ///
    /// # Errors
    /// When it is one too many, or nested too deeply.
    pub(super) fn count(&mut self, depth: usize) -> Result<(), String> {
        check_depth(depth)?;
        self.nodes += 1;
        if self.nodes > self.max_nodes {
            return Err(format!("more than {} values in one file; split it", self.max_nodes));
        }
        Ok(())
    }

    /// Counts a value that an anchor names or an alias repeats, inside `depth` lists and maps.
    ///
    /// # Errors
    /// When the aliases of the file are too large.
    pub(super) fn count_aliased(&mut self, node: &Node, depth: usize) -> Result<(), String> {
        let mut size = AliasSize::default();
        size.add(node, depth)?;
        self.aliased.nodes += size.nodes;
        self.aliased.bytes += size.bytes;
        if self.aliased.nodes > MAX_ALIASED || self.aliased.bytes > MAX_ALIASED_BYTES {
            return Err(format!("aliases expand to more than {MAX_ALIASED} values or 16 MiB"));
        }
        Ok(())
    }
}

fn check_depth(depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH { Err(format!("nested more than {MAX_DEPTH} levels deep")) } else { Ok(()) }
}

impl AliasSize {
    fn add(&mut self, node: &Node, depth: usize) -> Result<(), String> {
        check_depth(depth)?;
        self.nodes += 1;
        match &node.content {
            Content::Null | Content::Bool(_) | Content::Number(_) => {}
            Content::Text(text) => self.bytes += text.len(),
            Content::List(items) => items.iter().try_for_each(|item| self.add(item, depth + 1))?,
            Content::Map(entries) => {
                for (key, value) in entries {
                    self.bytes += key.len();
                    self.add(value, depth + 1)?;
                }
            }
        }
        Ok(())
    }
}
