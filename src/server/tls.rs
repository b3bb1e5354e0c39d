//! The TLS configuration, which stays the same when the certificate or the CAs of clients are replaced.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};

/// Returns the configuration: TLS 1.2 and 1.3, and only HTTP/1.1. The API server speaks nothing else to a
/// webhook, so limits for HTTP/2 would remain untested.
///
/// With `clients`, a handshake succeeds only with a client certificate that it verifies.
///
/// # Errors
/// When the cryptography provider does not support these versions.
pub fn config(
    certificate: Arc<dyn ResolvesServerCert>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, rustls::Error> {
    let is_verifying = clients.is_some();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if is_verifying {
        // rustls does not verify a certificate again when it resumes a session, so that one whose CA was
        // removed would pass. API servers do not resume sessions.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}
