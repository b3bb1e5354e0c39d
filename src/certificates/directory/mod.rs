//! `--tls-dir`: a CA and a serving certificate that we make and renew.

pub mod plan;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use self::plan::{CA_LIFE, Found, Renewal, SERVING_LIFE, is_due, plan};
use super::ca::{Ca, CaError};
use super::certificate::{Certificate, Validity};
use super::files::{PairError, PairFiles, read_certificate};
use super::pair::CheckedPair;
use super::pem::Pem;
use super::watcher::{Loaded, PairSource, PairWatcher};
use crate::files::{Access, BoundedReader, Fingerprint, write_atomically};
use crate::telemetry::metrics::Metrics;

/// Why a directory yields no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// No certificate could be made.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The directory or a file in it cannot be written.
    #[error("failed to write {0}: --tls-dir must name a writable directory")]
    Unwritable(PathBuf, #[source] io::Error),
    /// The key of a valid CA is missing. A new CA would lock out the clients that trust the present one.
    #[error(
        "{0} exists, but its ca.key cannot be used: restore the key, or remove both to have a new CA made"
    )]
    WithoutKey(PathBuf, #[source] PairError),
    /// A file cannot be read, or a pair cannot be served.
    #[error(transparent)]
    Unservable(#[from] PairError),
}

/// The content of the directory after [`Directory::ensure`].
#[derive(Clone, Debug)]
pub struct Ensured {
    /// The certificates that were renewed.
    pub renewal: Renewal,
    /// The CA.
    pub ca: Certificate,
    /// The serving certificate.
    pub serving: CheckedPair,
}

/// A directory with `ca.crt`, `ca.key`, `tls.crt` and `tls.key`.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    names: Vec<String>,
}

