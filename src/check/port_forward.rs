//! Asks each replica itself for its certificate, `/readyz?verbose` and `/metrics`.
//!
//! The API server forwards the ports by websocket. The kubelet connects inside the network of the Pod, where a
//! `NetworkPolicy` does not apply. The proxy subresource of Pods is no alternative: the shipped `NetworkPolicy` closes the
//! admin port to it, and it does not verify certificates.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Portforwarder;
use kube::{Api, Client};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower::BoxError;

use super::installation::{Cell, Installation, items, name, number, text};
use super::replies::SERVICE_NAME;
use super::workload::{is_ready, running_pods};
use crate::telemetry::{chain, cut};

/// How long a step may take: to forward the ports, the handshake, and both responses.
const LIMIT: Duration = Duration::from_secs(5);

/// How long the end of a port-forward may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How many bytes of a response are read, its head included; `/metrics` has about 10 KB.
const MAX_RESPONSE: u64 = 1024 * 1024;

/// What each running replica answers.
pub(super) async fn replies(client: &Client, installation: &Installation) -> Cell {
    let pods = Api::namespaced(client.clone(), super::NAME);
    let mut replies = Vec::new();
    for pod in running_pods(installation) {
        match reply(&pods, pod).await {
            Cell::Known(reply) => replies.push(reply),
            Cell::Absent => {}
            unread @ (Cell::Failed(_) | Cell::Forbidden(_)) => return unread,
        }
    }
    Cell::Known(replies.into())
}

/// What a replica answers; absent if the Pod is gone.
async fn reply(pods: &Api<Pod>, pod: &Value) -> Cell {
    let [webhook, admin] = [("webhook", 10250), ("admin", 8080)].map(|(name, usual)| port(pod, name, usual));
    let forward = |port| forward(pods, name(pod), port);
    // One port-forward for each connection, since an error on one port ends all of a port-forward.
    let answers = match tokio::try_join!(forward(webhook), forward(admin), forward(admin)) {
        Ok((handshake, readyz, metrics)) => answers([handshake, readyz, metrics], webhook, admin).await,
        Err(Cell::Failed(reason)) => json!({"failed": reason}),
        Err(unread) => return unread,
    };
    let (node, is_ready) = (text(pod, "/spec/nodeName"), is_ready(pod));
    Cell::Known(json!({"pod": name(pod), "node": node, "isReady": is_ready, "answers": answers}))
}

/// Forwards a port, or returns why it cannot.
async fn forward(pods: &Api<Pod>, pod: &str, port: u16) -> Result<Portforwarder, Cell> {
    match timeout(LIMIT, pods.portforward(pod, &[port])).await {
        Ok(Ok(forwarder)) => Ok(forwarder),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(Cell::Absent),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(Cell::Forbidden(status.reason)),
        Ok(Err(error)) => Err(Cell::Failed(cut(&chain(&error)))),
        Err(_) => Err(Cell::Failed(no_answer())),
    }
}

/// What a replica answers on both ports, or why it does not.
async fn answers(ports: [Portforwarder; 3], webhook: u16, admin: u16) -> Value {
    let [for_handshake, for_readyz, for_metrics] = ports;
    let (certificates, readyz, metrics) = tokio::join!(
        on_port(for_handshake, webhook, certificates),
        report(for_readyz, admin, "/readyz?verbose"),
        report(for_metrics, admin, "/metrics"),
    );
    let (chain, handshake) = (certificates.as_ref().ok(), certificates.as_ref().err());
    let admin = readyz.as_ref().err().or_else(|| metrics.as_ref().err());
    let (readyz, metrics) = (readyz.as_ref().ok(), metrics.as_ref().ok());
    json!({"chain": chain, "handshake": handshake, "readyz": readyz, "metrics": metrics, "admin": admin})
}

/// The port of this name, or the usual one if it has no name.
fn port(pod: &Value, name: &str, usual: u16) -> u16 {
    let containers = items(pod, "/spec/containers").iter();
    let mut ports = containers.flat_map(|container| items(container, "/ports"));
    let port = ports.find(|port| text(port, "/name") == name).map(|port| number(port, "/containerPort"));
    port.and_then(|port| u16::try_from(port).ok()).unwrap_or(usual)
}

fn no_answer() -> String {
    format!("no answer within {} s", LIMIT.as_secs())
}

