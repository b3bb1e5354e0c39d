//! A certificate and its private key, checked and ready to serve.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::trust;

/// A certificate with its chain and its key, which belong together.
#[derive(Clone, Debug)]
pub struct CheckedPair {
    /// Chain and key.
    pub key: Arc<CertifiedKey>,
    /// The first certificate of the chain.
    pub certificate: Certificate,
}

/// Why a certificate and a key cannot be served.
#[derive(Debug)]
pub enum PairFault {
    /// The certificate is damaged, or the chain is empty.
    DamagedCertificate,
    /// The key cannot be loaded.
    UnusableKey(rustls::Error),
    /// The key belongs to another certificate.
    Mismatch,
}

impl CheckedPair {
    /// Checks a chain and a key. Validity is not checked.
    ///
    /// # Errors
    /// When the certificate or the key cannot be used, or they do not belong together.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, PairFault> {
        let certificate = chain.first().and_then(Certificate::parse).ok_or(PairFault::DamagedCertificate)?;
        let provider = aws_lc_rs::default_provider().key_provider;
        let key = provider.load_private_key(key).map_err(PairFault::UnusableKey)?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            Ok(()) => Ok(Self { key: Arc::new(key), certificate }),
            Err(rustls::Error::InconsistentKeys(_)) => Err(PairFault::Mismatch),
            Err(_) => Err(PairFault::DamagedCertificate),
        }
    }

    /// Whether a client that trusts `ca` accepts the certificate at this moment for its first name.
    pub fn is_signed_by(&self, ca: &Certificate, moment: OffsetDateTime) -> bool {
        let Some(name) = self.certificate.names.first() else { return false };
        trust::verify(&self.key.cert, std::slice::from_ref(ca), name, moment).is_ok()
    }
}
