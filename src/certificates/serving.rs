//! The certificate of the next TLS handshake, which can be replaced while connections are open.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::certificate::{Certificate, Validity};
use super::pair::CheckedPair;
use crate::clock;

/// Holds the serving certificate for the life of the process.
///
/// A swap changes nothing else of the TLS configuration, so that sessions can still be resumed.
#[derive(Debug)]
pub struct ServingCertificate(ArcSwapOption<CheckedPair>);

impl ServingCertificate {
    /// Starts with this certificate.
    pub fn new(first: CheckedPair) -> Self {
        Self(ArcSwapOption::from_pointee(first))
    }

    /// Starts without a certificate: handshakes fail until there is one.
    pub fn absent() -> Self {
        Self(ArcSwapOption::empty())
    }

    /// Serves another certificate from the next handshake on.
    pub fn swap(&self, next: CheckedPair) {
        self.0.store(Some(Arc::new(next)));
    }

    /// Whether `other` is the certificate in use, with the same chain.
    pub fn serves(&self, other: &CheckedPair) -> bool {
        self.0.load().as_ref().is_some_and(|served| served.key.cert == other.key.cert)
    }

    /// The certificate in use, if there is one.
    pub fn certificate(&self) -> Option<Certificate> {
        self.0.load().as_ref().map(|served| served.certificate.clone())
    }

    /// Checks that clients can accept the certificate at this moment.
    ///
    /// # Errors
    /// When there is no certificate or it is not valid now; `/readyz` reports the text.
    pub fn check(&self, now: OffsetDateTime) -> Result<(), String> {
        let served = self.0.load();
        let served = served.as_ref().ok_or("not there yet")?;
        let Validity { not_before, not_after } = served.certificate.validity;
        if now >= not_after {
            return Err(format!("expired at {}", clock::text(not_after)));
        }
        if now < not_before {
            return Err(format!("not valid before {}", clock::text(not_before)));
        }
        Ok(())
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|served| Arc::clone(&served.key))
    }
}
