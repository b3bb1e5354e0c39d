//! Reads the audit logs of `--audit-log`.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::progress::ProgressLine;
use crate::audit::evidence::Evidence;
use crate::audit::inventory::Inventory;
use crate::audit::log::{self, LogError};

/// Bytes between two updates of the progress.
const STEP: u64 = 64 << 20;

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}", .path.display())]
pub(super) struct LogPathError {
    path: PathBuf,
    source: LogError,
}

/// Reads every log. A directory means the files in it and below, without hidden ones and links to directories.
pub(super) fn read<'i>(
    paths: &[PathBuf],
    inventory: &'i Inventory,
    progress: &ProgressLine,
) -> Result<Evidence<'i>, LogPathError> {
    let mut files = Vec::new();
    for path in paths {
        add(path, &mut files)?;
    }
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let counter = LogCounter { progress, total: files.iter().map(size).sum(), read: Cell::new(0) };
    let mut evidence = Evidence::new(inventory);
    for path in files {
        let read = read_file(&path, &counter, &mut evidence);
        read.map_err(|source| LogPathError { path, source })?;
    }
    Ok(evidence)
}

fn read_file(path: &Path, counter: &LogCounter<'_>, evidence: &mut Evidence<'_>) -> Result<(), LogError> {
    let input: Box<dyn Read> =
        if is_stdin(path) { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let counts = log::read(CountedRead { input, counter }, &mut |event| evidence.add(event))?;
    evidence.add_counts(&counts);
    Ok(())
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Adds a path as it is, or the files in a directory and below.
fn add(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), LogPathError> {
    if is_stdin(path) || !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    add_directory(path, files)
}

/// Adds the files in a directory and below, without hidden ones and links to directories.
fn add_directory(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), LogPathError> {
    let failed = |error: io::Error| LogPathError { path: directory.to_owned(), source: error.into() };
    let entries = fs::read_dir(directory).map_err(failed)?;
    let mut entries = entries.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a directory may form a cycle, and a pipe blocks until it has a writer.
        if entry.file_type().map_err(failed)?.is_dir() {
            add_directory(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// Counts the bytes that were read of all logs.
struct LogCounter<'p> {
    progress: &'p ProgressLine,
    total: u64,
    read: Cell<u64>,
}

impl LogCounter<'_> {
    fn add(&self, bytes: u64) {
        let before = self.read.get();
        let read = before + bytes;
        self.read.set(read);
        if before / STEP != read / STEP {
            let megabytes = |bytes: u64| bytes / 1_000_000;
            self.progress.show(&match self.total {
                0 => format!("{} MB of logs read", megabytes(read)),
                total => format!("{} of {} MB of logs read", megabytes(read), megabytes(total)),
            });
        }
    }
}

/// A log whose bytes are counted.
struct CountedRead<'c, R> {
    input: R,
    counter: &'c LogCounter<'c>,
}

impl<R: Read> Read for CountedRead<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.counter.add(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_directory_means_its_files_but_no_pipes_and_no_cycles() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("older")).unwrap();
        for name in ["older/audit-1.log", "audit.log", ".hidden.log"] {
            fs::write(path(name), "").unwrap();
        }
        symlink(".", path("here")).unwrap();
        symlink("..", path("older/above")).unwrap();
        symlink("audit.log", path("link.log")).unwrap();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        let mut files = Vec::new();
        add(directory.path(), &mut files).unwrap();
        assert_eq!(files, ["audit.log", "link.log", "older/audit-1.log"].map(path));
    }

    #[test]
    fn a_pipe_that_is_named_is_read() {
        let mut files = Vec::new();
        add(Path::new("/dev/stdin"), &mut files).unwrap();
        add(Path::new("-"), &mut files).unwrap();
        assert_eq!(files, ["/dev/stdin", "-"].map(PathBuf::from));
    }
}