impl Directory {
    /// Names that every self-made certificate covers.
    pub const LOCAL_NAMES: [&'static str; 3] = ["localhost", "127.0.0.1", "::1"];

    /// A directory whose serving certificate covers these names.
    pub fn new(path: PathBuf, names: Vec<String>) -> Self {
        Self { path, names }
    }

    /// A file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Serves the certificate in the directory, and logs where clients find its CA.
    ///
    /// # Errors
    /// As for [`Directory::ensure`].
    pub fn serve(
        self,
        metrics: Arc<Metrics>,
        now: OffsetDateTime,
    ) -> Result<PairWatcher<Self>, DirectoryError> {
        let ca = self.file("ca.crt");
        let watcher = PairWatcher::open(self, metrics, now)?;
        tracing::info!(ca = %ca.display(), "serving a self-made certificate");
        Ok(watcher)
    }

    /// Makes the certificates that are missing or due, and loads the result.
    ///
    /// # Errors
    /// When the directory cannot be written, or a name is not valid.
    pub fn ensure(&self, now: OffsetDateTime) -> Result<Ensured, DirectoryError> {
        let renewal = plan(&self.find(now)?, &self.names, now);
        match renewal {
            Renewal::None => {}
            Renewal::Serving => {
                let pem = Pem { certificate: self.read("ca.crt")?, key: self.read("ca.key")? };
                self.issue(&Ca::load(pem)?, now)?;
            }
            Renewal::Ca => self.issue(&self.new_ca(now)?, now)?,
        }
        let ca = self.pair("ca").load_pair(now)?.certificate;
        Ok(Ensured { renewal, ca, serving: self.pair("tls").load_pair(now)? })
    }

    /// The usable certificates.
    fn find(&self, now: OffsetDateTime) -> Result<Found, DirectoryError> {
        let ca = match self.pair("ca").load_pair(now) {
            Ok(ca) => ca.certificate,
            Err(error) if self.has_valid_ca(now)? => {
                return Err(DirectoryError::WithoutKey(self.file("ca.crt"), error));
            }
            Err(_) => return Ok(Found::default()),
        };
        let serving = self.pair("tls").load_pair(now).ok();
        let serving = serving.filter(|serving| serving.is_signed_by(&ca, now));
        Ok(Found { ca: Some(ca), serving: serving.map(|serving| serving.certificate) })
    }

    /// Whether `ca.crt` exists and has not expired, with or without its key.
    fn has_valid_ca(&self, now: OffsetDateTime) -> Result<bool, PairError> {
        match read_certificate(&self.file("ca.crt")) {
            Ok(ca) => Ok(now < ca.validity.not_after),
            Err(PairError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The files `NAME.crt` and `NAME.key`.
    fn pair(&self, name: &str) -> PairFiles {
        let [certificate, key] = ["crt", "key"].map(|suffix| self.file(&format!("{name}.{suffix}")));
        PairFiles { certificate, key }
    }

    fn new_ca(&self, now: OffsetDateTime) -> Result<Ca, DirectoryError> {
        self.create().map_err(|error| DirectoryError::Unwritable(self.path.clone(), error))?;
        let ca = Ca::generate(Validity::from_now(now, CA_LIFE))?;
        write_pair(&self.pair("ca"), &ca.pem)?;
        Ok(ca)
    }

    /// Makes the directory unless it exists. A new one is private, and Git ignores what is in it.
    fn create(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        write_atomically(&self.file(".gitignore"), b"*\n", Access::Everyone)
    }

    fn issue(&self, ca: &Ca, now: OffsetDateTime) -> Result<(), DirectoryError> {
        let pem = ca.issue(&self.names, Validity::from_now(now, SERVING_LIFE))?;
        write_pair(&self.pair("tls"), &pem)
    }

    fn read(&self, name: &str) -> Result<String, PairError> {
        let path = self.file(name);
        let text = BoundedReader::open(&path).and_then(io::read_to_string);
        text.map_err(|error| PairError::Unreadable(path, error))
    }
}

impl PairSource for Directory {
    type Error = DirectoryError;

    fn fingerprint(&self) -> Fingerprint {
        let files = ["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| self.file(name));
        Fingerprint::of(files.iter().map(PathBuf::as_path))
    }

    fn load(&self, now: OffsetDateTime) -> Result<Loaded, DirectoryError> {
        let Ensured { ca, serving, .. } = self.ensure(now)?;
        Ok(Loaded { serving, ca: Some(ca) })
    }

    fn is_due(&self, serving: &Certificate, now: OffsetDateTime) -> bool {
        is_due(serving.validity, now)
    }
}

fn write_pair(files: &PairFiles, pem: &Pem) -> Result<(), DirectoryError> {
    // The key first: after a crash in between, `ca.crt` is missing, so that both are made again.
    write(&files.key, &pem.key, Access::Owner)?;
    write(&files.certificate, &pem.certificate, Access::Everyone)
}

fn write(path: &Path, content: &str, access: Access) -> Result<(), DirectoryError> {
    write_atomically(path, content.as_bytes(), access)
        .map_err(|error| DirectoryError::Unwritable(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use time::Duration;

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn directory(parent: &Path, names: &[&str]) -> Directory {
        Directory::new(parent.join("tls"), names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn renewal(directory: &Directory, now: OffsetDateTime) -> Renewal {
        directory.ensure(now).unwrap().renewal
    }

    #[test]
    fn present_certificates_are_reused() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        assert_eq!(renewal(&directory, NOW), Renewal::Ca);
        let first = fs::read(directory.file("tls.crt")).unwrap();
        assert_eq!(renewal(&directory, NOW), Renewal::None);
        assert_eq!(fs::read(directory.file("tls.crt")).unwrap(), first);
    }

    #[test]
    fn only_the_owner_can_read_keys() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        for name in ["ca.key", "tls.key"] {
            let permissions = fs::metadata(directory.file(name)).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_new_directory_is_private_and_ignored_by_git() {
        let parent = tempfile::tempdir().unwrap();
        let new = directory(parent.path(), &["localhost"]);
        new.ensure(NOW).unwrap();
        let mode = fs::metadata(parent.path().join("tls")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(fs::read_to_string(new.file(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn an_existing_directory_keeps_its_mode_and_files() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("tls");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        let existing = directory(parent.path(), &["localhost"]);
        existing.ensure(NOW).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
        assert!(!existing.file(".gitignore").exists());
    }

    #[test]
    fn the_ca_outlives_its_serving_certificates() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        let ca = fs::read(directory.file("ca.crt")).unwrap();
        assert_eq!(renewal(&directory, NOW + SERVING_LIFE * 2 / 3 + Duration::hours(1)), Renewal::Serving);
        assert_eq!(fs::read(directory.file("ca.crt")).unwrap(), ca);
        assert_eq!(renewal(&directory, NOW + CA_LIFE), Renewal::Ca);
    }

    #[test]
    fn a_missing_name_renews_the_certificate() {
        let parent = tempfile::tempdir().unwrap();
        directory(parent.path(), &["localhost"]).ensure(NOW).unwrap();
        let more = directory(parent.path(), &["localhost", "webhook.example"]);
        assert_eq!(renewal(&more, NOW), Renewal::Serving);
        assert_eq!(renewal(&directory(parent.path(), &["localhost"]), NOW), Renewal::None);
    }

    #[test]
    fn a_certificate_of_another_ca_is_replaced() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (directory(one.path(), &["localhost"]), directory(two.path(), &["localhost"]));
        one.ensure(NOW).unwrap();
        two.ensure(NOW).unwrap();
        for name in ["tls.crt", "tls.key"] {
            fs::copy(two.file(name), one.file(name)).unwrap();
        }
        assert_eq!(renewal(&one, NOW), Renewal::Serving);
    }

    #[test]
    fn a_ca_key_without_its_certificate_is_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        fs::remove_file(directory.file("ca.crt")).unwrap();
        assert_eq!(renewal(&directory, NOW), Renewal::Ca);
    }

    #[test]
    fn a_ca_with_an_unusable_key_is_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        let trusted = fs::read(directory.file("ca.crt")).unwrap();
        let other = Ca::generate(Validity::from_now(NOW, CA_LIFE)).unwrap();
        for key in ["bad", &other.pem.key] {
            fs::write(directory.file("ca.key"), key).unwrap();
            let error = directory.ensure(NOW).unwrap_err();
            assert!(matches!(error, DirectoryError::WithoutKey(..)), "{error}");
            assert_eq!(fs::read(directory.file("ca.crt")).unwrap(), trusted);
        }
    }

    #[test]
    fn a_ca_without_its_key_is_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(parent.path(), &["localhost"]);
        directory.ensure(NOW).unwrap();
        fs::remove_file(directory.file("ca.key")).unwrap();
        let error = directory.ensure(NOW).unwrap_err();
        assert!(matches!(error, DirectoryError::WithoutKey(..)), "{error}");
    }

    #[test]
    fn an_unwritable_directory_is_named() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("tls"), "a file").unwrap();
        let error = directory(parent.path(), &["localhost"]).ensure(NOW).unwrap_err();
        assert!(matches!(error, DirectoryError::Unwritable(path, _) if path == parent.path().join("tls")));
    }
}
