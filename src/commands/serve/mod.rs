//! `boundtoken serve`: the webhook server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::defaults::DefaultsArgs;
use super::{CommandError, Exit};
use crate::certificates::{CertificateFiles, Directory, SelfMade, ServingCertificate};
use crate::clock;
use crate::files::Watchers;
use crate::namespaces::file::NamespacesFile;
use crate::policy::Defaults;
use crate::server::admin::{self, Readiness};
use crate::server::bind::{address, bind};
use crate::server::routes::{self, Webhook};
use crate::server::{End, Server, signals, tls};
use crate::telemetry::logs::LogArgs;
use crate::telemetry::metrics::Metrics;

/// Runs the webhook server
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifest of Namespaces, read again when it changes; then no cluster is needed
    #[arg(long, value_name = "FILE", env = "BOUNDTOKEN_NAMESPACES", hide_env_values = true)]
    namespaces: Option<PathBuf>,
    /// Address of the webhook (TLS): POST /mutate, POST /validate
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "BOUNDTOKEN_LISTEN",
        hide_env_values = true,
        default_value = "[::]:8443",
        value_parser = address
    )]
    listen: SocketAddr,
    /// Address of the admin port (plain HTTP): /livez, /readyz, /metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "BOUNDTOKEN_ADMIN_LISTEN",
        hide_env_values = true,
        default_value = "[::]:8080",
        value_parser = address
    )]
    admin_listen: SocketAddr,
    /// Most connections at a time; the longest idle ones make room for more
    #[arg(
        long,
        value_name = "COUNT",
        env = "BOUNDTOKEN_MAX_CONNECTIONS",
        hide_env_values = true,
        default_value = "512",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    max_connections: u32,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    defaults: DefaultsArgs,
    #[command(flatten)]
    shutdown: ShutdownArgs,
    #[command(flatten)]
    logs: LogArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate")]
struct TlsArgs {
    /// PEM file of the serving certificate and its chain, read again when it changes
    #[arg(
        long = "tls-cert",
        value_name = "FILE",
        env = "BOUNDTOKEN_TLS_CERT",
        hide_env_values = true,
        requires = "key",
        conflicts_with_all = ["dir", "dns"]
    )]
    cert: Option<PathBuf>,
    /// PEM file of the key of --tls-cert
    #[arg(
        long = "tls-key",
        value_name = "FILE",
        env = "BOUNDTOKEN_TLS_KEY",
        hide_env_values = true,
        requires = "cert"
    )]
    key: Option<PathBuf>,
    /// Directory of self-made certificates: ca.crt (for clients), ca.key, tls.crt, tls.key
    #[arg(
        long = "tls-dir",
        value_name = "DIR",
        env = "BOUNDTOKEN_TLS_DIR",
        hide_env_values = true,
        default_value = "boundtoken-tls"
    )]
    dir: PathBuf,
    /// Names that self-made certificates speak for besides localhost, separated by commas
    #[arg(
        long = "tls-dns",
        value_name = "NAMES",
        env = "BOUNDTOKEN_TLS_DNS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    dns: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shutdown")]
struct ShutdownArgs {
    /// Seconds from SIGTERM to the end of accepting connections
    #[arg(
        long,
        value_name = "SECONDS",
        env = "BOUNDTOKEN_SHUTDOWN_DELAY",
        hide_env_values = true,
        default_value = "15",
        value_parser = seconds
    )]
    shutdown_delay: Duration,
    /// Seconds from SIGTERM to the end, even if connections are open
    #[arg(
        long,
        value_name = "SECONDS",
        env = "BOUNDTOKEN_SHUTDOWN_DEADLINE",
        hide_env_values = true,
        default_value = "110",
        value_parser = seconds
    )]
    shutdown_deadline: Duration,
}

/// Whole seconds, with or without the unit `s`.
fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.strip_suffix('s').unwrap_or(text).parse().map(Duration::from_secs)
}

/// What the command itself finds wrong.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(
        "watching the Namespaces of a cluster is not in this version yet: give --namespaces FILE, \
         a manifest of the Namespaces that opted in"
    )]
    NoNamespaces,
    #[error(
        "--shutdown-deadline ({} s) is below --shutdown-delay ({} s): both count from the signal, \
         give the deadline at least the delay",
        deadline.as_secs(),
        delay.as_secs()
    )]
    Deadline { delay: Duration, deadline: Duration },
}

impl ShutdownArgs {
    fn check(&self) -> Result<(), ServeError> {
        let Self { shutdown_delay: delay, shutdown_deadline: deadline } = *self;
        if deadline < delay { Err(ServeError::Deadline { delay, deadline }) } else { Ok(()) }
    }
}

