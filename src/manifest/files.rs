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

/// The files of a directory that may be manifests.
#[derive(Debug, Default)]
pub struct FileList {
    /// The files, sorted.
    pub files: Vec<PathBuf>,
    /// What cannot be listed.
    pub errors: Vec<Error>,
}

/// Reads the file, or, for `-`, `stdin`. Returns `None` for a directory.
///
/// # Errors
/// When it cannot be read, is too large or is not text.
pub fn read(path: &Path, stdin: &mut dyn Read) -> Result<Option<Input>, Error> {
    let name = path.display().to_string();
    if name == "-" {
        return text_of("stdin".to_owned(), stdin).map(Some);
    }
    if name.starts_with("https://") || name.starts_with("http://") {
        return Err(Error::Url { url: name });
    }
    if fs::metadata(path).map_err(|source| io_error(path, source))?.is_dir() {
        return Ok(None);
    }
    read_file(path).map(Some)
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, is too large or is not text.
pub fn read_file(path: &Path) -> Result<Input, Error> {
    let mut file = File::open(path).map_err(|source| io_error(path, source))?;
    text_of(path.display().to_string(), &mut file)
}

/// Reads a text from a pipe or file.
///
/// # Errors
/// When it cannot be read, is too large or is not text.
pub fn text_of(name: String, reader: &mut dyn Read) -> Result<Input, Error> {
    let mut bytes = Vec::new();
    if let Err(source) = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
        return Err(Error::Io { path: name, source });
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { path: name });
    }
    match decode(bytes) {
        Some(text) => Ok(Input { name, text }),
        None => Err(Error::NotText { path: name }),
    }
}

/// Decodes UTF-8, or UTF-16 with a byte order mark, as kubectl does: `>` in Windows `PowerShell` writes the latter.
pub fn decode(bytes: Vec<u8>) -> Option<String> {
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).collect::<Result<String, _>>().ok().filter(|_| rest.is_empty())
}

/// Lists the files of a directory that have the extension of a manifest. Symbolic links to directories are not
/// followed: they may form a cycle.
pub fn list(directory: &Path, recursive: bool) -> FileList {
    let mut list = FileList::default();
    list.add_directory(directory, recursive);
    list
}

impl FileList {
    fn add_directory(&mut self, directory: &Path, recursive: bool) {
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(source) => return self.errors.push(io_error(directory, source)),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && recursive => self.add_directory(&path, recursive),
                Ok(kind) if kind.is_dir() => {}
                Ok(_) => self.add_file(path),
                Err(source) => self.errors.push(io_error(&path, source)),
            }
        }
    }

    fn add_file(&mut self, path: PathBuf) {
        if !path.extension().is_some_and(|ending| EXTENSIONS.iter().any(|known| ending == *known)) {
            return;
        }
        match fs::metadata(&path) {
            // Opening a pipe would block until it has a writer.
            Ok(metadata) if !metadata.is_file() => {
                self.errors.push(Error::NotAFile { path: path.display().to_string() });
            }
            Ok(_) => self.files.push(path),
            Err(source) => self.errors.push(io_error(&path, source)),
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}
