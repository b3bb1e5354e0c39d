//! A sorted index of the mount paths in a container.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::paths::{PodOs, first_below};

/// Entries by folded directory, sorted.
#[derive(Debug)]
pub(super) struct Directories<'p, T>(Vec<(Cow<'p, str>, T)>);

impl<'p, T> Directories<'p, T> {
    pub(super) fn new(os: PodOs, entries: impl Iterator<Item = (&'p str, T)>) -> Self {
        let mut sorted: Vec<_> = entries.map(|(path, entry)| (os.folded(path), entry)).collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(sorted)
    }

    /// Every entry, with its folded path.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(path, entry)| (&**path, entry))
    }

    /// The first entry at this folded directory.
    pub(super) fn at(&self, directory: &str) -> Option<&T> {
        self.all_at(directory).next()
    }

    /// The entries at this folded directory: mounts may spell one path in several ways.
    pub(super) fn all_at(&self, directory: &str) -> impl Iterator<Item = &T> {
        let start = self.0.partition_point(|(path, _)| **path < *directory);
        let rest = self.0.get(start..).unwrap_or_default().iter();
        rest.take_while(move |(path, _)| *path == directory).map(|(_, entry)| entry)
    }

    /// The entries inside this folded directory, with their folded paths.
    pub(super) fn below(&self, directory: &str) -> impl Iterator<Item = (&str, &T)> {
        let start = self.0.partition_point(|(path, _)| compare(path, directory) == Ordering::Less);
        let rest = self.0.get(start..).unwrap_or_default();
        let inside = move |path: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        rest.iter().map(|(path, entry)| (&**path, entry)).take_while(move |(path, _)| inside(path))
    }

    /// The nearest entry above this folded directory, with its folded path.
    pub(super) fn above<'s>(&'s self, directory: &'s str) -> Option<(&'s str, &'s T)> {
        // A path has up to 2048 segments, a container any number of mounts, and a Pod any number of containers.
        if directory.bytes().filter(|byte| *byte == b'/').count() < self.0.len() {
            let mut parents = std::iter::successors(parent(directory), |directory| parent(directory));
            parents.find_map(|parent| Some((parent, self.at(parent)?)))
        } else {
            let above = self.0.iter().filter(|(path, _)| first_below(directory, path).is_some());
            // Of several mounts at one path, `at` returns the first one.
            above.rev().max_by_key(|(path, _)| path.len()).map(|(path, entry)| (&**path, entry))
        }
    }
}

/// The directory above a folded path; that of `/t` is empty.
fn parent(directory: &str) -> Option<&str> {
    directory.rsplit_once('/').map(|(parent, _)| parent)
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
    use crate::pod::paths::normalised;

    #[test]
    fn lookups_agree_with_a_linear_search() {
        let paths =
            ["/a", "/a-b", "/a/b", "/a//b/", "a/b", "/a/./b/c", "", "/", ".", "/ab", "/b/c", "/a/b-c"];
        for picked in 0..1_usize << paths.len() {
            let picked = paths.iter().enumerate().filter(|(bit, _)| picked >> bit & 1 == 1);
            let picked: Vec<&str> = picked.map(|(_, path)| *path).collect();
            let directories = Directories::new(PodOs::Linux, picked.iter().copied().zip(0_usize..));
            let clean: Vec<String> = picked.iter().map(|path| normalised(path)).collect();
            for directory in ["", "/a", "/a/b", "/b", "/a/b/c", "/x", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n"] {
                let at = clean.iter().position(|path| path == directory);
                assert_eq!(directories.at(directory).copied(), at, "{picked:?} {directory}");
                let mut below: Vec<usize> = directories.below(directory).map(|(_, entry)| *entry).collect();
                below.sort_unstable();
                let expected = (0..).zip(&clean).filter(|(_, path)| first_below(path, directory).is_some());
                assert_eq!(
                    below,
                    expected.map(|(entry, _)| entry).collect::<Vec<_>>(),
                    "{picked:?} {directory}"
                );
                let above = clean.iter().filter(|path| first_below(directory, path).is_some());
                let above = above.max_by_key(|path| path.len());
                let above = above.and_then(|above| clean.iter().position(|path| path == above));
                let found = directories.above(directory).map(|(_, entry)| *entry);
                assert_eq!(found, above, "{picked:?} {directory}");
            }
        }
    }
}
