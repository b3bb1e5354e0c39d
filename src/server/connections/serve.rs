//! Serves one connection, from the TLS handshake to its end.

use std::convert::Infallible;

use axum::body::{Bytes, HttpBody};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::super::limits::{CONNECTION_BYTES, TLS_BYTES};
use super::connection::{Connection, Stage};
use super::stream::TrackedStream;

/// Serves a connection over TLS.
pub(in crate::server) async fn serve_tls<S, F, R, B>(
    stream: S,
    acceptor: &TlsAcceptor,
    connection: &Connection,
    draining: &CancellationToken,
    handle: F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<B>>,
    B: HttpBody<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limited = acceptor.accept_with(stream, |session| session.set_buffer_limit(Some(TLS_BYTES)));
    match limited.await {
        Ok(stream) => serve(stream, connection, draining, handle).await,
        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
    }
}

/// Serves a connection until either side closes it. While the server drains, every response is the last one
/// of its connection.
pub(in crate::server) async fn serve<S, F, R, B>(
    stream: S,
    connection: &Connection,
    draining: &CancellationToken,
    handle: F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<B>>,
    B: HttpBody<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    connection.enter(Stage::Idle);
    let respond = |request| {
        connection.enter(Stage::Body);
        let response = handle(request);
        async move {
            let mut response = response.await;
            if draining.is_cancelled() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            connection.enter(Stage::Response);
            Ok::<_, Infallible>(response)
        }
    };
    // hyper reads no further request before the client has taken the response, so at most one response waits.
    let stream = TokioIo::new(TrackedStream { stream, connection });
    let served = http1::Builder::new()
        .max_buf_size(CONNECTION_BYTES)
        .serve_connection(stream, service_fn(respond))
        .await;
    if let Err(error) = served {
        tracing::debug!(error = crate::telemetry::chain(&error), "a connection ended early");
    }
}
