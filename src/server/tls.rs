//! The TLS configuration, which stays the same when the certificate is replaced.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::ResolvesServerCert;
use rustls::version::{TLS12, TLS13};

/// Returns the configuration: TLS 1.2 and 1.3, and only HTTP/1.1. The API server speaks nothing else to a
/// webhook, so limits for HTTP/2 would remain untested.
///
/// # Errors
/// When the cryptography provider does not support these versions.
pub fn config(certificate: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
