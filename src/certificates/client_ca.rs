//! `--client-ca-file`: the CAs that have to issue the certificates of clients, reloaded when the file changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};

use super::pem;
use crate::files::{self, Fingerprint, ReloadState};

/// Why the CAs of clients cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCaError {
    /// The file cannot be read.
    #[error("failed to read {0}: --client-ca-file must be the path of a PEM file of CA certificates")]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file is not a bundle of CA certificates.
    #[error(
        "{0} cannot be used as --client-ca-file: it must contain PEM blocks \
         `-----BEGIN CERTIFICATE-----`, at least one, each the certificate of a CA"
    )]
    NotCas(PathBuf),
}

/// Most intermediate certificates that a client may send. webpki tries every order of those whose names fit, before
/// the client has proved that it has a key: with 64 KiB of certificates that takes seconds on one core.
const MAX_INTERMEDIATES: usize = 4;

/// Verifies the certificates of clients with the CAs that were last loaded.
#[derive(Debug)]
pub struct ClientVerifier(ArcSwap<Arc<dyn ClientCertVerifier>>);

impl ClientCertVerifier for ClientVerifier {
    /// Names no CA, so that a client presents its certificate in any case: a refusal then says what is wrong
    /// with the certificate, and a CA may be replaced by one with another name.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if intermediates.len() > MAX_INTERMEDIATES {
            return Err(CertificateError::UnknownIssuer.into());
        }
        self.0.load().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.load().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.load().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.load().supported_verify_schemes()
    }
}

/// The file of a running server.
#[derive(Debug)]
pub struct ClientCaFile {
    path: PathBuf,
    state: ReloadState,
    verifier: Arc<ClientVerifier>,
}

impl ClientCaFile {
    /// Loads the file at startup.
    ///
    /// # Errors
    /// When the file cannot be used: without it, a server would either refuse all clients or accept any.
    pub fn open(path: PathBuf) -> Result<Self, ClientCaError> {
        let state = ReloadState::new(Fingerprint::of([path.as_path()]));
        let verifier = Arc::new(ClientVerifier(ArcSwap::from_pointee(load(&path)?)));
        Ok(Self { path, state, verifier })
    }

    /// The verifier of the listener.
    pub fn verifier(&self) -> Arc<ClientVerifier> {
        Arc::clone(&self.verifier)
    }

    /// The note of `/readyz` about the CAs in use.
    pub fn note(&self) -> impl Fn() -> Option<&'static str> + Send + Sync + 'static + use<> {
        self.state.note()
    }

    /// Reloads the file if it changed. If it cannot be used, the previous CAs stay in use.
    pub fn reload(&mut self) {
        let seen = Fingerprint::of([self.path.as_path()]);
        if !self.state.is_changed(seen) {
            return;
        }
        match load(&self.path) {
            Ok(verifier) => {
                self.state.loaded(seen);
                self.verifier.0.store(Arc::new(verifier));
                tracing::info!("reloaded the CAs of clients");
            }
            Err(error) => {
                let error = crate::telemetry::chain(&error);
                if self.state.failed(None, &error) {
                    tracing::warn!(error, "failed to load the CAs of clients; the previous ones stay in use");
                }
            }
        }
    }
}

fn load(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, ClientCaError> {
    let text = files::read(path).map_err(|error| ClientCaError::Unreadable(path.to_owned(), error))?;
    let not_cas = || ClientCaError::NotCas(path.to_owned());
    let mut roots = RootCertStore::empty();
    for ca in pem::decode_bundle(&text) {
        roots.add(CertificateDer::from(ca.der.0.to_vec())).map_err(|_| not_cas())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    // Fails only without CAs.
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|_| not_cas())
}
