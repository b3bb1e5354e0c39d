//! A CA of clients, and the certificates that it issues.

use std::sync::Arc;

use boundtoken::clock;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use time::Duration;

/// A CA of clients.
pub(crate) struct ClientCa {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub(crate) struct ClientCertificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl ClientCa {
    pub(crate) fn generate() -> Self {
        Self::named("front-proxy-ca")
    }

    /// A CA with a new key and this common name.
    pub(crate) fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a client, valid now.
    pub(crate) fn issue(&self) -> ClientCertificate {
        self.issue_as(ExtendedKeyUsagePurpose::ClientAuth, -Duration::DAY, Duration::DAY)
    }

    /// A certificate for a purpose, with both ends of its validity relative to now.
    pub(crate) fn issue_as(
        &self,
        purpose: ExtendedKeyUsagePurpose,
        from: Duration,
        until: Duration,
    ) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "front-proxy-client");
        params.extended_key_usages = vec![purpose];
        params.not_before = clock::now() + from;
        params.not_after = clock::now() + until;
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        ClientCertificate { certificate, key: key.serialize_pem() }
    }
}

impl ClientCertificate {
    /// The configuration of a client that presents this certificate and those after it in the PEM text.
    pub(crate) fn present(&self, mut config: ClientConfig) -> ClientConfig {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let pair = CertifiedKey::from_der(chain, key, config.crypto_provider()).unwrap();
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(pair));
        config
    }
}
