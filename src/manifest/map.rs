//! A map that is being built: its keys are unique, except that a merge key (`<<`) may repeat them.

use std::collections::{HashMap, HashSet};

use super::compose_error::ComposeError;
use super::node::{Content, Node};
use super::scalar;

/// Largest map that is searched from its start instead of with an index.
const SMALL: usize = 16;

/// A map that is not complete.
#[derive(Debug, Default)]
pub(super) struct OpenMap {
    entries: Vec<(Box<str>, Node)>,
    key: Option<MapKey>,
    /// The positions of the first entries by their keys, once there are many.
    index: HashMap<Box<str>, usize>,
    /// The positions of the entries that a merge key set.
    merged: HashSet<usize>,
}

/// A key without its value.
#[derive(Debug)]
enum MapKey {
    Merge,
    Plain(Box<str>),
}

impl OpenMap {
    /// Adds the next key or value. `is_merge` says whether it is `<<` without quotes, which as a key means a
    /// merge.
    ///
    /// # Errors
    /// When the key cannot be one or exists, or the value cannot be merged.
    pub(super) fn add(&mut self, node: Node, is_merge: bool) -> Result<(), ComposeError> {
        let position = node.position();
        let error = |reason: String| ComposeError::new(position, reason);
        match self.key.take() {
            None if is_merge => self.key = Some(MapKey::Merge),
            None => {
                let key = scalar::key(node).map_err(|reason| error(reason.to_owned()))?;
                if self.find(&key).is_some_and(|entry| !self.merged.contains(&entry)) {
                    return Err(error(format!("duplicate mapping key `{key}` is not allowed here")));
                }
                self.key = Some(MapKey::Plain(key));
            }
            Some(MapKey::Plain(key)) => {
                let entry = self.set(key, node);
                self.merged.remove(&entry);
            }
            Some(MapKey::Merge) => self.merge(node).map_err(|reason| error(reason.to_owned()))?,
        }
        Ok(())
    }

    /// The entries in the order of their keys in the file.
    pub(super) fn into_entries(self) -> Box<[(Box<str>, Node)]> {
        self.entries.into()
    }

    /// Sets the entries of a map, or of a list of maps of which the first has precedence. As in Kubernetes'
    /// parser, they replace entries above the merge key.
    fn merge(&mut self, node: Node) -> Result<(), &'static str> {
        let maps = match node.content {
            Content::List(items) => items.into_iter().rev().map(|item| item.content).collect(),
            content => vec![content],
        };
        for map in maps {
            let Content::Map(entries) = map else {
                return Err("the value of << must be a map or a list of maps");
            };
            for (key, value) in entries {
                let entry = self.set(key, value);
                self.merged.insert(entry);
            }
        }
        Ok(())
    }

    /// Sets an entry, and returns its position.
    fn set(&mut self, key: Box<str>, value: Node) -> usize {
        let entry = self.find(&key).unwrap_or(self.entries.len());
        match self.entries.get_mut(entry) {
            Some((_, known)) => *known = value,
            None => self.entries.push((key, value)),
        }
        entry
    }

    fn find(&mut self, key: &str) -> Option<usize> {
        if self.entries.len() <= SMALL {
            return self.entries.iter().position(|(known, _)| **known == *key);
        }
        for (entry, (known, _)) in self.entries.iter().enumerate().skip(self.index.len()) {
            self.index.insert(known.clone(), entry);
        }
        self.index.get(key).copied()
    }
}
