//! `--tls-dir`: an authority and a serving certificate that we make, keep and renew ourselves.

pub mod plan;
pub mod self_made;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;
use time::OffsetDateTime;

use self::plan::{Action, Found, plan};
use super::Facts;
use super::authority::{AuthorityError, Pem, issue, new_authority};
use super::files::{PairError, load, read_facts};
use super::serving::Checked;
use super::trust;
use crate::files::{Access, BoundedReader, Fingerprint, write_atomically};

/// Why the directory does not yield a certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// No certificate could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A file or the directory itself cannot be written.
    #[error("failed to write {0}: give --tls-dir a directory that can be written to")]
    Unwritable(PathBuf, #[source] io::Error),
    /// A new authority would lock out the clients that trust the one that is there.
    #[error(
        "{0} is there, but its ca.key cannot be used: put the key back, or remove both to have a new authority made"
    )]
    WithoutKey(PathBuf, #[source] PairError),
    /// What is there cannot be read, or what was written not be served.
    #[error(transparent)]
    Unservable(#[from] PairError),
}

/// What the directory holds after [`Directory::ensure`].
#[derive(Clone, Debug)]
pub struct Ensured {
    /// What was done.
    pub action: Action,
    /// The authority.
    pub authority: Facts,
    /// The serving certificate.
    pub leaf: Checked,
}

/// A directory with `ca.crt`, `ca.key`, `tls.crt` and `tls.key`.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    names: Vec<String>,
}

