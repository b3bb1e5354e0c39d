//! A certificate and its key in two files: loaded, checked, and looked at again on a tick.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::Facts;
use super::serving::{Checked, ServingCertificate};
use crate::clock;
use crate::files::{self, Fingerprint, ReloadState};
use crate::telemetry::metrics::{Metrics, ResultLabel};

/// Why a pair of files cannot be served: a sentence each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// A file is not there.
    #[error("{0} does not exist: --tls-cert and --tls-key name the two PEM files of one certificate")]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error("failed to read {0}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// No `CERTIFICATE` block.
    #[error("{0} holds no certificate: a PEM block `-----BEGIN CERTIFICATE-----` is expected")]
    NoCertificate(PathBuf),
    /// No key block.
    #[error("{0} holds no private key: a PEM block `-----BEGIN PRIVATE KEY-----` is expected")]
    NoKey(PathBuf),
    /// A PEM block, but no certificate in it.
    #[error("the certificate in {0} is damaged: write the file again")]
    DamagedCertificate(PathBuf),
    /// A key that cannot be loaded.
    #[error("the private key in {0} cannot be used: ECDSA (P-256, P-384), RSA and Ed25519 are supported")]
    UnusableKey(PathBuf, #[source] rustls::Error),
    /// Certificate and key are strangers.
    #[error(
        "the key in {key} does not belong to the certificate in {certificate}: write both from one source"
    )]
    Mismatch {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
    /// The certificate is too old.
    #[error("the certificate in {0} expired at {1}: renew it")]
    Expired(PathBuf, String),
    /// The certificate is too young.
    #[error("the certificate in {0} is not valid before {1}: check the clock of this machine")]
    NotYetValid(PathBuf, String),
}

/// Loads a pair and checks it, up to its validity now.
///
/// # Errors
/// Each mistake is a [`PairError`] of its own.
pub fn load(certificate: &Path, key: &Path, now: OffsetDateTime) -> Result<Checked, PairError> {
    let chain = read_chain(certificate)?;
    let signing_key = read_key(key)?;
    let checked = pair(chain, signing_key, certificate, key)?;
    let Facts { not_before, not_after, .. } = checked.facts;
    if now >= not_after {
        return Err(PairError::Expired(certificate.to_owned(), clock::text(not_after)));
    }
    if now < not_before {
        return Err(PairError::NotYetValid(certificate.to_owned(), clock::text(not_before)));
    }
    Ok(checked)
}

fn pair(
    chain: Vec<CertificateDer<'static>>,
    signing_key: PrivateKeyDer<'static>,
    certificate: &Path,
    key: &Path,
) -> Result<Checked, PairError> {
    let damaged = || PairError::DamagedCertificate(certificate.to_owned());
    let facts = chain.first().and_then(Facts::read).ok_or_else(damaged)?;
    let signing_key = aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(signing_key)
        .map_err(|error| PairError::UnusableKey(key.to_owned(), error))?;
    let certified = CertifiedKey::new(chain, signing_key);
    match certified.keys_match() {
        Ok(()) => Ok(Checked { key: Arc::new(certified), facts }),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(PairError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() })
        }
        Err(_) => Err(damaged()),
    }
}

/// Checks a pair that is in memory; `None` if it cannot be served. Its validity is not looked at.
pub fn check(chain: Vec<CertificateDer<'static>>, pem: &super::Pem) -> Option<Checked> {
    let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).ok()?;
    pair(chain, key, Path::new("tls.crt"), Path::new("tls.key")).ok()
}

/// Reads the first certificate of a file, without its key.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read_facts(path: &Path) -> Result<Facts, PairError> {
    let chain = read_chain(path)?;
    chain.first().and_then(Facts::read).ok_or_else(|| PairError::DamagedCertificate(path.to_owned()))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let content = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(PairError::NoCertificate(path.to_owned())),
        Err(_) => Err(PairError::DamagedCertificate(path.to_owned())),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, PairError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| PairError::NoKey(path.to_owned()))
}

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    files::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PairError::Missing(path.to_owned()),
        _ => PairError::Unreadable(path.to_owned(), error),
    })
}

