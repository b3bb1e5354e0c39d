//! `--client-ca-file`: which clients get past the TLS handshake.

use std::fs;
use std::path::PathBuf;

use boundtoken::certificates::ClientCaFile;
use boundtoken::server::limits::HANDSHAKE_TIMEOUT;
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, HandshakeKind};
use time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::client::TlsStream;

use crate::support::client_ca::{ClientCa, ClientCertificate};
use crate::support::http::{HttpClient, client_config, handshake};
use crate::support::server::{TestServer, no_namespaces, start_verifying};

/// The metric of clients without an accepted certificate.
const REFUSED: &str = "boundtoken_failed_handshakes_total{reason=\"client-certificate\"}";

/// A server with a file of CAs.
struct Verifying {
    server: TestServer,
    file: ClientCaFile,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Verifying {
    fn start(bundle: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crt");
        fs::write(&path, bundle).unwrap();
        let file = ClientCaFile::open(path.clone()).unwrap();
        let server = start_verifying(Some(file.verifier()), no_namespaces(), 512);
        Self { server, file, path, _directory: directory }
    }

    /// Replaces the content of the file.
    fn replace(&mut self, bundle: &str) {
        fs::write(&self.path, bundle).unwrap();
        self.file.reload();
    }

    fn config(&self, certificate: Option<&ClientCertificate>) -> ClientConfig {
        let config = client_config(self.server.directory.path(), rustls::ALL_VERSIONS, &[b"http/1.1"]);
        match certificate {
            Some(certificate) => certificate.present(config),
            None => config,
        }
    }

    /// A connection, and the status of a request on it; `None` if the server ends the connection instead.
    async fn request(&self, config: ClientConfig) -> Option<(HttpClient<TlsStream<DuplexStream>>, u16)> {
        let mut client = HttpClient(handshake(self.server.dial(), config).await.ok()?);
        // Fails if the server has ended the connection already.
        let _ = client.0.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let status = client.response().await?.status;
        Some((client, status))
    }

    /// The TLS alert that a request gets instead of a response. The request is larger than what the transport
    /// holds.
    async fn refusal(&self, config: ClientConfig) -> AlertDescription {
        let error = match handshake(self.server.dial(), config).await {
            Err(error) => error,
            Ok(mut stream) => {
                stream.write_all(&vec![b' '; 256 << 10]).await.unwrap();
                stream.read_u8().await.unwrap_err()
            }
        };
        match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            _ => panic!("no alert: {error}"),
        }
    }

    async fn serves(&self, certificate: &ClientCertificate) -> bool {
        self.request(self.config(Some(certificate))).await.is_some()
    }

    /// The number of requests that reached the webhook.
    fn requests(&self) -> usize {
        let text = self.server.metrics.text();
        let counts = text.lines().filter_map(|line| line.strip_prefix("boundtoken_admissions_total{"));
        counts.map(|line| line.split_once("} ").unwrap().1.parse::<usize>().unwrap()).sum()
    }
}

#[tokio::test]
async fn only_certificates_of_the_ca_are_accepted() {
    let (ca, same_name) = (ClientCa::generate(), ClientCa::generate());
    let other = ClientCa::named("kubernetes");
    let started = Verifying::start(&ca.pem);
    let (day, mut refused) = (Duration::DAY, 0);
    for version in [&TLS12, &TLS13] {
        let config = client_config(started.server.directory.path(), &[version], &[b"http/1.1"]);
        for (certificate, alert) in [
            (None, AlertDescription::CertificateRequired),
            (Some(other.issue()), AlertDescription::UnknownCA),
            (Some(same_name.issue()), AlertDescription::DecryptError),
            (Some(ca.issue_as(ClientAuth, -day * 2, -day)), AlertDescription::CertificateExpired),
            (Some(ca.issue_as(ClientAuth, day, day * 2)), AlertDescription::CertificateExpired),
            (Some(ca.issue_as(ServerAuth, -day, day)), AlertDescription::UnsupportedCertificate),
        ] {
            let config = certificate.map_or_else(|| config.clone(), |one| one.present(config.clone()));
            assert_eq!(started.refusal(config).await, alert, "{version:?}");
            refused += 1;
            assert!(started.server.metrics.text().contains(&format!("{REFUSED} {refused}\n")), "{alert:?}");
            assert_eq!(started.requests(), 0, "{alert:?}, {version:?}");
        }
    }
    let (_, status) = started.request(started.config(Some(&ca.issue()))).await.unwrap();
    assert_eq!((status, started.requests()), (404, 1));
}