impl Directory {
    /// Names that every self-made certificate speaks for.
    pub const LOCAL_NAMES: [&'static str; 3] = ["localhost", "127.0.0.1", "::1"];

    /// Takes the directory and the names that the serving certificate shall speak for.
    pub fn new(path: PathBuf, names: Vec<String>) -> Self {
        Self { path, names }
    }

    /// A file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes what is missing or due, and returns what to serve with what was done.
    ///
    /// # Errors
    /// When the directory cannot be written or a name is none.
    pub fn ensure(&self, now: OffsetDateTime) -> Result<Ensured, DirectoryError> {
        let action = plan(&self.find(now)?, &self.names, now);
        match action {
            Action::Reuse => {}
            Action::RenewLeaf => self.renew_leaf(now)?,
            Action::NewAuthority => {
                self.write_authority(now)?;
                self.renew_leaf(now)?;
            }
        }
        let authority = self.load("ca.crt", "ca.key", now)?.facts;
        Ok(Ensured { action, authority, leaf: self.load("tls.crt", "tls.key", now)? })
    }

    /// The four files, for comparing them on a tick.
    pub fn fingerprint(&self) -> Fingerprint {
        let files = ["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| self.file(name));
        Fingerprint::of(files.iter().map(PathBuf::as_path))
    }

    /// What of the directory can be used. A certificate that clients may trust is never replaced.
    fn find(&self, now: OffsetDateTime) -> Result<Found, DirectoryError> {
        let authority = match self.load("ca.crt", "ca.key", now) {
            Ok(authority) => authority,
            Err(error) if self.has_living_authority(now)? => {
                return Err(DirectoryError::WithoutKey(self.file("ca.crt"), error));
            }
            Err(_) => return Ok(Found::default()),
        };
        let leaf = self.load("tls.crt", "tls.key", now).ok();
        let leaf = leaf.filter(|leaf| is_signed_by(leaf, &authority, now));
        Ok(Found { authority: Some(authority.facts), leaf: leaf.map(|leaf| leaf.facts) })
    }

    /// Whether `ca.crt` is there and has not expired, whatever became of its key.
    fn has_living_authority(&self, now: OffsetDateTime) -> Result<bool, PairError> {
        match read_facts(&self.file("ca.crt")) {
            Ok(facts) => Ok(now < facts.not_after),
            Err(PairError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn load(&self, certificate: &str, key: &str, now: OffsetDateTime) -> Result<Checked, PairError> {
        load(&self.file(certificate), &self.file(key), now)
    }

    fn write_authority(&self, now: OffsetDateTime) -> Result<(), DirectoryError> {
        fs::create_dir_all(&self.path)
            .map_err(|error| DirectoryError::Unwritable(self.path.clone(), error))?;
        self.write_pair("ca.crt", "ca.key", &new_authority(now)?)
    }

    fn renew_leaf(&self, now: OffsetDateTime) -> Result<(), DirectoryError> {
        let authority = Pem { certificate: self.read("ca.crt")?, key: self.read("ca.key")? };
        self.write_pair("tls.crt", "tls.key", &issue(&authority, &self.names, now)?)
    }

    fn read(&self, name: &str) -> Result<String, PairError> {
        let path = self.file(name);
        let text = BoundedReader::open(&path).and_then(io::read_to_string);
        text.map_err(|error| PairError::Unreadable(path, error))
    }

    fn write_pair(&self, certificate: &str, key: &str, pem: &Pem) -> Result<(), DirectoryError> {
        write(&self.file(key), &pem.key, Access::Owner)?;
        write(&self.file(certificate), &pem.certificate, Access::Everyone)
    }
}

fn write(path: &Path, content: &str, access: Access) -> Result<(), DirectoryError> {
    write_atomically(path, content.as_bytes(), access)
        .map_err(|error| DirectoryError::Unwritable(path.to_owned(), error))
}

/// Whether a client that trusts `authority` accepts `leaf` under the first of its names.
fn is_signed_by(leaf: &Checked, authority: &Checked, now: OffsetDateTime) -> bool {
    let name = leaf.facts.names.first().and_then(|name| ServerName::try_from(name.as_str()).ok());
    let root = authority.key.cert.first();
    match (leaf.key.cert.split_first(), root, name) {
        (Some((end_entity, rest)), Some(root), Some(name)) => {
            trust::verify(end_entity, rest, std::slice::from_ref(root), &name, now).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::super::authority::{AUTHORITY_LIFE, LEAF_LIFE};
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn directory(parent: &Path, names: &[&str]) -> Directory {
        Directory::new(parent.join("tls"), names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn action(directory: &Directory, now: OffsetDateTime) -> Action {
        directory.ensure(now).unwrap().action
    }

    #[test]
    fn what_is_there_is_used_again() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        assert_eq!(action(&directory, NOW), Action::NewAuthority);
        let first = fs::read(directory.file("tls.crt")).unwrap();
        assert_eq!(action(&directory, NOW), Action::Reuse);
        assert_eq!(fs::read(directory.file("tls.crt")).unwrap(), first);
    }

    #[test]
    fn keys_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        for name in ["ca.key", "tls.key"] {
            let permissions = fs::metadata(directory.file(name)).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn the_authority_outlives_many_leaves() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        let authority = fs::read(directory.file("ca.crt")).unwrap();
        assert_eq!(action(&directory, NOW + LEAF_LIFE * 2 / 3 + Duration::hours(1)), Action::RenewLeaf);
        assert_eq!(fs::read(directory.file("ca.crt")).unwrap(), authority);
        assert_eq!(action(&directory, NOW + AUTHORITY_LIFE), Action::NewAuthority);
    }

    #[test]
    fn another_name_needs_another_leaf() {
        let parent = tempfile::tempdir().unwrap();
        directory(parent.path(), &["localhost"]).ensure(NOW).unwrap();
        let more = directory(parent.path(), &["localhost", "webhook.example"]);
        assert_eq!(action(&more, NOW), Action::RenewLeaf);
        assert_eq!(action(&directory(parent.path(), &["localhost"]), NOW), Action::Reuse);
    }

    #[test]
    fn a_leaf_of_another_authority_is_replaced() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (directory(one.path(), &["localhost"]), directory(two.path(), &["localhost"]));
        one.ensure(NOW).unwrap();
        two.ensure(NOW).unwrap();
        for name in ["tls.crt", "tls.key"] {
            fs::copy(two.file(name), one.file(name)).unwrap();
        }
        assert_eq!(action(&one, NOW), Action::RenewLeaf);
    }

    #[test]
    fn an_authority_that_was_half_written_is_made_anew() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        // The key is written first.
        fs::remove_file(directory.file("ca.crt")).unwrap();
        assert_eq!(action(&directory, NOW), Action::NewAuthority);
    }

    #[test]
    fn an_authority_whose_key_cannot_be_used_is_never_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        let trusted = fs::read(directory.file("ca.crt")).unwrap();
        for key in ["bad".to_owned(), new_authority(NOW).unwrap().key] {
            fs::write(directory.file("ca.key"), key).unwrap();
            let error = directory.ensure(NOW).unwrap_err();
            assert!(matches!(error, DirectoryError::WithoutKey(..)), "{error}");
            assert_eq!(fs::read(directory.file("ca.crt")).unwrap(), trusted);
        }
    }

    #[test]
    fn an_authority_whose_key_is_elsewhere_is_never_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        fs::remove_file(directory.file("ca.key")).unwrap();
        let error = directory.ensure(NOW).unwrap_err();
        assert!(matches!(error, DirectoryError::WithoutKey(..)), "{error}");
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("tls"), "a file").unwrap();
        let error = directory(parent.path(), &["localhost"]).ensure(NOW).unwrap_err();
        assert!(matches!(error, DirectoryError::Unwritable(path, _) if path == parent.path().join("tls")));
    }
}
