//! Serves one connection, from the TLS handshake to its end.

use std::convert::Infallible;
use std::io;

use axum::body::{Bytes, HttpBody};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::Error as TlsError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::super::limits::{BODY_BYTES, CONNECTION_BYTES, TLS_BYTES};
use super::connection::{Connection, Stage};
use super::stream::TrackedStream;
use crate::telemetry::metrics::HandshakeFailure;

/// Performs the TLS handshake of a connection.
///
/// # Errors
/// When the handshake fails. The error contains the stream, for [`discard`].
pub(in crate::server) async fn handshake<S>(
    stream: S,
    acceptor: &TlsAcceptor,
) -> Result<TlsStream<S>, (HandshakeFailure, S)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limited = acceptor.accept_with(stream, |session| session.set_buffer_limit(Some(TLS_BYTES)));
    limited.into_fallible().await.map_err(|(error, stream)| {
        tracing::debug!(%error, "a TLS handshake failed");
        (failure_of(&error), stream)
    })
}

fn failure_of(error: &io::Error) -> HandshakeFailure {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(TlsError::NoCertificatesPresented | TlsError::InvalidCertificate(_)) => {
            HandshakeFailure::ClientCertificate
        }
        Some(TlsError::AlertReceived(_)) => HandshakeFailure::Alert,
        _ => HandshakeFailure::Other,
    }
}

/// Ends a connection whose handshake failed, and discards what the client sends: at most the largest request, until
/// it closes the connection or the deadline of the handshake ends it.
///
/// With TLS 1.3 a client sends its request before it reads that its certificate is refused. If the connection
/// were closed at once, the kernel would reset it, and the client might report the reset instead of the alert.
pub(in crate::server) async fn discard<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    // Fails if the client was faster.
    let _ = stream.shutdown().await;
    let _ = tokio::io::copy(&mut stream.take(BODY_BYTES as u64), &mut tokio::io::sink()).await;
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
        let response = handle(request);
        async move {
            // Not before: hyper may read the head while the client still has to take the previous response.
            connection.enter(Stage::Body);
            let mut response = response.await;
            if draining.is_cancelled() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            connection.enter(Stage::Response);
            Ok::<_, Infallible>(response)
        }
    };
    // hyper polls no handler before the client has taken the previous response, so at most one response waits.
    let stream = TokioIo::new(TrackedStream { stream, connection });
    let served = http1::Builder::new()
        .max_buf_size(CONNECTION_BYTES)
        .serve_connection(stream, service_fn(respond))
        .await;
    if let Err(error) = served {
        tracing::debug!(error = crate::telemetry::chain(&error), "a connection ended early");
    }
}
