//! `boundtoken serve` while an API server sends `managedFields` that are not UTF-8, which everyone who may patch a
//! Namespace can make it store.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::cluster::{patch_of, ready};
use crate::support::eventually::eventually_within;
use crate::support::program::Serving;
use crate::support::reviews;
use crate::support::scripted_api::{self, END_OF_LIST, OK, event, kubeconfig};

/// A change of another Namespace is in force within this time.
const SOON: Duration = Duration::from_secs(1);

/// Keys that the API server stores and sends as they are.
const POISON: [&[u8]; 3] = [b"f:\xff", b"f:\\ud800", b"f:\xf0\x9f"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn managed_fields_that_are_not_utf8_stop_neither_the_list_nor_the_watch() {
    for poison in POISON {
        let (step, receiver) = watch::channel(0);
        let address =
            scripted_api::start(move |head, stream| respond(head, stream, poison, receiver.clone())).await;
        let directory = tempfile::tempdir().unwrap();
        let server = Serving::start_in_cluster(directory.path(), &kubeconfig(directory.path(), address), &[]);
        let mut admin = server.admin().await;
        ready(&mut admin).await;
        let mut client = server.webhook().await;
        for (number, lifetime) in [(1, 7200), (2, 10_800)] {
            step.send_replace(number);
            let expected = format!("expirationSeconds\",\"value\":{lifetime}");
            eventually_within(SOON, &expected, async || {
                let answer = client.post("/mutate", "application/json", reviews::web(&json!({}))).await;
                let patch = patch_of(&answer.body);
                if patch.contains(&expected) { Ok(()) } else { Err((patch, answer.body)) }
            })
            .await;
        }
        assert!(admin.get("/readyz?verbose").await.body.starts_with("[+]namespaces ok\n"));
    }
}

/// Responds as an API server with two Namespaces: one is poisoned, and `web` changes after it at each step.
async fn respond(head: String, mut stream: TcpStream, poison: &[u8], mut step: watch::Receiver<u8>) {
    if !head.contains("watch=true") {
        // Without live lookups, only the watch can report the change.
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n{}").await;
        return;
    }
    let _ = stream.write_all(OK).await;
    if head.contains("sendInitialEvents=true") {
        let (poisoned, web) = (namespace("poisoned", 1, poison), namespace("web", 1, b"f:a"));
        let list = [event("ADDED", poisoned), event("ADDED", web), event("BOOKMARK", END_OF_LIST)];
        let _ = stream.write_all(&list.concat()).await;
    }
    for number in [1, 2] {
        let _ = step.wait_for(|step| *step >= number).await;
        let (poisoned, web) = (namespace("poisoned", number, poison), namespace("web", number + 1, b"f:a"));
        let _ = stream.write_all(&[event("MODIFIED", poisoned), event("MODIFIED", web)].concat()).await;
    }
    let _ = stream.read_u8().await;
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
