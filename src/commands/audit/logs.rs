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

/// Reads every log. A directory means the files in it and below, without hidden ones.
pub(super) fn read<'i>(
    paths: &[PathBuf],
    inventory: &'i Inventory,
    progress: &ProgressLine,
) -> Result<Evidence<'i>, LogPathError> {
    let mut files = Vec::new();
    for path in paths {
        add_files(path, &mut files)
            .map_err(|error| LogPathError { path: path.clone(), source: error.into() })?;
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

/// Adds a file, or the files in a directory and below.
fn add_files(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if is_stdin(path) || !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut entries: Vec<PathBuf> = entries.into_iter().filter(|path| !is_hidden(path)).collect();
    entries.sort_unstable();
    entries.iter().try_for_each(|entry| add_files(entry, files))
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
