//! A complete server over in-memory connections, so that its clock can be paused.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use boundtoken::certificates::{Directory, ServingCertificate};
use boundtoken::clock;
use boundtoken::namespaces::NamespaceStore;
use boundtoken::server::accept::Listener;
use boundtoken::server::admin::{self, Readiness};
use boundtoken::server::routes::Webhook;
use boundtoken::server::signals::StopSignal;
use boundtoken::server::{End, Server, tls};
use boundtoken::telemetry::metrics::Metrics;
use rustls::server::danger::ClientCertVerifier;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::http::{HttpClient, client_config, handshake};

/// A listener whose connections and errors a test injects.
pub(crate) struct Injected(mpsc::UnboundedReceiver<Accepted>);

/// A connection and the address of its client.
type Accepted = io::Result<(DuplexStream, IpAddr)>;

/// The address of clients unless a test chooses another one.
pub(crate) const API_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

impl Listener for Injected {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> Accepted {
        match self.0.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn into_backlog(mut self) -> Vec<(DuplexStream, IpAddr)> {
        std::iter::from_fn(|| self.0.try_recv().ok()).flatten().collect()
    }
}

/// A running server.
pub(crate) struct TestServer {
    pub(crate) webhook: mpsc::UnboundedSender<Accepted>,
    pub(crate) admin: mpsc::UnboundedSender<Accepted>,
    pub(crate) signals: mpsc::Sender<StopSignal>,
    pub(crate) uninstalled: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) certificate: Arc<ServingCertificate>,
    pub(crate) end: JoinHandle<End>,
    pub(crate) directory: tempfile::TempDir,
}

/// Namespaces of which none has opted in.
pub(crate) fn no_namespaces() -> Arc<boundtoken::namespaces::Namespaces> {
    Arc::default()
}

/// Starts a server with a self-made certificate.
pub(crate) fn start(namespaces: Arc<impl NamespaceStore>, max_connections: usize) -> TestServer {
    start_verifying(None, namespaces, max_connections)
}

/// Like [`start`], with a verifier of client certificates.
pub(crate) fn start_verifying(
    clients: Option<Arc<dyn ClientCertVerifier>>,
    namespaces: Arc<impl NamespaceStore>,
    max_connections: usize,
) -> TestServer {
    let directory = tempfile::tempdir().unwrap();
    let names = Directory::LOCAL_NAMES.map(str::to_owned).to_vec();
    let ensured = Directory::new(directory.path().to_owned(), names).ensure(clock::now()).unwrap();
    let certificate = Arc::new(ServingCertificate::new(ensured.serving));
    let metrics: Arc<Metrics> = Arc::default();
    let draining = CancellationToken::new();
    let (drains, uninstalled) = (draining.clone(), CancellationToken::new());
    let readiness = Readiness::default().with("namespaces", || Ok(())).with("shutdown", move || {
        if drains.is_cancelled() { Err("shutting down".to_owned()) } else { Ok(()) }
    });
    let server = Server {
        webhook: Arc::new(Webhook { namespaces, defaults: Arc::default(), metrics: Arc::clone(&metrics) }),
        admin: admin::routes(readiness, Arc::clone(&metrics)),
        tls: tls::config(Arc::clone(&certificate) as _, clients).unwrap(),
        max_connections,
        shutdown_delay: Duration::from_secs(15),
        shutdown_deadline: Duration::from_secs(110),
        draining,
        uninstalled: uninstalled.clone(),
    };
    let (webhook, webhook_listener) = mpsc::unbounded_channel();
    let (admin, admin_listener) = mpsc::unbounded_channel();
    let (signals, receiver) = mpsc::channel(2);
    let end = tokio::spawn(server.run(Injected(webhook_listener), Injected(admin_listener), receiver));
    TestServer { webhook, admin, signals, uninstalled, metrics, certificate, end, directory }
}

impl TestServer {
    /// A raw connection to the webhook port.
    pub(crate) fn dial(&self) -> DuplexStream {
        self.dial_from(API_SERVER)
    }

    /// A raw connection of a client with this address.
    pub(crate) fn dial_from(&self, address: IpAddr) -> DuplexStream {
        let (ours, theirs) = duplex(64 * 1024);
        self.webhook.send(Ok((theirs, address))).unwrap();
        ours
    }

    /// A TLS connection to the webhook port.
    pub(crate) async fn connect(&self) -> HttpClient<TlsStream<DuplexStream>> {
        self.connect_from(API_SERVER).await.unwrap()
    }

    /// A TLS connection of a client with this address.
    pub(crate) async fn connect_from(
        &self,
        address: IpAddr,
    ) -> io::Result<HttpClient<TlsStream<DuplexStream>>> {
        let config = client_config(self.directory.path(), rustls::ALL_VERSIONS, &[b"http/1.1"]);
        Ok(HttpClient(handshake(self.dial_from(address), config).await?))
    }

    /// A connection to the admin port.
    pub(crate) fn connect_admin(&self) -> HttpClient<DuplexStream> {
        self.connect_admin_from(API_SERVER)
    }

    /// A connection of a client with this address to the admin port.
    pub(crate) fn connect_admin_from(&self, address: IpAddr) -> HttpClient<DuplexStream> {
        let (ours, theirs) = duplex(64 * 1024);
        self.admin.send(Ok((theirs, address))).unwrap();
        HttpClient(ours)
    }
}

/// Lets every task run until it waits for a later moment. Panics unless the clock is paused.
pub(crate) async fn settle() {
    // Panics where time was not paused; there a millisecond would be a guess.
    tokio::time::resume();
    tokio::time::pause();
    tokio::time::sleep(Duration::from_millis(1)).await;
}
