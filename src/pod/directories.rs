//! A sorted index of the mount paths in a container.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::token::{is_untidy, normalised};

/// Entries by normalised directory, sorted.
#[derive(Debug)]
pub(super) struct Directories<'p, T>(Vec<(Cow<'p, str>, T)>);

impl<'p, T> Directories<'p, T> {
    pub(super) fn new(entries: impl Iterator<Item = (&'p str, T)>) -> Self {
        let tidy = |path| if is_untidy(path) { Cow::Owned(normalised(path)) } else { Cow::Borrowed(path) };
        let mut sorted: Vec<_> = entries.map(|(path, entry)| (tidy(path), entry)).collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(sorted)
    }

    /// The first entry at this normalised directory.
    pub(super) fn at(&self, directory: &str) -> Option<&T> {
        let start = self.0.partition_point(|(path, _)| **path < *directory);
        self.0.get(start).filter(|(path, _)| *path == directory).map(|(_, entry)| entry)
    }

    /// Whether an entry is inside this normalised directory.
    pub(super) fn has_below(&self, directory: &str) -> bool {
        let start = self.0.partition_point(|(path, _)| compare(path, directory) == Ordering::Less);
        let first = self.0.get(start).and_then(|(path, _)| path.strip_prefix(directory));
        first.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Compares a path with a directory as if the directory ended with a slash.
fn compare(path: &str, directory: &str) -> Ordering {
    match path.strip_prefix(directory) {
        Some("") => Ordering::Less,
        Some(rest) => rest.cmp("/"),
        None => path.cmp(directory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::token::{is_below, is_same_directory};

    #[test]
    fn lookups_agree_with_a_linear_search() {
        let paths =
            ["/a", "/a-b", "/a/b", "/a//b/", "a/b", "/a/./b/c", "", "/", ".", "/ab", "/b/c", "/a/b-c"];
        for picked in 0..1_usize << paths.len() {
            let picked = paths.iter().enumerate().filter(|(bit, _)| picked >> bit & 1 == 1);
            let picked: Vec<&str> = picked.map(|(_, path)| *path).collect();
            let directories = Directories::new(picked.iter().copied().zip(0..));
            for directory in ["", "/a", "/a/b", "/b", "/a/b/c", "/x"] {
                let at = picked.iter().position(|path| is_same_directory(path, directory));
                assert_eq!(directories.at(directory).copied(), at, "{picked:?} {directory}");
                let below = picked.iter().any(|path| is_below(path, directory));
                assert_eq!(directories.has_below(directory), below, "{picked:?} {directory}");
            }
        }
    }
}