/// Serves until a signal ends it.
///
/// # Errors
/// When the server cannot start: no Namespaces, no certificate, no port.
pub fn run(args: Args) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let end = runtime.block_on(serve(args));
    // A second signal does not wait for what still runs.
    runtime.shutdown_background();
    end
}

async fn serve(args: Args) -> Result<Exit, CommandError> {
    let Args { namespaces, listen, admin_listen, max_connections, tls, defaults, shutdown, logs } = args;
    shutdown.check()?;
    logs.start();
    let metrics = Arc::new(Metrics::default());
    let manifest = namespaces.ok_or(ServeError::NoNamespaces)?;
    let defaults = defaults.resolve()?;
    let file = NamespacesFile::open(manifest, Arc::clone(&defaults), Arc::clone(&metrics))?;
    let webhook = Webhook { namespaces: file.namespaces(), defaults, metrics };
    let mut watchers = Watchers::default();
    let certificate = tls.start(&webhook.metrics, &mut watchers)?;
    // Before anybody is told that it serves: a signal from then on is the start of a shutdown.
    let signal = signals::listen()?;
    let webhook_listener = bind("--listen", listen).await?;
    let admin_listener = bind("--admin-listen", admin_listen).await?;
    log_audiences(&webhook.defaults);
    log_addresses(&webhook_listener, &admin_listener)?;
    let draining = CancellationToken::new();
    let readiness = Readiness::default().with_note("namespaces", file.note());
    watchers.watch("Namespaces", file, NamespacesFile::reload);
    let readiness = ready(readiness, Arc::clone(&certificate), watchers, draining.clone());
    let server = Server {
        admin: admin::routes(readiness, Arc::clone(&webhook.metrics)),
        metrics: Arc::clone(&webhook.metrics),
        webhook: routes::routes(webhook),
        tls: tls::config(certificate)?,
        max_connections: usize::try_from(max_connections)?,
        shutdown_delay: shutdown.shutdown_delay,
        shutdown_deadline: shutdown.shutdown_deadline,
        draining,
    };
    let end = server.run(webhook_listener, admin_listener, signal).await;
    Ok(ended(end))
}

/// The Namespaces are complete and the listeners bound before anybody can ask.
fn ready(
    namespaces: Readiness,
    certificate: Arc<ServingCertificate>,
    watchers: Watchers,
    draining: CancellationToken,
) -> Readiness {
    namespaces
        .with("certificate", move || certificate.check(clock::now()))
        .with("watchers", move || watchers.check())
        .with(
            "shutdown",
            move || {
                if draining.is_cancelled() { Err("shutting down".to_owned()) } else { Ok(()) }
            },
        )
}

impl TlsArgs {
    /// Loads or makes the certificate and keeps looking after it.
    fn start(
        self,
        metrics: &Arc<Metrics>,
        watchers: &mut Watchers,
    ) -> Result<Arc<ServingCertificate>, CommandError> {
        let Self { cert, key, dir, dns } = self;
        if let (Some(certificate), Some(key)) = (cert, key) {
            let files = CertificateFiles::open(certificate, key, Arc::clone(metrics), clock::now())?;
            let serving = files.serving();
            watchers.watch("certificate", files, |files| files.reload(clock::now()));
            return Ok(serving);
        }
        let names = Directory::LOCAL_NAMES.into_iter().map(str::to_owned).chain(dns).collect();
        let directory = Directory::new(dir, names);
        let files = SelfMade::open(directory, Arc::clone(metrics), clock::now())?;
        let serving = files.serving();
        watchers.watch("certificate", files, |files| files.reload(clock::now()));
        Ok(serving)
    }
}

fn log_audiences(defaults: &Defaults) {
    let audiences = defaults.api_audiences.names().join(" ");
    tracing::info!(audiences, "these audiences count as the API server's own (--api-audiences)");
}

fn log_addresses(webhook: &TcpListener, admin: &TcpListener) -> std::io::Result<()> {
    let (listen, admin_listen) = (webhook.local_addr()?, admin.local_addr()?);
    tracing::info!(%listen, %admin_listen, version = env!("CARGO_PKG_VERSION"), "serving");
    Ok(())
}

fn ended(end: End) -> Exit {
    match end {
        End::Drained => {
            tracing::info!("every connection has ended");
            Exit::Done
        }
        End::Deadline => {
            tracing::warn!("connections were still open at the deadline");
            Exit::Done
        }
        End::Aborted => {
            tracing::warn!("a second signal ended the shutdown");
            Exit::Failed
        }
    }
}
