//! A proxy of etcd that can hold back its responses, so that an API server observes changes late.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy of etcd.
pub(crate) struct EtcdProxy {
    pub(crate) port: u16,
    held: watch::Sender<bool>,
}

impl EtcdProxy {
    /// Listens on loopback, and forwards everything until [`Self::hold`].
    pub(crate) async fn start(etcd: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (held, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let Ok(server) = TcpStream::connect(("127.0.0.1", etcd)).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (_open, never) = watch::channel(false);
                tokio::spawn(pass(from_client, to_server, never));
                tokio::spawn(pass(from_server, to_client, receiver.clone()));
            }
        });
        Self { port, held }
    }

    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }
}

/// Forwards bytes, unless they are held back.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut held: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        // An error means that the proxy is gone.
        let _ = held.wait_for(|held| !held).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
