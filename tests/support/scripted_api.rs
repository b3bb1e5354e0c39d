//! An API server on loopback whose responses a test writes byte by byte.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// The head of a response that ends when its connection closes.
pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

/// The subject of a token of boundtoken's ServiceAccount.
const SUBJECT: &str = "system:serviceaccount:boundtoken:boundtoken";

/// The object of the bookmark that ends a list of Namespaces.
pub(crate) const END_OF_LIST: &str = r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"resourceVersion":"5","annotations":{"k8s.io/initial-events-end":"true"}}}"#;

/// Passes each connection to `respond`, with the head of its first request.
pub(crate) async fn start<F>(respond: impl Fn(String, TcpStream) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, respond) = (listener.local_addr().unwrap(), Arc::new(respond));
    tokio::spawn(async move {
        loop {
            let ((mut stream, _), respond) = (listener.accept().await.unwrap(), Arc::clone(&respond));
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                respond(String::from_utf8(head).unwrap(), stream).await;
            });
        }
    });
    address
}

/// A watch event.
pub(crate) fn event(kind: &str, object: impl AsRef<[u8]>) -> Vec<u8> {
    [format!(r#"{{"type":"{kind}","object":"#).as_bytes(), object.as_ref(), b"}\n"].concat()
}

/// Writes a kubeconfig for this API server, with a token in a file; the token has another audience.
pub(crate) fn kubeconfig(directory: &Path, address: SocketAddr) -> PathBuf {
    let (path, token) = (directory.join("kubeconfig"), write_token(directory, &["https://issuer.example"]));
    let config = json!({
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "u", "user": {"tokenFile": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    });
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// Writes the token of the kubeconfig.
pub(crate) fn write_token(directory: &Path, audiences: &[&str]) -> PathBuf {
    let path = directory.join("token");
    let claims = BASE64_URL_SAFE_NO_PAD.encode(json!({"sub": SUBJECT, "aud": audiences}).to_string());
    fs::write(&path, format!("e30.{claims}.c2ln")).unwrap();
    path
}
