//! `boundtoken serve` while an API server sends what it must store for anybody who may patch a Namespace:
//! `managedFields` that are not UTF-8.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::cluster::{kubeconfig, ready};
use crate::support::eventually::eventually_within;
use crate::support::program::Serving;
use crate::support::reviews;

/// A change of another Namespace is in force within this time.
const SOON: Duration = Duration::from_secs(1);

/// Keys that the API server stores and sends as they are.
const POISON: [&[u8]; 3] = [b"f:\xff", b"f:\\ud800", b"f:\xf0\x9f"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn managed_fields_that_are_not_utf8_stop_neither_the_list_nor_the_watch() {
    for poison in POISON {
        let (step, receiver) = watch::channel(0);
        let address = start(poison, receiver).await;
        let directory = tempfile::tempdir().unwrap();
        let server = Serving::start_in_cluster(directory.path(), &kubeconfig(&directory, address), &[]);
        let mut admin = server.admin().await;
        ready(&mut admin).await;
        let mut client = server.webhook().await;
        for (number, lifetime) in [(1, 7200), (2, 10_800)] {
            step.send_replace(number);
            let expected = format!("expirationSeconds\",\"value\":{lifetime}");
            eventually_within(SOON, &expected, async || {
                let answer = client.post("/mutate", "application/json", reviews::web(&json!({}))).await;
                let patch = decode(&answer.body);
                if patch.contains(&expected) { Ok(()) } else { Err((patch, answer.body)) }
            })
            .await;
        }
        assert!(admin.get("/readyz?verbose").await.body.starts_with("[+]namespaces ok\n"));
    }
}

/// The patch of a response, as text.
fn decode(body: &str) -> String {
    use base64::Engine;
    let response: Value = serde_json::from_str(body).unwrap();
    let patch = response["response"]["patch"].as_str().unwrap_or_default();
    String::from_utf8(base64::prelude::BASE64_STANDARD.decode(patch).unwrap()).unwrap()
}

/// An API server with two Namespaces: one is poisoned, and `web` changes after it at each step.
async fn start(poison: &'static [u8], step: watch::Receiver<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, poison, step.clone()));
        }
    });
    address
}

/// Answers one request: a list as events or as a page, and the same events to each watch.
async fn serve(mut stream: TcpStream, poison: &[u8], mut step: watch::Receiver<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let (poisoned, web) = (namespace("poisoned", 1, poison), namespace("web", 1, b"f:a"));
    let is_list = head.contains("sendInitialEvents=true");
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    if is_list {
        answer.extend([event("ADDED", &poisoned), event("ADDED", &web)].concat());
        let annotations = json!({"k8s.io/initial-events-end": "true"});
        let metadata = json!({"resourceVersion": "5", "annotations": annotations});
        let end = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": metadata});
        answer.extend(event("BOOKMARK", end.to_string().as_bytes()));
    } else if head.starts_with("GET /api/v1/namespaces?") && !head.contains("watch=true") {
        let items = [&*poisoned, b",", &*web].concat();
        answer.extend([br#"{"metadata":{"resourceVersion":"5"},"items":["#, &*items, b"]}"].concat());
    } else if !head.contains("watch=true") {
        // A live look-up: so it is the watch that must report the change.
        answer = b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n{}".to_vec();
    }
    let _ = stream.write_all(&answer).await;
    for number in [1, 2].into_iter().filter(|_| head.contains("watch=true")) {
        let _ = step.wait_for(|step| *step >= number).await;
        let (poisoned, web) = (namespace("poisoned", number, poison), namespace("web", number + 1, b"f:a"));
        let events = [event("MODIFIED", &poisoned), event("MODIFIED", &web)].concat();
        let _ = stream.write_all(&events).await;
    }
    if head.contains("watch=true") {
        let _ = stream.read_u8().await;
    }
}

fn event(kind: &str, object: &[u8]) -> Vec<u8> {
    [format!(r#"{{"type":"{kind}","object":"#).as_bytes(), object, b"}\n"].concat()
}

/// A Namespace with a `ttl` of so many hours, and with this key in its `managedFields`.
fn namespace(name: &str, hours: u8, key: &[u8]) -> Vec<u8> {
    let metadata = json!({
        "name": name,
        "resourceVersion": (5 + 2 * hours).to_string(),
        "labels": {"boundtoken.dev/webhook": "enabled"},
        "annotations": {"boundtoken.dev/ttl": format!("{hours}h")},
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"KEY": {}}}],
    });
    let text = json!({"metadata": metadata}).to_string();
    let (before, after) = text.split_once("KEY").unwrap();
    [before.as_bytes(), key, after.as_bytes()].concat()
}
