//! One connection, from the TLS handshake to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::limits::{HANDSHAKE, HEAD_BYTES};
use super::phase::Phase;
use super::places::Place;
use super::stall::Stalling;

/// What answers the requests of a connection.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// The routes.
    pub(super) router: Router,
    /// Once cancelled, every answer is the last one of its connection.
    pub(super) draining: CancellationToken,
    /// How long a connection may be without a request.
    pub(super) idle: Duration,
}

/// Serves a client that speaks TLS.
pub(super) async fn serve_tls<S>(stream: S, acceptor: TlsAcceptor, service: Service, place: &Place)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let shaken = timeout(HANDSHAKE, acceptor.accept(stream));
    match place.over.run_until_cancelled(shaken).await {
        Some(Ok(Ok(stream))) => serve(stream, service, place).await,
        Some(Ok(Err(error))) => tracing::debug!(%error, "a TLS handshake failed"),
        Some(Err(_)) => tracing::debug!("a TLS handshake took too long"),
        None => {}
    }
}

/// Serves a client until it leaves, stalls, was told to leave, or has to make room.
pub(super) async fn serve<S>(stream: S, service: Service, place: &Place)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let phase = Arc::clone(&place.phase);
    let stream = TokioIo::new(Stalling::new(stream, Arc::clone(&phase)));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(service.idle)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(stream, service_fn(move |request| answer(request, &service, &phase)))
    );
    let ended = match place.over.run_until_cancelled(connection.as_mut()).await {
        Some(ended) => ended,
        None if place.phase.standing().may_end() => return,
        // A request came at the last moment: its answer is the last one.
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = crate::telemetry::chain(&error), "a connection ended early");
    }
}

/// Not an `async fn`: the phase turns when hyper hands over the head, before it reads the body.
fn answer(
    request: Request<Incoming>,
    service: &Service,
    phase: &Arc<Phase>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
    phase.begin(request.body().size_hint().exact());
    let phase = Arc::clone(phase);
    let Service { router, draining, .. } = service.clone();
    async move {
        let mut response = router.oneshot(request).await?;
        if draining.is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        phase.turn();
        Ok(response)
    }
}
