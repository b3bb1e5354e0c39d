//! `boundtoken serve` as a process that watches the Namespaces of an API server on loopback.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use crate::support::eventually::eventually;
use crate::support::http::HttpClient;
use crate::support::program::Serving;
use crate::support::reviews;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const JSON: &str = "application/json";

/// A Namespace that opted in.
fn namespace(name: &str) -> Value {
    let labels = json!({"boundtoken.dev/webhook": "enabled"});
    let annotations = json!({"example.com/x": "s3cret-marker", "boundtoken.dev/audience": "s3cret-marker"});
    let metadata =
        json!({"name": name, "resourceVersion": "3", "labels": labels, "annotations": annotations});
    json!({"metadata": metadata})
}

/// An object of a list.
fn added(object: &Value) -> String {
    format!("{}\n", json!({"type": "ADDED", "object": object}))
}

/// The bookmark that ends a list.
const END_OF_LIST: &str = r#"{"type":"BOOKMARK","object":{"kind":"Namespace","apiVersion":"v1","metadata":{"resourceVersion":"5","annotations":{"k8s.io/initial-events-end":"true"}}}}
"#;

/// An API server with one Namespace, `web`, until it is told that the Namespace is deleted; and with `default`,
/// which is about to be.
struct ApiServer {
    address: SocketAddr,
    deleted: watch::Sender<bool>,
}

impl ApiServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (deleted, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, receiver.clone()));
            }
        });
        Self { address, deleted }
    }
}

/// Answers one request.
async fn serve(mut stream: TcpStream, mut deleted: watch::Receiver<bool>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.to_lowercase().contains("\r\nauthorization: bearer "), "{head}");
    if head.contains("watch=true") {
        let event = json!({"type": "DELETED", "object": namespace("web")});
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
        if head.contains("sendInitialEvents=true") {
            stream.write_all(added(&namespace("web")).as_bytes()).await.unwrap();
            stream.write_all(END_OF_LIST.as_bytes()).await.unwrap();
        }
        let _ = deleted.wait_for(|deleted| *deleted).await;
        stream.write_all(format!("{event}\n").as_bytes()).await.unwrap();
        let _ = stream.read_u8().await;
        return;
    }
    let (status, body) = if head.starts_with("GET /api/v1/namespaces/default ") {
        let metadata = json!({"name": "default", "deletionTimestamp": "2030-01-01T00:00:00Z"});
        (200, json!({"metadata": metadata}))
    } else {
        (404, json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"}))
    };
    let body = body.to_string();
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// A kubeconfig with a token in a file; the token is for an audience of its own.
pub(super) fn kubeconfig(directory: &tempfile::TempDir, address: SocketAddr) -> PathBuf {
    let token =
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(r#"{"aud":["https://issuer.example"]}"#));
    fs::write(directory.path().join("token"), token).unwrap();
    let path = directory.path().join("kubeconfig");
    let config = json!({
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "u", "user": {"tokenFile": directory.path().join("token")}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    });
    fs::write(&path, config.to_string()).unwrap();
    path
}

pub(super) async fn ready(admin: &mut HttpClient<TcpStream>) {
    eventually("a ready server", async || {
        let answer = admin.get("/readyz").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.body) }
    })
    .await;
}

