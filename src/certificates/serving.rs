//! The certificate that the next TLS handshake gets; it can be swapped while connections are open.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::Facts;
use crate::clock;

/// A certificate with its key, checked and ready to serve.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Chain and key.
    pub key: Arc<CertifiedKey>,
    /// What the first certificate of the chain says.
    pub facts: Facts,
}

/// Holds the serving certificate. One for the life of the process: TLS session
/// resumption survives a swap because nothing else of the configuration changes.
#[derive(Debug)]
pub struct ServingCertificate(ArcSwapOption<Checked>);

impl ServingCertificate {
    /// Starts with this certificate.
    pub fn new(first: Checked) -> Self {
        Self(ArcSwapOption::from_pointee(first))
    }

    /// Starts without one: until there is one, handshakes fail.
    pub fn absent() -> Self {
        Self(ArcSwapOption::empty())
    }

    /// Serves another certificate from the next handshake on.
    pub fn swap(&self, next: Checked) {
        self.0.store(Some(Arc::new(next)));
    }

    /// Whether this is the certificate that is served.
    pub fn serves(&self, other: &Checked) -> bool {
        self.0.load().as_ref().is_some_and(|served| served.key.cert == other.key.cert)
    }

    /// Whether less than a third of the certificate's life is left.
    pub fn is_due(&self, now: OffsetDateTime) -> bool {
        self.0.load().as_ref().is_none_or(|served| served.facts.is_due(now))
    }

    /// Whether clients can accept the certificate at this moment.
    ///
    /// # Errors
    /// The reason for `/readyz`.
    pub fn check(&self, now: OffsetDateTime) -> Result<(), String> {
        let served = self.0.load();
        let Some(Checked { facts, .. }) = served.as_deref() else { return Err("not there yet".to_owned()) };
        if now >= facts.not_after {
            return Err(format!("expired at {}", clock::text(facts.not_after)));
        }
        if now < facts.not_before {
            return Err(format!("not valid before {}", clock::text(facts.not_before)));
        }
        Ok(())
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|served| Arc::clone(&served.key))
    }
}
