//! What an attacker does on one connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::bodies::Bodies;

/// A request without a body.
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The time that a connection is held on which nothing happens.
const HELD: Duration = Duration::from_mins(5);

/// What an attacker does on one connection, until the server ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Opens it, and sends nothing.
    Silent,
    /// Performs a handshake, and no more.
    Handshake,
    /// Sends a request each second, and reads the answer.
    Used,
    /// Sends a head, or a body, a byte each second.
    SlowHead,
    SlowBody,
    /// Sends the largest body but for its last byte.
    Stalled,
    /// Sends a costly body after the other.
    Costly,
    /// Sends the largest body, whose name is in every finding, or with a list of four million names.
    Endless,
    Names,
    /// Sends many requests before it reads an answer.
    Pipelining,
    /// Sends requests with large answers, and reads none.
    Deaf,
    /// Sends a request, and resets the connection.
    Resetting,
}

impl Way {
    pub(crate) const ALL: [Self; 12] = [
        Self::Silent,
        Self::Handshake,
        Self::Used,
        Self::SlowHead,
        Self::SlowBody,
        Self::Stalled,
        Self::Costly,
        Self::Endless,
        Self::Names,
        Self::Pipelining,
        Self::Deaf,
        Self::Resetting,
    ];
}

/// A client with an address of its own.
#[derive(Clone)]
pub(crate) struct Attacker {
    pub(crate) from: IpAddr,
    pub(crate) to: SocketAddr,
    /// `None` on the admin port.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(crate) bodies: Arc<Bodies>,
}

impl Attacker {
    /// Attacks on one connection.
    pub(crate) async fn attack(&self, way: Way) -> io::Result<()> {
        let stream = self.connect().await?;
        if matches!(way, Way::Silent) {
            return silent(stream).await;
        }
        match &self.tls {
            None => self.act(way, stream).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                self.act(way, connector.connect(name.clone(), stream).await?).await
            }
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        // Without this, a minute of connections would use up the ports of an address.
        socket.set_zero_linger()?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        socket.connect(self.to).await
    }

    async fn act<S: AsyncRead + AsyncWrite + Unpin>(&self, way: Way, mut stream: S) -> io::Result<()> {
        let Bodies { small, answered, costly, endless, names } = &*self.bodies;
        match way {
            Way::Silent => silent(stream).await,
            Way::Handshake => Ok(()),
            Way::Used => repeat(stream, GET, Duration::from_secs(1)).await,
            Way::SlowHead => slowly(stream, small).await,
            Way::SlowBody => {
                let (head, body) =
                    small.split_at(small.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4);
                send(&mut stream, head).await?;
                slowly(stream, body).await
            }
            Way::Stalled => {
                send(&mut stream, &endless[..endless.len() - 1]).await?;
                silent(stream).await
            }
            Way::Costly => repeat(stream, costly, Duration::ZERO).await,
            Way::Endless => repeat(stream, endless, Duration::ZERO).await,
            Way::Names => repeat(stream, names, Duration::ZERO).await,
            Way::Pipelining => repeat(stream, &small.repeat(20), Duration::ZERO).await,
            Way::Deaf => loop {
                send(&mut stream, answered).await?;
            },
            Way::Resetting => send(&mut stream, small).await,
        }
    }
}

/// Holds a connection until the server ends it.
async fn silent(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    tokio::time::timeout(HELD, stream.read_u8()).await.ok();
    Ok(())
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Sends a byte each second.
async fn slowly(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes {
        send(&mut stream, &[*byte]).await?;
        sleep(Duration::from_secs(1)).await;
    }
    silent(stream).await
}

/// Sends requests again and again, and reads at least the beginning of each answer.
async fn repeat(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    pause: Duration,
) -> io::Result<()> {
    let mut answer = vec![0; 64 << 10];
    loop {
        send(&mut stream, request).await?;
        if stream.read(&mut answer).await? == 0 {
            return Ok(());
        }
        sleep(pause).await;
    }
}