async fn shows(admin: &mut HttpClient<TcpStream>, path: &str, text: &str) {
    eventually(text, async || {
        let body = admin.get(path).await.body;
        if body.contains(text) { Ok(()) } else { Err(body) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_follows_the_namespaces_of_a_cluster() {
    let api_server = ApiServer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&directory, api_server.address);
    let server = Serving::start_in_cluster(
        directory.path(),
        &kubeconfig,
        &["--shutdown-delay=0", "--log-level=trace"],
    );
    let mut admin = server.admin().await;
    ready(&mut admin).await;
    assert!(admin.get("/readyz?verbose").await.body.starts_with("[+]namespaces ok\n"));
    let mut client = server.webhook().await;
    let answer = client.post("/mutate", JSON, reviews::web(&json!({}))).await;
    assert!(answer.body.contains("JSONPatch"), "{}", answer.body);
    let metrics = admin.get("/metrics").await.body;
    assert!(metrics.contains("boundtoken_namespaces 1\n"));
    assert!(metrics.contains("\nboundtoken_namespace_watch_age_seconds "));
    api_server.deleted.send_replace(true);
    shows(&mut admin, "/metrics", "boundtoken_namespaces 0\n").await;
    let answer = client.post("/mutate", JSON, reviews::web(&json!({}))).await;
    assert!(
        answer.body.contains("\"allowed\":true") && !answer.body.contains("JSONPatch"),
        "{}",
        answer.body
    );
    server.signal(Signal::TERM);
    drop((admin, client));
    let (code, lines) = server.end();
    assert_eq!(code, Some(0), "{lines:?}");
    let token = fs::read_to_string(directory.path().join("token")).unwrap();
    for secret in ["s3cret-marker", &token] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{lines:#?}");
    }
    let audiences = lines.iter().find(|line| line.contains("--api-audiences")).unwrap();
    assert!(audiences.contains("\"audiences\":\"https://issuer.example\""), "{audiences}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uninstalled_server_waits_for_no_idle_connection() {
    let api_server = ApiServer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&directory, api_server.address);
    let server = Serving::start_in_cluster(directory.path(), &kubeconfig, &[]);
    let mut idle = server.webhook().await;
    idle.post("/mutate", JSON, reviews::web(&json!({}))).await;
    server.signal(Signal::TERM);
    // The whole delay is 15 s, and an idle connection alone would take until the deadline, 110 s.
    let began = Instant::now();
    let (code, lines) = server.end();
    assert!(began.elapsed().as_secs() < 15, "{lines:#?}");
    assert_eq!(code, Some(0), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("this install is being removed")), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_api_server_a_server_fails_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&directory, address);
    let server = Serving::start_in_cluster(directory.path(), &kubeconfig, &["--shutdown-delay=0"]);
    let mut admin = server.admin().await;
    shows(&mut admin, "/readyz", "no complete list yet: the API server cannot be asked").await;
    let mut client = server.webhook().await;
    let answer = client.post("/mutate", JSON, reviews::web(&json!({}))).await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.to_lowercase().contains("\r\nretry-after: 1\r\n"), "{}", answer.head);
    server.signal(Signal::TERM);
    drop((admin, client));
    let (code, lines) = server.end();
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("the Namespaces cannot be watched")).count(), 1);
}

/// Namespaces of a list, each with annotations as large as they may be.
const LARGE: usize = 100;
const LARGEST: usize = 256 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_large_namespaces_takes_the_memory_of_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (began, receiver) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_large(stream, receiver.clone()));
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start_in_cluster(directory.path(), &kubeconfig(&directory, address), &[]);
    let mut admin = server.admin().await;
    let before = server.peak_memory();
    began.send_replace(true);
    ready(&mut admin).await;
    assert!(admin.get("/metrics").await.body.contains(&format!("boundtoken_namespaces {LARGE}\n")));
    let grown = server.peak_memory() - before;
    assert!(grown < LARGE * LARGEST / 2, "{grown} bytes for a list of {}", LARGE * LARGEST);
}

/// Lists large Namespaces once it may, and reports nothing else.
async fn serve_large(mut stream: TcpStream, mut began: watch::Receiver<bool>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let is_list = String::from_utf8(head).unwrap().contains("sendInitialEvents=true");
    began.wait_for(|began| *began).await.unwrap();
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
    for number in (0..LARGE).filter(|_| is_list) {
        let mut large = namespace(&format!("large-{number}"));
        large["metadata"]["annotations"]["example.com/large"] = "x".repeat(LARGEST).into();
        stream.write_all(added(&large).as_bytes()).await.unwrap();
    }
    let _ = stream.write_all(END_OF_LIST.as_bytes()).await;
    let _ = stream.read_u8().await;
}