#[tokio::test]
async fn a_long_chain_is_refused_before_it_is_verified() {
    let ca = ClientCa::generate();
    let started = Verifying::start(&ca.pem);
    let mut certificate = ca.issue();
    for _ in 0..4 {
        certificate.certificate.push_str(&ca.pem);
    }
    assert!(started.serves(&certificate).await);
    certificate.certificate.push_str(&ca.pem);
    assert_eq!(started.refusal(started.config(Some(&certificate))).await, AlertDescription::UnknownCA);
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_is_disconnected_at_the_deadline() {
    let started = Verifying::start(&ClientCa::generate().pem);
    let config = client_config(started.server.directory.path(), &[&TLS13], &[b"http/1.1"]);
    let _client = handshake(started.server.dial(), config).await.unwrap();
    for (wait, open) in [(HANDSHAKE_TIMEOUT / 2, 1), (HANDSHAKE_TIMEOUT, 0)] {
        tokio::time::sleep(wait).await;
        let text = started.server.metrics.text();
        assert!(text.contains(&format!("boundtoken_connections {open}\n")), "{text}");
    }
}

#[tokio::test]
async fn the_admin_port_asks_for_no_certificate() {
    let started = Verifying::start(&ClientCa::generate().pem);
    assert_eq!(started.server.connect_admin().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_replaced_ca_is_used_from_the_next_handshake_on() {
    let (old, new) = (ClientCa::generate(), ClientCa::generate());
    let mut started = Verifying::start(&old.pem);
    let (before, after) = (old.issue(), new.issue());
    let (mut open, _) = started.request(started.config(Some(&before))).await.unwrap();
    assert!(!started.serves(&after).await);
    started.replace(&format!("{}{}", old.pem, new.pem));
    assert!(started.serves(&before).await && started.serves(&after).await);
    started.replace(&new.pem);
    assert!(!started.serves(&before).await && started.serves(&after).await);
    assert_eq!(open.get("/").await.status, 404, "an open connection stays");
}

#[tokio::test]
async fn a_resumed_session_does_not_outlive_its_ca() {
    let (old, new) = (ClientCa::generate(), ClientCa::generate());
    let mut started = Verifying::start(&old.pem);
    for version in [&TLS12, &TLS13] {
        started.replace(&old.pem);
        let config = client_config(started.server.directory.path(), &[version], &[b"http/1.1"]);
        let config = old.issue().present(config);
        for _ in 0..2 {
            let (client, _) = started.request(config.clone()).await.unwrap();
            assert_eq!(client.0.get_ref().1.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
        }
        started.replace(&new.pem);
        assert!(started.request(config).await.is_none(), "{version:?}");
    }
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_cas() {
    let ca = ClientCa::generate();
    let mut started = Verifying::start(&ca.pem);
    let (note, certificate) = (started.file.note(), ca.issue());
    let half = ca.pem.get(..ca.pem.len() / 2).unwrap();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for broken in ["", "no PEM", half, damaged, &certificate.certificate, &format!("{}{damaged}", ca.pem)] {
        started.replace(broken);
        assert!(started.serves(&certificate).await, "{broken}");
        assert!(started.request(started.config(None)).await.is_none(), "{broken}");
        assert_eq!(note(), Some("last change failed to load"), "{broken}");
        let error = ClientCaFile::open(started.path.clone()).unwrap_err().to_string();
        assert!(error.contains("cannot be used as --client-ca-file"), "{error}");
    }
    fs::remove_file(&started.path).unwrap();
    started.file.reload();
    assert!(started.serves(&certificate).await);
    let error = ClientCaFile::open(started.path.clone()).unwrap_err().to_string();
    assert!(error.starts_with("failed to read "), "{error}");
    started.replace(&ca.pem);
    assert_eq!(note(), None);
}
