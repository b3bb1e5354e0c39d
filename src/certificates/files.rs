//! `--tls-cert` and `--tls-key`: a certificate and its key in two files.

use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;

use super::certificate::{Certificate, Validity};
use super::pair::{CheckedPair, PairFault};
use super::watcher::{Loaded, PairSource};
use crate::clock;
use crate::files::{self, Fingerprint};

/// Why a pair of files cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// A file is missing.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error("failed to read {0}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// No `CERTIFICATE` block.
    #[error("{0} contains no certificate: a PEM block `-----BEGIN CERTIFICATE-----` is expected")]
    NoCertificate(PathBuf),
    /// No key block.
    #[error("{0} contains no private key: a PEM block `-----BEGIN PRIVATE KEY-----` is expected")]
    NoKey(PathBuf),
    /// The content of the PEM block is not a certificate.
    #[error("the certificate in {0} is damaged: write the file again")]
    DamagedCertificate(PathBuf),
    /// The key cannot be loaded.
    #[error("the private key in {0} cannot be used: ECDSA (P-256, P-384), RSA and Ed25519 are supported")]
    UnusableKey(PathBuf, #[source] rustls::Error),
    /// The key belongs to another certificate.
    #[error(
        "the key in {key} does not belong to the certificate in {certificate}: write both from one source"
    )]
    Mismatch {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
    /// The certificate has expired.
    #[error("the certificate in {0} expired at {1}: renew it")]
    Expired(PathBuf, String),
    /// The certificate is not valid yet.
    #[error("the certificate in {0} is not valid before {1}: check the clock of this machine")]
    NotYetValid(PathBuf, String),
}

/// The paths of the two files.
#[derive(Clone, Debug)]
pub struct PairFiles {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl PairFiles {
    /// Loads and checks the pair, including its validity now.
    ///
    /// # Errors
    /// When the pair cannot be served.
    pub fn load_pair(&self, now: OffsetDateTime) -> Result<CheckedPair, PairError> {
        let (path, chain) = (|| self.certificate.clone(), read_chain(&self.certificate)?);
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?);
        let key = key.map_err(|_| PairError::NoKey(self.key.clone()))?;
        let pair = CheckedPair::new(chain, key).map_err(|fault| match fault {
            PairFault::DamagedCertificate => PairError::DamagedCertificate(path()),
            PairFault::UnusableKey(error) => PairError::UnusableKey(self.key.clone(), error),
            PairFault::Mismatch => PairError::Mismatch { certificate: path(), key: self.key.clone() },
        })?;
        let Validity { not_before, not_after } = pair.certificate.validity;
        if now >= not_after {
            return Err(PairError::Expired(path(), clock::text(not_after)));
        }
        if now < not_before {
            return Err(PairError::NotYetValid(path(), clock::text(not_before)));
        }
        Ok(pair)
    }
}

impl PairSource for PairFiles {
    type Error = PairError;

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([self.certificate.as_path(), self.key.as_path()])
    }

    fn load(&self, now: OffsetDateTime) -> Result<Loaded, PairError> {
        Ok(Loaded { serving: self.load_pair(now)?, ca: None })
    }
}

/// Reads the first certificate of a file, without its key.
///
/// # Errors
/// When the file cannot be read or contains no certificate.
pub fn read_certificate(path: &Path) -> Result<Certificate, PairError> {
    let chain = read_chain(path)?;
    let certificate = chain.first().and_then(Certificate::parse);
    certificate.ok_or_else(|| PairError::DamagedCertificate(path.to_owned()))
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

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    files::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PairError::Missing(path.to_owned()),
        _ => PairError::Unreadable(path.to_owned(), error),
    })
}
