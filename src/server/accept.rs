//! Takes connections from a listener, up to a limit, until told to stop.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::limits::ACCEPT_BACK_OFF;

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

/// The places for connections on a port.
#[derive(Debug)]
pub(super) struct Places {
    port: &'static str,
    limit: usize,
    free: Arc<Semaphore>,
    /// Whether the lack of places was logged, and no tenth of them was free since.
    lacking: bool,
}

impl Places {
    pub(super) fn new(port: &'static str, limit: usize) -> Self {
        Self { port, limit, free: Arc::new(Semaphore::new(limit)), lacking: false }
    }

    /// Waits for a place. Says once that connections have to wait, not for each that leaves and comes.
    async fn next(&mut self) -> OwnedSemaphorePermit {
        self.lacking &= self.free.available_permits() <= self.limit / 10;
        if self.free.available_permits() == 0 && !self.lacking {
            self.lacking = true;
            let (port, limit) = (self.port, self.limit);
            tracing::warn!(port, limit, "as many connections are open as may be; more have to wait");
        }
        // Only a closed semaphore has no permits, and nobody closes this one.
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(place) => place,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Hands each connection to `serve`, with the place that it keeps as long as it lives.
///
/// At the end the backlog is served too, whatever the limit says.
pub(super) async fn accept_until<L: Listener>(
    stop: CancellationToken,
    mut listener: L,
    mut places: Places,
    mut serve: impl FnMut(L::Stream, Option<OwnedSemaphorePermit>),
) {
    while let Some((stream, place)) = stop.run_until_cancelled(next(&mut listener, &mut places)).await {
        serve(stream, Some(place));
    }
    for stream in listener.into_backlog() {
        serve(stream, None);
    }
}

async fn next<L: Listener>(listener: &mut L, places: &mut Places) -> (L::Stream, OwnedSemaphorePermit) {
    let place = places.next().await;
    loop {
        match listener.accept().await {
            Ok(stream) => return (stream, place),
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
