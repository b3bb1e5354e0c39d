//! Takes connections from a listener, up to a limit, until told to stop.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::limits::ACCEPT_BACK_OFF;
use super::places::{Place, Places};

/// Where connections come from.
pub trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Closes the listener and returns the connections that nobody accepted yet:
    /// left alone, the kernel would reset them.
    fn into_backlog(self) -> Vec<Self::Stream>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self).await?;
        // Answers are small; a stream that refuses this still works.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn into_backlog(self) -> Vec<TcpStream> {
        let Ok(listener) = self.into_std() else {
            return Vec::new();
        };
        std::iter::from_fn(|| listener.accept().ok())
            .filter_map(|(stream, _)| {
                stream.set_nonblocking(true).ok()?;
                TcpStream::from_std(stream).ok()
            })
            .collect()
    }
}

/// Hands each connection to `serve`, with the place that it keeps as long as it lives.
///
/// At the end the backlog is served too, and who waits for a place, whatever the limit says.
pub(super) async fn accept_until<L: Listener>(
    stop: CancellationToken,
    mut listener: L,
    mut places: Places,
    mut serve: impl FnMut(L::Stream, Place),
) {
    while let Some(stream) = stop.run_until_cancelled(next(&mut listener)).await {
        let permit = stop.run_until_cancelled(places.next()).await;
        serve(stream, places.give(permit));
    }
    for stream in listener.into_backlog() {
        serve(stream, places.give(None));
    }
}

async fn next<L: Listener>(listener: &mut L) -> L::Stream {
    loop {
        match listener.accept().await {
            Ok(stream) => return stream,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection; trying again in a second");
                tokio::time::sleep(ACCEPT_BACK_OFF).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_in_the_kernels_backlog_are_handed_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        assert_eq!(listener.into_backlog().len(), 3);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