/// Uses a forwarded port, unless the kubelet reports that it cannot connect to it.
async fn on_port<T>(
    mut forwarder: Portforwarder,
    port: u16,
    work: impl AsyncFnOnce(DuplexStream) -> Result<T, BoxError>,
) -> Result<T, String> {
    let (Some(stream), Some(error)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
        return Err(format!("port {port} is not forwarded"));
    };
    // A complete answer counts, whatever the kubelet reports at its end.
    let result = tokio::select! {
        biased;
        result = timeout(LIMIT, work(stream)) => match result {
            Ok(result) => result.map_err(|error| cut(&chain(&*error))),
            Err(_) => Err(no_answer()),
        },
        Some(error) = error => Err(cut(&error)),
    };
    // The last bytes are sent first, so that the replica does not count an incomplete handshake.
    let _ = timeout(CLOSE_LIMIT, forwarder.join()).await;
    result
}

/// The certificates that a replica presents in the handshake, base64 of DER, its own first.
async fn certificates(stream: DuplexStream) -> Result<Vec<String>, BoxError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(ServerName::try_from(SERVICE_NAME)?, stream).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificates = certificates.iter().map(|certificate| STANDARD.encode(certificate)).collect();
    // A replica that requires client certificates has closed the connection already.
    let _ = stream.shutdown().await;
    Ok(certificates)
}

/// The body of a response of the admin port.
async fn report(forwarder: Portforwarder, admin: u16, path: &str) -> Result<String, String> {
    on_port(forwarder, admin, async |stream| body(stream, path).await).await
}

/// The body of a response, whatever its status: `/readyz` has a report also if a check fails.
// A response of HTTP/1.0 has no chunks. hyper's client would need a copy of its code for this kind of stream.
async fn body(mut stream: DuplexStream, path: &str) -> Result<String, BoxError> {
    const INCOMPLETE: &str = "the response is not complete";
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut response = BufReader::new(stream.take(MAX_RESPONSE));
    let (mut line, mut length) = (String::new(), None);
    while response.read_line(&mut line).await? > 0 && !line.trim_end().is_empty() {
        length = length.or_else(|| content_length(&line));
        line.clear();
    }
    // The stream may stay open after the response.
    let mut response = response.take(length.ok_or(INCOMPLETE)?);
    let mut body = String::new();
    response.read_to_string(&mut body).await?;
    if response.limit() > 0 { Err(INCOMPLETE.into()) } else { Ok(body) }
}

/// The bytes of the body, if this line of the head says how many there are.
fn content_length(line: &str) -> Option<u64> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
}

/// Accepts every certificate of which the replica has the key. The check verifies it against the `caBundle`.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::{MAX_RESPONSE, body};

    /// Reads a response that arrives in pieces of this many bytes at most. The stream stays open if the response is whole.
    async fn read(response: &str, piece: usize, is_whole: bool) -> Result<String, String> {
        let (stream, mut replica) = duplex(piece);
        let answer = async move {
            let mut request = [0; "GET /metrics HTTP/1.0\r\n\r\n".len()];
            replica.read_exact(&mut request).await.unwrap();
            // Fails if more is written than is read.
            let _ = replica.write_all(response.as_bytes()).await;
            is_whole.then_some(replica)
        };
        let (body, _replica) = tokio::join!(body(stream, "/metrics"), answer);
        body.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_length_ends_the_body() {
        let response = "HTTP/1.0 503 Service Unavailable\r\nx: y\r\nContent-Length: 5\r\n\r\na: b\nmore";
        for piece in 1..response.len() {
            assert_eq!(read(response, piece, true).await.as_deref(), Ok("a: b\n"), "{piece}");
        }
    }

    #[tokio::test]
    async fn an_incomplete_response_is_an_error() {
        let response = "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\na: b\n";
        for length in 0..response.len() {
            let part = response.get(..length).unwrap();
            assert_eq!(
                read(part, 8, false).await,
                Err("the response is not complete".to_owned()),
                "{part:?}"
            );
        }
        let without_length = "HTTP/1.0 200 OK\r\n\r\na: b\n";
        assert!(read(without_length, 8, false).await.is_err());
    }

    #[tokio::test]
    async fn a_response_of_more_than_the_maximum_is_an_error() {
        let response = |length: usize| {
            let head = format!("HTTP/1.0 200 OK\r\ncontent-length: {length}\r\n\r\n");
            let body = "x".repeat(length);
            (head.len(), head + &body)
        };
        let most = usize::try_from(MAX_RESPONSE).unwrap();
        let (head, _) = response(most);
        let (_, longest) = response(most - head);
        assert_eq!(read(&longest, 64, true).await.unwrap().len(), most - head);
        let (_, longer) = response(most - head + 1);
        assert!(read(&longer, 8192, true).await.is_err());
    }
}
