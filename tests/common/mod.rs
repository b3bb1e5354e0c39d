//! A whole server over connections in memory, so that time can stand still.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use boundtoken::certificates::{Directory, ServingCertificate};
use boundtoken::clock;
use boundtoken::namespaces::NamespaceStore;
use boundtoken::server::accept::Listener;
use boundtoken::server::admin::{self, Readiness};
use boundtoken::server::routes::{Webhook, routes};
use boundtoken::server::{End, Server, tls};
use boundtoken::telemetry::metrics::Metrics;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub(crate) mod between;
pub(crate) mod binary;
pub(crate) mod blocks;
pub(crate) mod eventually;
pub(crate) mod port;
pub(crate) mod reviews;
pub(crate) mod tied;

/// A listener whose connections, and failures, come from a test.
pub(crate) struct Injected(mpsc::UnboundedReceiver<io::Result<DuplexStream>>);

impl Listener for Injected {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<DuplexStream> {
        match self.0.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn into_backlog(mut self) -> Vec<DuplexStream> {
        std::iter::from_fn(|| self.0.try_recv().ok()).flatten().collect()
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) webhook: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    pub(crate) admin: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    pub(crate) signals: mpsc::Sender<()>,
    pub(crate) unneeded: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) certificate: Arc<ServingCertificate>,
    pub(crate) end: JoinHandle<End>,
    pub(crate) directory: tempfile::TempDir,
}

/// Knows no Namespace that opted in.
pub(crate) fn no_namespaces() -> Arc<boundtoken::namespaces::Namespaces> {
    Arc::default()
}

/// Starts a server with a self-made certificate.
pub(crate) fn start(namespaces: Arc<impl NamespaceStore>, max_connections: usize) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let names = Directory::LOCAL_NAMES.map(str::to_owned).to_vec();
    let ensured = Directory::new(directory.path().to_owned(), names).ensure(clock::now()).unwrap();
    let certificate = Arc::new(ServingCertificate::new(ensured.leaf));
    let metrics: Arc<Metrics> = Arc::default();
    let draining = CancellationToken::new();
    let (drains, unneeded) = (draining.clone(), CancellationToken::new());
    let readiness = Readiness::default().with("namespaces", || Ok(())).with("shutdown", move || {
        if drains.is_cancelled() { Err("shutting down".to_owned()) } else { Ok(()) }
    });
    let server = Server {
        webhook: routes(Webhook { namespaces, defaults: Arc::default(), metrics: Arc::clone(&metrics) }),
        admin: admin::routes(readiness, Arc::clone(&metrics)),
        metrics: Arc::clone(&metrics),
        tls: tls::config(Arc::clone(&certificate) as _).unwrap(),
        max_connections,
        shutdown_delay: Duration::from_secs(15),
        shutdown_deadline: Duration::from_secs(110),
        draining,
        unneeded: unneeded.clone(),
    };
    let (webhook, webhook_listener) = mpsc::unbounded_channel();
    let (admin, admin_listener) = mpsc::unbounded_channel();
    let (signals, receiver) = mpsc::channel(2);
    let end = tokio::spawn(server.run(Injected(webhook_listener), Injected(admin_listener), receiver));
    Running { webhook, admin, signals, unneeded, metrics, certificate, end, directory }
}

impl Running {
    /// A raw connection to the webhook port.
    pub(crate) fn dial(&self) -> DuplexStream {
        let (ours, theirs) = duplex(64 * 1024);
        self.webhook.send(Ok(theirs)).unwrap();
        ours
    }

    /// A TLS connection to the webhook port.
    pub(crate) async fn connect(&self) -> Client<TlsStream<DuplexStream>> {
        let config = client_config(self.directory.path(), rustls::ALL_VERSIONS, &[b"http/1.1"]);
        Client(handshake(self.dial(), config).await.unwrap())
    }

    /// A connection to the admin port.
    pub(crate) fn connect_admin(&self) -> Client<DuplexStream> {
        let (ours, theirs) = duplex(64 * 1024);
        self.admin.send(Ok(theirs)).unwrap();
        Client(ours)
    }
}

/// A client that trusts the authority in a directory.
pub(crate) fn client_config(
    directory: &Path,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

/// Shakes hands as a client of `localhost`.
pub(crate) async fn handshake<S>(stream: S, config: ClientConfig) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// A client of HTTP/1.1 that sees every byte.
pub(crate) struct Client<S>(pub(crate) S);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Whether the answer is the last one of its connection.
    pub(crate) fn closes(&self) -> bool {
        self.head.to_lowercase().contains("\r\nconnection: close\r\n")
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Reads an answer; `None` when the connection ends instead.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let lower = head.to_lowercase();
        let length =
            lower.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await.ok()?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        self.answer().await.unwrap()
    }

    pub(crate) async fn post(&mut self, path: &str, content_type: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(head(path, content_type, body.as_ref().len())).await;
        self.send(body).await;
        self.answer().await.unwrap()
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
    }
}

/// The head of a POST.
pub(crate) fn head(path: &str, content_type: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// Lets every task go on until it waits for a later moment. Panics unless time stands still.
pub(crate) async fn settle() {
    // Panics where time was not paused; there a millisecond would be a guess.
    tokio::time::resume();
    tokio::time::pause();
    tokio::time::sleep(Duration::from_millis(1)).await;
}
