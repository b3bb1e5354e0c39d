//! Checks that API servers trust the served certificates, and that replicas, Secret and configuration are in
//! sync.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::installed::{Installed, Replica};

type Certificates = Vec<CertificateDer<'static>>;

/// Checks that the published bundle verifies the certificate of every replica.
pub(crate) async fn trusted(installed: &Installed, replicas: &[Replica]) -> Result<(), String> {
    verified_by(&published(installed).await, installed, replicas).await
}

/// Checks that these CAs verify the certificate of every replica.
pub(crate) async fn verified_by(
    authorities: &[CertificateDer<'static>],
    installed: &Installed,
    replicas: &[Replica],
) -> Result<(), String> {
    for replica in replicas {
        served(installed, replica, authorities).await?;
    }
    Ok(())
}

/// Checks also that every replica serves the certificate of the Secret, whose CA is the only one in use.
pub(crate) async fn settled(installed: &Installed, replicas: &[Replica]) -> Result<(), String> {
    let (secret, bundle) = (installed.secret().await, published(installed).await);
    let authority = held(&secret, "ca.crt");
    if authority.len() != 1 || bundle != authority {
        return Err(format!("{} published, {} in the Secret", bundle.len(), authority.len()));
    }
    if let Some(more) = ["next-ca.crt", "old-ca.crt"].iter().find(|key| !held(&secret, key).is_empty()) {
        return Err(format!("the Secret holds {more}"));
    }
    for name in ["ca", "tls"] {
        key_fits(&secret, name)?;
    }
    let leaf = held(&secret, "tls.crt");
    for replica in replicas {
        if leaf != [served(installed, replica, &bundle).await?] {
            return Err("a replica serves another certificate than that of the Secret".to_owned());
        }
    }
    Ok(())
}

/// The CAs that API servers trust.
pub(crate) async fn published(installed: &Installed) -> Certificates {
    let configuration = installed.configuration().await;
    certificates(&configuration["webhooks"][0]["clientConfig"]["caBundle"])
}

/// The certificates under a key of the Secret.
pub(crate) fn held(secret: &Value, key: &str) -> Certificates {
    certificates(&secret["data"][key])
}

/// Checks that a key of the Secret belongs to the certificate beside it.
fn key_fits(secret: &Value, name: &str) -> Result<(), String> {
    let key = PrivateKeyDer::from_pem_slice(&bytes(&secret["data"][format!("{name}.key")]));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let certificates = held(secret, &format!("{name}.crt"));
    let pair = CertifiedKey::from_der(certificates, key.map_err(|error| error.to_string())?, &provider);
    pair.map(drop).map_err(|error| format!("{name}: {error}"))
}

/// Parses certificates; the result is empty if one is damaged.
fn certificates(text: &Value) -> Certificates {
    CertificateDer::pem_slice_iter(&bytes(text)).collect::<Result<_, _>>().unwrap_or_default()
}

fn bytes(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().unwrap_or_default()).unwrap_or_default()
}

/// The certificate of a replica, if a client that trusts these CAs accepts it.
async fn served(
    installed: &Installed,
    replica: &Replica,
    trusted: &[CertificateDer<'static>],
) -> Result<CertificateDer<'static>, String> {
    let stream = connect(installed, replica, trusted).await?;
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0].clone())
}

/// Connects to a replica as a client that trusts these CAs.
pub(crate) async fn connect(
    installed: &Installed,
    replica: &Replica,
    trusted: &[CertificateDer<'static>],
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(installed.service_name()).unwrap();
    let stream = TcpStream::connect(replica.serving.listen).await.map_err(|error| error.to_string())?;
    installed.note_own_connection();
    let stream = TlsConnector::from(Arc::new(client_config(trusted))).connect(name, stream).await;
    stream.map_err(|error| error.to_string())
}

/// The configuration of a client that trusts these CAs.
pub(crate) fn client_config(trusted: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}
