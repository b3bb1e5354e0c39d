//! The webhook server: listener, TLS, HTTP routes, limits, shutdown, admin port.
//!
//! It ends in four steps. A first signal makes `/readyz` fail and every answer the last one of
//! its connection, while serving goes on. After `shutdown_delay`, when no client opens new
//! connections any more, accepting stops. When the last connection has ended, or at
//! `shutdown_deadline`, [`Server::run`] returns. A second signal returns at once. During an
//! uninstall the server waits only for in-flight responses.

pub mod accept;
pub mod admin;
pub mod bind;
mod body;
pub mod connections;
pub mod limits;
mod refusal;
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
use connections::{Connections, serve, serve_tls};
use routes::Webhook;

use crate::namespaces::NamespaceStore;

/// How a server ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// A second signal came.
    Aborted,
    /// Connections were still open at the deadline.
    Deadline,
    /// Every connection had ended.
    Drained,
    /// Nobody will call any more.
    Unneeded,
}

/// What a server serves, and how it ends.
#[derive(Debug)]
pub struct Server<S> {
    /// Answers behind TLS.
    pub webhook: Arc<Webhook<S>>,
    /// The routes of the admin port.
    pub admin: Router,
    /// TLS.
    pub tls: ServerConfig,
    /// Most connections at a time.
    pub max_connections: usize,
    /// From the first signal to the end of accepting.
    pub shutdown_delay: Duration,
    /// From the first signal to the end.
    pub shutdown_deadline: Duration,
    /// Cancelled at the first signal.
    pub draining: CancellationToken,
    /// Cancelled during a shutdown when nobody will call any more.
    pub unneeded: CancellationToken,
}

impl<S: NamespaceStore> Server<S> {
    /// Serves until the signals say otherwise: the first one begins the shutdown, the second one ends it.
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
            "shutting down: not ready any more, still serving; a second signal ends at once"
        );
        tokio::select! {
            end = self.drain(began, stop, accepting, &connections) => end,
            () = self.last_answers() => End::Unneeded,
            () = next(&mut signals) => End::Aborted,
        }
    }

    /// The time for the answers under way, once nobody will call any more.
    async fn last_answers(&self) {
        self.unneeded.cancelled().await;
        sleep(limits::LAST_ANSWERS).await;
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
        // None of the backlog is forgotten; nothing is lost if the loop ended before.
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
        let connections = Connections::new("webhook", self.max_connections, limits::IDLE);
        tokio::spawn(accept_until(stop, listener, connections, move |stream, slot| {
            let (acceptor, webhook, draining) = (acceptor.clone(), Arc::clone(&webhook), draining.clone());
            let connected = webhook.metrics.connected();
            tracker.spawn(async move {
                let handle = |request| webhook.handle(request, &slot);
                serve_tls(stream, &acceptor, &slot.connection, &draining, handle).await;
                drop(connected);
            })
        }))
    }

    /// Ends, with its connections, when the guard is dropped: probes must work up to the end.
    fn spawn_admin<L: Listener>(&self, listener: L) -> tokio_util::sync::DropGuard {
        let over = CancellationToken::new();
        let (stop, router, draining) = (over.clone(), self.admin.clone(), self.draining.clone());
        let connections = Connections::new("admin", limits::ADMIN_CONNECTIONS, limits::ADMIN_IDLE);
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

/// The next signal; if nobody can send one any more, there is none.
async fn next(signals: &mut Receiver<()>) {
    if signals.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}
