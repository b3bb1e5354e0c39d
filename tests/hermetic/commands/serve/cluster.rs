//! `boundtoken serve` as a process that watches the Namespaces of an API server on loopback.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::eventually::{eventually, eventually_within};
use crate::support::http::HttpClient;
use crate::support::program::Serving;
use crate::support::reviews;
use crate::support::scripted_api::{self, END_OF_LIST, OK, event, kubeconfig, write_token};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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

/// An API server with one Namespace, `web`, until `deleted` is set; and with `default`, which is about to be deleted.
async fn start() -> (SocketAddr, watch::Sender<bool>) {
    let (deleted, receiver) = watch::channel(false);
    (scripted_api::start(move |head, stream| respond(head, stream, receiver.clone())).await, deleted)
}

async fn respond(head: String, mut stream: TcpStream, mut deleted: watch::Receiver<bool>) {
    assert!(head.to_lowercase().contains("\r\nauthorization: bearer "), "{head}");
    if head.contains("watch=true") {
        let web = namespace("web").to_string();
        stream.write_all(OK).await.unwrap();
        if head.contains("sendInitialEvents=true") {
            let list = [event("ADDED", &web), event("BOOKMARK", END_OF_LIST)].concat();
            stream.write_all(&list).await.unwrap();
        }
        let _ = deleted.wait_for(|deleted| *deleted).await;
        stream.write_all(&event("DELETED", &web)).await.unwrap();
        let _ = stream.read_u8().await;
        return;
    }
    let (status, body) = if head.starts_with("GET /api/v1/namespaces/default ") {
        let metadata = json!({"name": "default", "deletionTimestamp": "2030-01-01T00:00:00Z"});
        (200, json!({"metadata": metadata}))
    } else {
        (404, json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"}))
    };
    let response = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(response.as_bytes()).await.unwrap();
}

pub(super) async fn ready(admin: &mut HttpClient<TcpStream>) {
    eventually("a ready server", async || {
        let answer = admin.get("/readyz").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.body) }
    })
    .await;
}

/// The patch of a response, as text.
pub(super) fn patch_of(body: &str) -> String {
    let response: Value = serde_json::from_str(body).unwrap();
    let patch = response["response"]["patch"].as_str().unwrap_or_default();
    String::from_utf8(BASE64_STANDARD.decode(patch).unwrap()).unwrap()
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
    let (address, deleted) = start().await;
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(directory.path(), address);
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
    deleted.send_replace(true);
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
    let (address, _deleted) = start().await;
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(directory.path(), address);
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
    let kubeconfig = kubeconfig(directory.path(), address);
    let server = Serving::start_in_cluster(directory.path(), &kubeconfig, &["--shutdown-delay=0"]);
    let mut admin = server.admin().await;
    shows(&mut admin, "/readyz", "no complete list yet: the API server cannot be reached").await;
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

/// The server looks for a new token every five seconds.
const RENEWED: Duration = Duration::from_secs(30);

/// A second issuer is a new audience of the API server, and the next token of each Pod names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audiences_of_a_renewed_token_are_those_of_the_api_server() {
    let address = scripted_api::start(look_up_only).await;
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start_in_cluster(directory.path(), &kubeconfig(directory.path(), address), &[]);
    ready(&mut server.admin().await).await;
    let mut client = server.webhook().await;
    let answer = client.post("/mutate", JSON, reviews::web(&json!({}))).await;
    assert!(patch_of(&answer.body).contains("s3cret-marker"), "{}", answer.body);
    write_token(directory.path(), &["https://issuer.example", "s3cret-marker"]);
    eventually_within(RENEWED, "the new audience", async || {
        let answer = client.post("/mutate", JSON, reviews::web(&json!({}))).await;
        let patch = patch_of(&answer.body);
        if patch.contains("3600") && !patch.contains("s3cret-marker") { Ok(()) } else { Err(answer.body) }
    })
    .await;
}

/// An API server that lists no Namespace, and answers each lookup with `web`, whose tokens have an audience.
async fn look_up_only(head: String, mut stream: TcpStream) {
    if head.contains("watch=true") {
        let _ = stream.write_all(&[OK, &event("BOOKMARK", END_OF_LIST)].concat()).await;
        let _ = stream.read_u8().await;
    } else {
        let _ = stream.write_all(&[OK, namespace("web").to_string().as_bytes()].concat()).await;
    }
}

/// Namespaces of a list, each with annotations as large as they may be.
const LARGE: usize = 100;
const LARGEST: usize = 256 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_large_namespaces_takes_the_memory_of_one() {
    let (began, receiver) = watch::channel(false);
    let address = scripted_api::start(move |head, stream| list_large(head, stream, receiver.clone())).await;
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start_in_cluster(directory.path(), &kubeconfig(directory.path(), address), &[]);
    let mut admin = server.admin().await;
    let before = server.peak_memory();
    began.send_replace(true);
    ready(&mut admin).await;
    assert!(admin.get("/metrics").await.body.contains(&format!("boundtoken_namespaces {LARGE}\n")));
    let grown = server.peak_memory() - before;
    assert!(grown < LARGE * LARGEST / 2, "{grown} bytes for a list of {}", LARGE * LARGEST);
}

/// Lists large Namespaces once it may, and reports nothing else.
async fn list_large(head: String, mut stream: TcpStream, mut began: watch::Receiver<bool>) {
    began.wait_for(|began| *began).await.unwrap();
    let _ = stream.write_all(OK).await;
    for number in (0..LARGE).filter(|_| head.contains("sendInitialEvents=true")) {
        let mut large = namespace(&format!("large-{number}"));
        large["metadata"]["annotations"]["example.com/large"] = "x".repeat(LARGEST).into();
        stream.write_all(&event("ADDED", large.to_string())).await.unwrap();
    }
    let _ = stream.write_all(&event("BOOKMARK", END_OF_LIST)).await;
    let _ = stream.read_u8().await;
}
