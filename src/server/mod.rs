//! The webhook server: listener, TLS, HTTP routes, limits, shutdown, admin port.
//!
//! A shutdown begins with the first signal: `/readyz` fails, and every response is the last one of
//! its connection, while the server goes on serving. After `shutdown_delay`, when clients no
//! longer open connections, it stops accepting. When the last connection has ended, or at
//! `shutdown_deadline`, [`Server::run`] returns. A second signal makes it return at once. During
//! an uninstall it returns after a second. After Ctrl-C in a terminal it waits only for responses in flight.

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

use std::convert::Infallible;
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
use signals::StopSignal;

use crate::namespaces::NamespaceStore;

/// How a server ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// A second signal arrived.
    Aborted,
    /// Ctrl-C was pressed in a terminal during the shutdown.
    Interrupted,
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
    pub async fn run<W: Listener, A: Listener>(
        self,
        webhook: W,
        admin: A,
        mut signals: Receiver<StopSignal>,
    ) -> End {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let connections = Connections::new("webhook", self.max_connections, limits::IDLE_TIMEOUT);
        let accepting = self.spawn_webhook(webhook, stop.clone(), &tasks, &connections);
        let _admin = self.spawn_admin(admin);
        let signal = next(&mut signals).await;
        self.draining.cancel();
        let began = Instant::now();
        let draining = async {
            self.stop_accepting(began, signal, &stop, accepting).await;
            tokio::select! {
                biased;
                end = self.drain(began, &tasks) => end,
                never = close_idle(&connections), if signal == StopSignal::Interrupt => match never {},
            }
        };
        tokio::select! {
            end = draining => end,
            () = self.uninstall_grace() => End::Uninstalled,
            second = next(&mut signals) => match second {
                StopSignal::Terminate => End::Aborted,
                StopSignal::Interrupt => End::Interrupted,
            },
        }
    }

    /// Waits for an uninstall, and then [`limits::UNINSTALL_GRACE`] for responses in flight.
    async fn uninstall_grace(&self) {
        self.uninstalled.cancelled().await;
        sleep(limits::UNINSTALL_GRACE).await;
    }

    /// Goes on accepting for the delay, unless a person waits for the end.
    async fn stop_accepting(
        &self,
        began: Instant,
        signal: StopSignal,
        stop: &CancellationToken,
        accepting: JoinHandle<()>,
    ) {
        let (delay, deadline) = (self.shutdown_delay.min(self.shutdown_deadline), self.shutdown_deadline);
        match signal {
            StopSignal::Terminate => {
                tracing::info!(
                    ?delay,
                    ?deadline,
                    "shutting down: /readyz fails, requests are still served; a second signal exits at once"
                );
                sleep_until(began + delay).await;
            }
            StopSignal::Interrupt => tracing::info!(
                "shutting down after the responses in flight, without --shutdown-delay; Ctrl-C again exits at once"
            ),
        }
        stop.cancel();
        // The backlog must be accepted before the tracker is closed. This fails only after a panic.
        let _ = accepting.await;
    }

    /// Waits for the end of every connection, or for the deadline.
    async fn drain(&self, began: Instant, connections: &TaskTracker) -> End {
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
        connections: &Arc<Connections>,
    ) -> JoinHandle<()> {
        let acceptor = TlsAcceptor::from(Arc::new(self.tls.clone()));
        let (tracker, webhook, draining) =
            (tracker.clone(), Arc::clone(&self.webhook), self.draining.clone());
        tokio::spawn(accept_until(stop, listener, Arc::clone(connections), move |stream, slot| {
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

/// Ends idle connections until this is dropped. A response that began before the shutdown does not announce that its
/// connection closes, so the connection is idle once the client has taken it.
async fn close_idle(connections: &Connections) -> Infallible {
    loop {
        connections.close_idle();
        sleep(limits::SWEEP_INTERVAL).await;
    }
}

/// Waits for the next signal, forever if the sender is gone.
async fn next(signals: &mut Receiver<StopSignal>) -> StopSignal {
    match signals.recv().await {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}
