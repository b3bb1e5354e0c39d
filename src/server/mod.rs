//! The webhook server: listener, TLS, HTTP routes, limits, shutdown, admin port.
//!
//! A shutdown begins with the first signal: `/readyz` fails, and every response is the last one of
//! its connection, while the server goes on serving. After `shutdown_delay`, when clients no
//! longer open connections, it stops accepting. When the last connection has ended, or at
//! `shutdown_deadline`, [`Server::run`] returns. A second signal makes it return at once. During
//! an uninstall the server waits only for in-flight responses.

pub mod accept;
pub mod admin;
pub mod bind;
mod body;
pub mod connections;
mod http_error;
pub mod limits;
pub mod routes;
pub mod signals;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use accept::{Listener, accept_until};
use connections::{Connections, discard, handshake, serve};
use routes::Webhook;

use crate::namespaces::NamespaceStore;

/// How a server ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// A second signal arrived.
    Aborted,
    /// Connections were still open at the deadline.
    Deadline,
    /// Every connection had ended.
    Drained,
    /// The webhook is being uninstalled, so no more requests come.
    Uninstalled,
}

/// The routes of a server, its limits, and the course of its shutdown.
#[derive(Debug)]
pub struct Server<S> {
    /// The handler of the webhook port.
    pub webhook: Arc<Webhook<S>>,
    /// The routes of the admin port.
    pub admin: Router,
    /// The TLS configuration of the webhook port.
    pub tls: ServerConfig,
    /// Most open connections to the webhook port.
    pub max_connections: usize,
    /// Time from the first signal until accepting stops.
    pub shutdown_delay: Duration,
    /// Time from the first signal until [`Server::run`] returns at the latest.
    pub shutdown_deadline: Duration,
    /// Cancelled at the first signal.
    pub draining: CancellationToken,
    /// Cancelled during a shutdown if the webhook is being uninstalled, so that no more requests come.
    pub uninstalled: CancellationToken,
}

impl<S: NamespaceStore> Server<S> {
    /// Serves until a shutdown is complete. The first signal begins it, and the second one ends it at once.
    pub async fn run<W: Listener, A: Listener>(self, webhook: W, admin: A, mut signals: Receiver<()>) -> End {
        let stop = CancellationToken::new();
        let connections = TaskTracker::new();
        let accepting = self.spawn_webhook(webhook, stop.clone(), &connections);
        let _admin = self.spawn_admin(admin);
        next(&mut signals).await;
        self.draining.cancel();
        let began = Instant::now();
        let (delay, deadline) = (self.shutdown_delay, self.shutdown_deadline);
        tracing::info!(
            ?delay,
            ?deadline,
            "shutting down: /readyz fails, requests are still served; a second signal exits at once"
        );
        tokio::select! {
            end = self.drain(began, stop, accepting, &connections) => end,
            () = self.uninstall_grace() => End::Uninstalled,
            () = next(&mut signals) => End::Aborted,
        }
    }

    /// Waits for an uninstall, and then for in-flight responses.
    async fn uninstall_grace(&self) {
        self.uninstalled.cancelled().await;
        sleep(limits::UNINSTALL_GRACE).await;
    }

    async fn drain(
        &self,
        began: Instant,
        stop: CancellationToken,
        accepting: JoinHandle<()>,
        connections: &TaskTracker,
    ) -> End {
        sleep_until(began + self.shutdown_delay.min(self.shutdown_deadline)).await;
        stop.cancel();
        // The backlog must be accepted before the tracker is closed. This fails only after a panic.
        let _ = accepting.await;
        connections.close();
        tracing::info!(connections = connections.len(), "accepting no more connections");
        tokio::select! {
            biased;
            () = connections.wait() => End::Drained,
            () = sleep_until(began + self.shutdown_deadline) => End::Deadline,
        }
    }

    fn spawn_webhook<L: Listener>(
        &self,
        listener: L,
        stop: CancellationToken,
        tracker: &TaskTracker,
    ) -> JoinHandle<()> {
        let acceptor = TlsAcceptor::from(Arc::new(self.tls.clone()));
        let (tracker, webhook, draining) =
            (tracker.clone(), Arc::clone(&self.webhook), self.draining.clone());
        let connections = Connections::new("webhook", self.max_connections, limits::IDLE_TIMEOUT);
        tokio::spawn(accept_until(stop, listener, connections, move |stream, slot| {
            let (acceptor, webhook, draining) = (acceptor.clone(), Arc::clone(&webhook), draining.clone());
            let connected = webhook.metrics.connected();
            tracker.spawn(async move {
                let handle = |request| webhook.handle(request, &slot);
                match handshake(stream, &acceptor).await {
                    Ok(stream) => serve(stream, &slot.connection, &draining, handle).await,
                    Err((failure, stream)) => {
                        webhook.metrics.record_failed_handshake(failure);
                        discard(stream).await;
                    }
                }
                drop(connected);
            })
        }))
    }

    /// Serves the admin port until the guard is dropped, since probes must work until the end of a shutdown.
    fn spawn_admin<L: Listener>(&self, listener: L) -> tokio_util::sync::DropGuard {
        let over = CancellationToken::new();
        let (stop, router, draining) = (over.clone(), self.admin.clone(), self.draining.clone());
        let connections = Connections::new("admin", limits::ADMIN_CONNECTIONS, limits::ADMIN_IDLE_TIMEOUT);
        tokio::spawn(accept_until(over.clone(), listener, connections, move |stream, slot| {
            let (stop, router, draining) = (stop.clone(), router.clone(), draining.clone());
            tokio::spawn(async move {
                let handle = async |request| {
                    router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
                };
                stop.run_until_cancelled(serve(stream, &slot.connection, &draining, handle)).await;
            })
        }));
        over.drop_guard()
    }
}

/// Waits for the next signal, forever if the sender is gone.
async fn next(signals: &mut Receiver<()>) {
    if signals.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}
