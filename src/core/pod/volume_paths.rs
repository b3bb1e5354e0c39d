//! A sorted index of the files in the volumes of a Pod, and the names that the kubelet reserves there.

use std::cmp::Ordering;

use super::paths::segments;

/// Directory in which the kubelet keeps the files of a volume that it fills (`dataDirName` in
/// `pkg/volume/util/atomic_writer.go`).
const DATA_DIRECTORY: &str = "..data";

/// Symlink that the kubelet renames to [`DATA_DIRECTORY`] when it refreshes the files (`newDataDirName` in that file).
const NEW_DATA_DIRECTORY: &str = "..data_tmp";

/// Whether the kubelet reserves a name in each volume that it fills. With a mount point of that name it cannot fill the
/// volume, and the Pod never starts.
pub fn is_kubelets_own(name: &str) -> bool {
    matches!(name, DATA_DIRECTORY | NEW_DATA_DIRECTORY)
}

/// The segments of a path in a volume, as if the data directory were the volume.
fn visible(path: &str) -> impl Iterator<Item = &str> {
    segments(path).skip_while(|segment| *segment == DATA_DIRECTORY)
}

/// Paths of files, each with the name of its volume, sorted by volume and then by segment.
#[derive(Debug)]
pub(super) struct VolumePaths<'p>(Vec<(&'p str, &'p str)>);

impl<'p> VolumePaths<'p> {
    pub(super) fn new(files: impl Iterator<Item = (&'p str, &'p str)>) -> Self {
        let mut sorted: Vec<_> = files.collect();
        sorted.sort_unstable_by(|one, other| compare(*one, *other));
        Self(sorted)
    }

    /// Whether a volume has a file at this path or in the directory at it; an empty path is the whole volume.
    pub(super) fn holds(&self, volume: &str, path: &str) -> bool {
        let start = self.0.partition_point(|entry| compare(*entry, (volume, path)) == Ordering::Less);
        self.0.get(start).is_some_and(|(name, file)| {
            let mut inner = visible(file);
            *name == volume && visible(path).all(|segment| inner.next() == Some(segment))
        })
    }
}

/// By segment, the files in a directory follow the directory.
fn compare(one: (&str, &str), other: (&str, &str)) -> Ordering {
    one.0.cmp(other.0).then_with(|| visible(one.1).cmp(visible(other.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_their_directories_are_found() {
        let files = [("b", "token"), ("a", "keys/one"), ("a", "keys-two"), ("a", "./k//three"), ("c", "")];
        let paths = VolumePaths::new(files.into_iter());
        for (volume, path) in [
            ("a", "keys"),
            ("a", "keys/one"),
            ("a", "keys/"),
            ("a", "k"),
            ("a", ""),
            ("b", "./token"),
            ("a", "..data"),
            ("a", "./..data/keys/one"),
            ("b", ""),
            ("c", ""),
        ] {
            assert!(paths.holds(volume, path), "{volume} {path}");
        }
        for (volume, path) in [
            ("a", "key"),
            ("a", "keys/two"),
            ("a", "keys/one/x"),
            ("b", "token/x"),
            ("c", "x"),
            ("d", ""),
            ("a", "keys/..data/one"),
            ("d", "..data"),
        ] {
            assert!(!paths.holds(volume, path), "{volume} {path}");
        }
    }
}
