//! Reads files, directories and standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Error;

/// Largest file that is read; more than the largest bundles of CRDs in use.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// Extensions of manifests in a directory, as in kubectl.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// A text and its name in messages.
#[derive(Debug)]
pub struct Input {
    /// The path, or `stdin`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Reads the file, the manifests of the directory, or, for `-`, `stdin`.
///
/// # Errors
/// When something cannot be read, is too large or is not UTF-8, or when a directory contains no manifest.
pub fn read(path: &Path, recursive: bool, stdin: &mut dyn Read) -> Result<Vec<Input>, Error> {
    let name = path.display().to_string();
    if name == "-" {
        return Ok(vec![text_of("stdin".to_owned(), stdin)?]);
    }
    if name.starts_with("https://") || name.starts_with("http://") {
        return Err(Error::Url { url: name });
    }
    let mut files = Vec::new();
    if fs::metadata(path).map_err(|source| io_error(path, source))?.is_dir() {
        list(path, recursive, &mut files)?;
        if files.is_empty() {
            return Err(Error::NoManifest { path: name });
        }
    } else {
        files.push(path.to_owned());
    }
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<Input, Error> {
    let mut file = File::open(path).map_err(|source| io_error(path, source))?;
    text_of(path.display().to_string(), &mut file)
}

fn text_of(name: String, reader: &mut dyn Read) -> Result<Input, Error> {
    let mut bytes = Vec::new();
    if let Err(source) = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
        return Err(Error::Io { path: name, source });
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { path: name });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Input { name, text }),
        Err(_) => Err(Error::NotText { path: name }),
    }
}

/// Adds the manifests of a directory, sorted. Symbolic links to directories are not followed: they may form a
/// cycle.
fn list(directory: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.map_err(|source| io_error(directory, source))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(|source| io_error(&path, source))?.is_dir() {
            if recursive {
                list(&path, recursive, files)?;
            }
        } else if path.extension().is_some_and(|ending| EXTENSIONS.iter().any(|known| ending == *known)) {
            // Opening a pipe would block until it has a writer.
            if !fs::metadata(&path).map_err(|source| io_error(&path, source))?.is_file() {
                return Err(Error::NotAFile { path: path.display().to_string() });
            }
            files.push(path);
        }
    }
    Ok(())
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}
