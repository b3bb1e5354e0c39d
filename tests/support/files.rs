//! The files of a directory.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a directory and of those below it, in order.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Those of them with an extension, such as `rs`.
pub(crate) fn files_with_extension(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = files_below(directory);
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files
}