/// `--tls-cert` and `--tls-key` of a running server.
#[derive(Debug)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    last: ReloadState,
    serving: Arc<ServingCertificate>,
    metrics: Arc<Metrics>,
}

impl CertificateFiles {
    /// Loads the pair for the first time.
    ///
    /// # Errors
    /// When it cannot be served: a server starts with a certificate or not at all.
    pub fn open(
        certificate: PathBuf,
        key: PathBuf,
        metrics: Arc<Metrics>,
        now: OffsetDateTime,
    ) -> Result<Self, PairError> {
        let seen = Fingerprint::of([certificate.as_path(), key.as_path()]);
        let first = load(&certificate, &key, now)?;
        metrics.set_serving_expiry(first.facts.not_after);
        let (last, serving) = (ReloadState::loaded(seen), Arc::new(ServingCertificate::new(first)));
        Ok(Self { certificate, key, last, serving, metrics })
    }

    /// What the listener serves.
    pub fn serving(&self) -> Arc<ServingCertificate> {
        Arc::clone(&self.serving)
    }

    /// Serves what the files hold now, if that changed and can be served.
    pub fn reload(&mut self, now: OffsetDateTime) {
        let seen = Fingerprint::of([self.certificate.as_path(), self.key.as_path()]);
        if !self.last.is_changed(seen) {
            return;
        }
        match load(&self.certificate, &self.key, now) {
            Ok(next) => {
                self.last = ReloadState::loaded(seen);
                tracing::info!(not_after = clock::text(next.facts.not_after), "serving a new certificate");
                self.metrics.set_serving_expiry(next.facts.not_after);
                self.metrics.record_rotation(ResultLabel::Success);
                self.serving.swap(next);
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Files are looked at again whatever the fault is: a clock may be put right, and a read error may pass.
    fn complain(&mut self, error: &PairError) {
        let error = crate::telemetry::chain(error);
        if self.last.failed(None, &error) {
            tracing::warn!(error, "the new certificate cannot be served; the one before stays");
            self.metrics.record_rotation(ResultLabel::Failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use time::Duration;

    use super::super::authority::{Pem, issue, new_authority};
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn pem(at: OffsetDateTime) -> Pem {
        issue(&new_authority(at).unwrap(), &["localhost".to_owned()], at).unwrap()
    }

    fn write(directory: &Path, pem: &Pem) {
        fs::write(directory.join("tls.crt"), &pem.certificate).unwrap();
        fs::write(directory.join("tls.key"), &pem.key).unwrap();
    }

    fn open(directory: &Path) -> CertificateFiles {
        write(directory, &pem(NOW - Duration::days(300)));
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| directory.join(name));
        CertificateFiles::open(certificate, key, Arc::default(), NOW).unwrap()
    }

    fn failures(files: &CertificateFiles) -> String {
        let text = files.metrics.text();
        let line = text.lines().find(|line| line.contains("rotations_total{result=\"failure\"}"));
        line.and_then(|line| line.split(' ').next_back()).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_certificate_that_is_too_young_is_served_once_the_clock_is_right() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = open(directory.path());
        write(directory.path(), &pem(NOW));
        let renewed = load(&files.certificate, &files.key, NOW).unwrap();
        files.reload(NOW - Duration::days(1));
        files.reload(NOW - Duration::days(1));
        assert!(!files.serving.serves(&renewed));
        assert_eq!(failures(&files), "1");
        files.reload(NOW);
        assert!(files.serving.serves(&renewed));
    }

    #[test]
    fn the_same_fault_is_told_again_once_it_was_over() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = open(directory.path());
        for failed in ["1", "2"] {
            fs::remove_file(&files.key).unwrap();
            files.reload(NOW);
            files.reload(NOW);
            assert_eq!(failures(&files), failed);
            write(directory.path(), &pem(NOW));
            files.reload(NOW);
        }
    }
}
