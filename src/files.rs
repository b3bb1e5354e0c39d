//! Files that are read again when their content changes.
//!
//! The kubelet updates a mounted file by swapping a symlink next to it, which a
//! watch on the file itself never sees: so it is the content that is compared.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often files are looked at. The kubelet itself needs up to 100 s to bring
/// a change into a volume, so nobody waits for this.
pub const TICK: Duration = Duration::from_secs(5);

/// The tasks that keep files up to date.
#[derive(Debug, Default)]
pub struct Watchers(Vec<(&'static str, JoinHandle<()>)>);

impl Watchers {
    /// Calls `reload` every [`TICK`] from here on. It logs mistakes itself: nobody waits for an answer.
    pub fn watch<F: Send + 'static>(&mut self, name: &'static str, files: F, reload: fn(&mut F)) {
        self.0.push((name, tokio::spawn(reload_every_tick(name, files, reload))));
    }

    /// Whether changes of each file are still seen.
    ///
    /// # Errors
    /// The reason for `/readyz`.
    pub fn check(&self) -> Result<(), String> {
        match self.0.iter().find(|(_, task)| task.is_finished()) {
            Some((name, _)) => Err(format!("changes of the {name} are no longer seen; restart")),
            None => Ok(()),
        }
    }
}

/// Reloads on a thread that may block; never returns unless `reload` panics.
async fn reload_every_tick<F: Send + 'static>(name: &'static str, mut files: F, reload: fn(&mut F)) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let reloaded = tokio::task::spawn_blocking(move || {
            reload(&mut files);
            files
        });
        match reloaded.await {
            Ok(back) => files = back,
            Err(error) => return tracing::error!(name, %error, "changes are no longer seen; restart"),
        }
    }
}

/// What some files held at one moment, as a hash; a file that cannot be read counts by its error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Reads the files. Take it before the content that it shall stand for: then no change is missed.
    #[must_use]
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

fn hash_file(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut file = File::open(path)?;
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

    #[tokio::test(start_paused = true)]
    async fn files_are_reloaded_on_every_tick() {
        let (sender, mut reloads) = tokio::sync::mpsc::unbounded_channel();
        let mut watchers = Watchers::default();
        watchers.watch("files", sender, |sender| sender.send(tokio::time::Instant::now()).unwrap());
        let first = reloads.recv().await.unwrap();
        let second = reloads.recv().await.unwrap();
        assert!((TICK..TICK * 2).contains(&(second - first)));
        assert_eq!(watchers.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watcher_that_panics_is_noticed() {
        let mut watchers = Watchers::default();
        watchers.watch("certificate", (), |()| {});
        watchers.watch("Namespaces", 1, |rest| *rest = u8::checked_sub(*rest, 1).unwrap());
        tokio::time::sleep(TICK / 2).await;
        assert_eq!(watchers.check(), Ok(()));
        tokio::time::sleep(TICK * 2).await;
        let reason = "changes of the Namespaces are no longer seen; restart".to_owned();
        assert_eq!(watchers.check(), Err(reason));
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
