//! Files that are read again when their content changes.
//!
//! The kubelet updates a mounted file by swapping a symlink next to it, which a
//! watch on the file itself never sees: so it is the content that is compared.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// A regular file that is read up to [`Bounded::MAX_BYTES`]; beyond that, reading fails.
///
/// A pipe or a device may have no end, or no beginning, and whoever waits for it waits forever.
#[derive(Debug)]
pub struct Bounded {
    file: File,
    rest: usize,
}

impl Bounded {
    /// Far more than any file that is read again on a tick.
    pub const MAX_BYTES: usize = 64 << 20;

    /// Opens what is a regular file once symlinks are followed.
    ///
    /// # Errors
    /// When it is anything else, too large, or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Else opening a pipe would wait for its writer.
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

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.rest = self.rest.checked_sub(read).ok_or_else(too_large)?;
        Ok(read)
    }
}

fn too_large() -> io::Error {
    let sentence = format!("larger than {} MiB", Bounded::MAX_BYTES >> 20);
    io::Error::new(io::ErrorKind::FileTooLarge, sentence)
}

/// Reads a regular file of at most [`Bounded::MAX_BYTES`].
///
/// # Errors
/// When it is anything else.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    Bounded::open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// What some files held at one moment, as a hash; a file that cannot be read counts by its error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Reads the files. Take it before the content that it shall stand for: then no change is missed.
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

/// The last look at some files: what need not be loaded again, and what need not be said again.
#[derive(Debug)]
pub struct LastLook {
    done: Option<Fingerprint>,
    complaint: String,
}

impl LastLook {
    /// Files with this fingerprint were loaded.
    pub fn loaded(fingerprint: Fingerprint) -> Self {
        Self { done: Some(fingerprint), complaint: String::new() }
    }

    /// Whether files with this fingerprint are to be loaded.
    pub fn calls_for(&self, fingerprint: Fingerprint) -> bool {
        self.done != Some(fingerprint)
    }

    /// Loading failed. It is tried again at the next look, unless it is due to this `content`, and so
    /// nothing but another one helps. Returns whether the complaint is new, and so has to be told.
    pub fn failed(&mut self, content: Option<Fingerprint>, complaint: &str) -> bool {
        self.done = content;
        let is_new = self.complaint != complaint;
        complaint.clone_into(&mut self.complaint);
        is_new
    }
}

fn hash_file(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut file = Bounded::open(path)?;
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

/// Who may read a file that is written here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Everyone (0644).
    Everyone,
    /// The owner only (0600).
    Owner,
}

/// Writes a file in one step: whoever reads it sees the old content or the new.
///
/// # Errors
/// When the directory cannot be written to.
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
    fn a_fingerprint_follows_the_content_and_nothing_else() {
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
    fn content_that_moves_from_one_file_to_the_next_is_a_change() {
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
    fn the_symlink_swap_of_the_kubelet_is_seen() {
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
    fn only_regular_files_up_to_a_size_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        mkfifoat(CWD, path("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        let size = Bounded::MAX_BYTES as u64 + 1;
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
    fn a_file_that_grows_while_it_is_read_has_the_same_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "content").unwrap();
        let mut file = Bounded { rest: 6, ..Bounded::open(&path).unwrap() };
        assert_eq!(file.read(&mut [0; 6]).unwrap(), 6);
        assert_eq!(file.read(&mut [0; 6]).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_for_the_owner_is_never_readable_for_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tls.key");
        fs::write(&path, "readable for all").unwrap();
        write_atomically(&path, b"secret", Access::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays behind");
    }
}
