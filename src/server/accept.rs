//! Accepts connections from a listener until the server stops accepting.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connections::{Connections, Slot};
use super::limits::ACCEPT_BACKOFF;

/// A source of connections, each with the address of its client.
pub trait Listener: Send + 'static {
    /// The byte stream of a connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, IpAddr)>> + Send;

    /// Closes the listener and returns the connections in its backlog: the kernel would reset them.
    fn into_backlog(self) -> Vec<(Self::Stream, IpAddr)>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, IpAddr)> {
        let (stream, client) = Self::accept(self).await?;
        // Saves latency of small responses; a stream that refuses the option still works.
        let _ = stream.set_nodelay(true);
        Ok((stream, client.ip()))
    }

    fn into_backlog(self) -> Vec<(TcpStream, IpAddr)> {
        let Ok(listener) = self.into_std() else {
            return Vec::new();
        };
        std::iter::from_fn(|| listener.accept().ok())
            .filter_map(|(stream, client)| {
                stream.set_nonblocking(true).ok()?;
                Some((TcpStream::from_std(stream).ok()?, client.ip()))
            })
            .collect()
    }
}

/// Accepts connections until `stop` is cancelled, then those in the backlog. `serve` spawns the task of each
/// admitted connection.
pub(super) async fn accept_until<L: Listener>(
    stop: CancellationToken,
    mut listener: L,
    connections: Arc<Connections>,
    serve: impl Fn(L::Stream, Slot) -> JoinHandle<()>,
) {
    let open = |(stream, client)| {
        if let Some(slot) = connections.admit(client) {
            let connection = Arc::clone(&slot.connection);
            connection.attach(serve(stream, slot).abort_handle());
        }
    };
    while let Some(accepted) = stop.run_until_cancelled(next(&mut listener)).await {
        open(accepted);
    }
    listener.into_backlog().into_iter().for_each(open);
}

async fn next<L: Listener>(listener: &mut L) -> (L::Stream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection; trying again in a second");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn closing_a_listener_returns_its_backlog() {
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
