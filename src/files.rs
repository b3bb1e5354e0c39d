//! Reads files that are reloaded when their content changes, and writes files atomically.
//!
//! The kubelet updates a mounted file by swapping a symlink beside it. A watch on the file itself
//! does not see that, so the content is compared.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;

use crate::telemetry::incident::Incident;

/// Reads a regular file of at most [`BoundedReader::MAX_BYTES`]; reading beyond that fails.
///
/// Pipes and devices are refused, since reading one may block forever or never end.
#[derive(Debug)]
pub struct BoundedReader {
    file: File,
    rest: usize,
}

impl BoundedReader {
    /// Size limit, far above the size of any file that is reloaded.
    pub const MAX_BYTES: usize = 64 << 20;

    /// Opens a regular file, following symlinks.
    ///
    /// # Errors
    /// When the file cannot be opened, is too large, or is not a regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Without this flag, opening a pipe would wait for its writer.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if size > Self::MAX_BYTES { Err(too_large()) } else { Ok(Self { file, rest: Self::MAX_BYTES }) }
    }
}

impl Read for BoundedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.rest = self.rest.checked_sub(read).ok_or_else(too_large)?;
        Ok(read)
    }
}

fn too_large() -> io::Error {
    let sentence = format!("larger than {} MiB", BoundedReader::MAX_BYTES >> 20);
    io::Error::new(io::ErrorKind::FileTooLarge, sentence)
}

/// Reads a whole file through a [`BoundedReader`].
///
/// # Errors
/// When the file cannot be opened or read, is too large, or is not a regular file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    BoundedReader::open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// A hash of the content of some files. A file that cannot be read contributes its error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Reads the files. Take the fingerprint before loading the content: a change in between is then seen
    /// at the next comparison.
    pub fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            if let Err(error) = hash_file(path, &mut hasher) {
                error.kind().hash(&mut hasher);
            }
        }
        Self(hasher.finish())
    }
}

/// The outcome of the last attempt to load some files.
#[derive(Debug)]
pub struct ReloadState {
    /// The fingerprint of content that needs no further attempt.
    settled: Option<Fingerprint>,
    incident: Incident,
    /// Whether the last change could not be used.
    is_stale: Arc<AtomicBool>,
}

impl ReloadState {
    /// The state after files with this fingerprint were loaded for the first time.
    pub fn new(fingerprint: Fingerprint) -> Self {
        Self { settled: Some(fingerprint), incident: Incident::default(), is_stale: Arc::default() }
    }

    /// The note of `/readyz` about content that stays in use because a change could not be loaded.
    pub fn note(&self) -> impl Fn() -> Option<&'static str> + Send + Sync + 'static + use<> {
        let is_stale = Arc::clone(&self.is_stale);
        move || is_stale.load(Ordering::Relaxed).then_some("last change failed to load")
    }

    /// Records that files with this fingerprint were loaded.
    pub fn loaded(&mut self, fingerprint: Fingerprint) {
        self.settled = Some(fingerprint);
        self.incident = Incident::default();
        self.is_stale.store(false, Ordering::Relaxed);
    }

    /// Whether files with this fingerprint have to be loaded.
    pub fn is_changed(&self, fingerprint: Fingerprint) -> bool {
        self.settled != Some(fingerprint)
    }

    /// Records that loading failed. Returns whether the message is new and must be logged.
    ///
    /// With `content`, the content itself is at fault, and only a change of it leads to another attempt.
    /// Without it, the next tick tries again.
    pub fn failed(&mut self, content: Option<Fingerprint>, message: &str) -> bool {
        self.settled = content;
        self.is_stale.store(true, Ordering::Relaxed);
        self.incident.failed(message)
    }
}

fn hash_file(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut file = BoundedReader::open(path)?;
    let mut chunk = vec![0; 64 * 1024];
    let mut size: u64 = 0;
    loop {
        let read = file.read(&mut chunk)?;
        hasher.write(chunk.get(..read).unwrap_or_default());
        size += read as u64;
        if read == 0 {
            size.hash(hasher);
            return Ok(());
        }
    }
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Everyone (0644).
    Everyone,
    /// The owner only (0600).
    Owner,
}

/// Replaces a file in one step: a reader sees either the old content or the new.
///
/// # Errors
/// When the file cannot be written or moved into place.
pub fn write_atomically(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mode = if access == Access::Owner { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn a_fingerprint_depends_on_content_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let fingerprint = || Fingerprint::of([path.as_path()]);
        let missing = fingerprint();
        fs::write(&path, "one").unwrap();
        let one = fingerprint();
        fs::write(&path, "two").unwrap();
        let two = fingerprint();
        fs::write(&path, "one").unwrap();
        assert_ne!(missing, one);
        assert_ne!(one, two);
        assert_eq!(one, fingerprint());
    }

    #[test]
    fn moved_content_changes_the_fingerprint() {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (directory.path().join("one"), directory.path().join("two"));
        fs::write(&one, "ab").unwrap();
        fs::write(&two, "c").unwrap();
        let before = Fingerprint::of([one.as_path(), two.as_path()]);
        fs::write(&one, "a").unwrap();
        fs::write(&two, "bc").unwrap();
        assert_ne!(before, Fingerprint::of([one.as_path(), two.as_path()]));
    }

    #[test]
    fn a_symlink_swap_changes_the_fingerprint() {
        let directory = tempfile::tempdir().unwrap();
        for version in ["..1", "..2"] {
            fs::create_dir(directory.path().join(version)).unwrap();
            fs::write(directory.path().join(version).join("tls.crt"), version).unwrap();
        }
        symlink("..1", directory.path().join("..data")).unwrap();
        symlink("..data/tls.crt", directory.path().join("tls.crt")).unwrap();
        let path = directory.path().join("tls.crt");
        let before = Fingerprint::of([path.as_path()]);
        symlink("..2", directory.path().join("..data_tmp")).unwrap();
        fs::rename(directory.path().join("..data_tmp"), directory.path().join("..data")).unwrap();
        assert_ne!(before, Fingerprint::of([path.as_path()]));
    }

    #[test]
    fn only_regular_files_below_the_limit_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        mkfifoat(CWD, path("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        let size = BoundedReader::MAX_BYTES as u64 + 1;
        File::create(path("large")).unwrap().set_len(size).unwrap();
        for (name, sentence) in
            [("pipe", "not a regular file"), ("zero", "not a regular file"), ("large", "larger than 64 MiB")]
        {
            assert_eq!(read(&path(name)).unwrap_err().to_string(), sentence);
        }
        fs::write(path("file"), "content").unwrap();
        symlink("file", path("link")).unwrap();
        let before = Fingerprint::of([path("link").as_path()]);
        assert_eq!(read(&path("link")).unwrap(), b"content");
        fs::remove_file(path("link")).unwrap();
        symlink("pipe", path("link")).unwrap();
        assert_ne!(before, Fingerprint::of([path("link").as_path()]));
    }

    #[test]
    fn the_limit_holds_for_a_file_that_grows_while_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "content").unwrap();
        let mut file = BoundedReader { rest: 6, ..BoundedReader::open(&path).unwrap() };
        assert_eq!(file.read(&mut [0; 6]).unwrap(), 6);
        assert_eq!(file.read(&mut [0; 6]).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_private_file_replaces_one_that_all_can_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tls.key");
        fs::write(&path, "readable for all").unwrap();
        write_atomically(&path, b"secret", Access::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays behind");
    }
}
