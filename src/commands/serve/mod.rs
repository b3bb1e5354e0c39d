//! `boundtoken serve`: the webhook server.

mod audiences;
mod clients;
mod cluster_tls;
mod removal;
mod shutdown;
mod source;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::cluster::ClusterArgs;
use super::defaults::DefaultsArgs;
use super::version::version;
use super::{CommandError, Exit};
use crate::background::BackgroundTasks;
use crate::server::admin::{self, Readiness};
use crate::server::bind::{address, bind};
use crate::server::routes::Webhook;
use crate::server::tls as server_tls;
use crate::server::{End, Server, signals};
use crate::telemetry::logs::LogArgs;
use crate::telemetry::metrics::Metrics;

use clients::ClientArgs;
use shutdown::ShutdownArgs;
use source::NamespaceSource;
use tls::{ServingTls, TlsArgs};

/// Run the webhook server
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifest of Namespaces to use instead of a cluster; reloaded when it changes
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["kubeconfig", "context"]
    )]
    namespaces: Option<PathBuf>,
    /// Address of the webhook (TLS): POST /mutate, POST /validate
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "[::]:8443",
        value_parser = address
    )]
    listen: SocketAddr,
    /// Address of the admin port (plain HTTP): /livez, /readyz, /metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "[::]:8080",
        value_parser = address
    )]
    admin_listen: SocketAddr,
    /// Maximum number of connections; beyond it, the client network with the most loses one
    #[arg(
        long,
        value_name = "COUNT",
        default_value = "512",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    max_connections: u32,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    clients: ClientArgs,
    #[command(flatten)]
    defaults: DefaultsArgs,
    #[command(flatten)]
    shutdown: ShutdownArgs,
    #[command(flatten)]
    logs: LogArgs,
}

/// Serves until a shutdown is complete.
///
/// # Errors
/// When the server cannot start: without a source of Namespaces, a certificate or a port.
pub fn run(args: Args) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let end = runtime.block_on(serve(args));
    // Dropping the runtime would wait for blocking tasks, such as a reload.
    runtime.shutdown_background();
    end
}

async fn serve(args: Args) -> Result<Exit, CommandError> {
    let Args { namespaces, listen, admin_listen, max_connections, cluster, .. } = args;
    let Args { tls, clients, defaults, shutdown, logs, .. } = args;
    shutdown.check()?;
    logs.start();
    let metrics = Arc::new(Metrics::default());
    let mut tasks = BackgroundTasks::default();
    let source = NamespaceSource::open(namespaces, cluster, defaults, &metrics, &mut tasks).await?;
    let NamespaceSource { namespaces, defaults, readiness, client } = source;
    let own_namespace = tls.namespace(client.as_ref());
    let ServingTls { certificate, check } = tls.start(client.clone(), &metrics, &mut tasks)?;
    let (clients, readiness) = clients.start(readiness.with("certificate", check), &mut tasks)?;
    let webhook = Arc::new(Webhook { namespaces, defaults, metrics });
    // Before the log and /readyz announce the server, so that any later signal starts a shutdown.
    let signal = signals::listen()?;
    let webhook_listener = bind("--listen", listen)?;
    let admin_listener = bind("--admin-listen", admin_listen)?;
    audiences::log(&webhook.defaults.load());
    log_addresses(&webhook_listener, &admin_listener)?;
    let (draining, uninstalled) = (CancellationToken::new(), CancellationToken::new());
    if let Some((client, namespace)) = client.zip(own_namespace) {
        let (delay, ended) = (shutdown.shutdown_delay, uninstalled.clone());
        tokio::spawn(removal::watch_for_uninstall(client, namespace, delay, draining.clone(), ended));
    }
    let readiness = ready(readiness, tasks, draining.clone());
    let server = Server {
        admin: admin::routes(readiness, Arc::clone(&webhook.metrics)),
        webhook,
        tls: server_tls::config(certificate, clients)?,
        max_connections: usize::try_from(max_connections)?,
        shutdown_delay: shutdown.shutdown_delay,
        shutdown_deadline: shutdown.shutdown_deadline,
        draining,
        uninstalled,
    };
    let end = server.run(webhook_listener, admin_listener, signal).await;
    Ok(ended(end))
}

/// The readiness checks. The listeners need none: they are bound before a check can be asked for.
fn ready(sources: Readiness, tasks: BackgroundTasks, draining: CancellationToken) -> Readiness {
    sources.with_vital("watchers", move || tasks.check()).with("shutdown", move || {
        if draining.is_cancelled() { Err("shutting down".to_owned()) } else { Ok(()) }
    })
}

fn log_addresses(webhook: &TcpListener, admin: &TcpListener) -> std::io::Result<()> {
    let (listen, admin_listen) = (webhook.local_addr()?, admin.local_addr()?);
    tracing::info!(%listen, %admin_listen, version = version(), "serving");
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
        End::Uninstalled => Exit::Done,
        End::Interrupted => {
            tracing::info!("a second Ctrl-C ended the shutdown");
            Exit::Done
        }
        End::Aborted => {
            tracing::warn!("a second signal ended the shutdown");
            Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get(tasks: BackgroundTasks, path: &str) -> (u16, String) {
        let sources = Readiness::default().with("namespaces", || Err("the API server is away".to_owned()));
        let readiness = ready(sources, tasks, CancellationToken::new());
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = admin::routes(readiness, Arc::default()).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_background_task_that_stopped_fails_liveness() {
        let mut tasks = BackgroundTasks::default();
        tasks.spawn("Namespaces", std::future::pending());
        tasks.spawn("certificate", async { panic!("a defect") });
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let (status, body) = get(tasks, "/livez").await;
        assert_eq!(status, 503);
        assert!(body.contains("background task \"certificate\" stopped; restart required"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_api_server_does_not_fail_liveness() {
        let watching = || {
            let mut tasks = BackgroundTasks::default();
            tasks.spawn("Namespaces", std::future::pending());
            tasks
        };
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(get(watching(), "/readyz").await.0, 503);
        assert_eq!(get(watching(), "/livez").await, (200, "ok".to_owned()));
    }
}
