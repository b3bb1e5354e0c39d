//! Kept-alive TLS connections that repeat one request.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Result;

/// Connections to one server.
pub(super) struct Clients {
    connections: Vec<TlsStream<TcpStream>>,
    request: Arc<[u8]>,
}

impl Clients {
    pub(super) async fn connect(address: &str, roots: &Path, request: &[u8], count: u32) -> Result<Self> {
        let connector = connector(roots)?;
        let mut connections = Vec::new();
        for _ in 0..count {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            connections.push(connector.connect(ServerName::try_from("localhost")?, stream).await?);
        }
        Ok(Self { connections, request: request.into() })
    }

    /// Sends one request. Returns the body of the response.
    pub(super) async fn ask_once(&mut self) -> Result<Vec<u8>> {
        ask(self.connections.first_mut().ok_or("no connection")?, &self.request).await
    }

    /// Sends this many requests, spread evenly over all connections at the same time.
    pub(super) async fn ask(&mut self, requests: u32) -> Result<()> {
        let each = requests / u32::try_from(self.connections.len())?;
        let mut tasks = JoinSet::new();
        for mut connection in self.connections.drain(..) {
            let request = Arc::clone(&self.request);
            tasks.spawn(async move {
                for _ in 0..each {
                    ask(&mut connection, &request).await?;
                }
                Result::Ok(connection)
            });
        }
        while let Some(connection) = tasks.join_next().await {
            self.connections.push(connection??);
        }
        Ok(())
    }
}

/// A whole request to `/mutate` as an API server sends it.
pub(super) fn request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /mutate?timeout=5s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-apiserver-admission\r\n\
         Content-Type: application/json\r\nAccept-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn ask(connection: &mut TlsStream<TcpStream>, request: &[u8]) -> Result<Vec<u8>> {
    connection.write_all(request).await?;
    connection.flush().await?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        if connection.read_buf(&mut buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("a response without a length")?.parse()?;
            if !head.starts_with("http/1.1 200") {
                return Err(head.into());
            }
            if buffer.len() == end + 4 + length {
                return Ok(buffer.split_off(end + 4));
            }
        }
    }
}

fn connector(roots: &Path) -> Result<TlsConnector> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots)? {
        store.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}
