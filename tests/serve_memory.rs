//! The memory that `boundtoken serve` takes for requests that are made to take much.
//!
//! A program of its own, because a machine that runs other tests beside it reads too few of the bodies in time.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod support;

use std::time::Duration;

use crate::support::http::post_head;
use crate::support::program::Serving;
use crate::support::reviews;
use crate::support::scripted_api::kubeconfig;
use boundtoken::server::limits::BUFFERED_BYTES;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

const JSON: &str = "application/json";

/// The most memory that a parsed object takes, in addition to its text, in bytes.
const PARSED: usize = 32 << 20;

/// Their Namespace is unknown, and the API server does not respond.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_waiting_for_a_lookup_hold_only_their_body() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(directory.path(), silent.local_addr().unwrap());
    let server = Serving::start_in_cluster(directory.path(), &kubeconfig, &[]);
    let before = server.peak_memory();
    let (small, large) = (review(2_500), review(12_000));
    assert!(small.len() < 64 * 1024, "{}", small.len());
    let reviews = (0..128).map(|number| if number % 8 == 0 { &large } else { &small });
    let text: usize = reviews.clone().map(String::len).sum();
    let answers =
        reviews.map(async |review| server.webhook().await.post("/mutate", JSON, review.clone()).await.status);
    // A body may be too late for a machine that has to read so many.
    assert!(join_all(answers).await.iter().all(|status| [408, 503].contains(status)));
    let grown = server.peak_memory() - before;
    assert!(grown < 3 * text + PARSED, "{grown} bytes for {text} bytes of requests");
}

/// Its bytes are not UTF-8, and each finding is about the container of this name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_megabytes_is_held_a_few_times() {
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &[]);
    let body = endless_name(7 << 20);
    let before = server.peak_memory();
    let response = server.webhook().await.post("/mutate", JSON, &body).await;
    assert!(response.status == 200 && response.body.contains("BT056"), "{response:?}");
    let (grown, size) = (server.peak_memory() - before, body.len());
    assert!(grown < 5 * size, "{grown} bytes for a body of {size}");
}

/// A Pod whose container has a name of so many bytes, and mounts its token many times by `subPath`.
fn endless_name(length: usize) -> Vec<u8> {
    let mut review: Value = serde_json::from_str(&reviews::web(&json!({}))).unwrap();
    let container = &mut review["request"]["object"]["spec"]["containers"][0];
    container["name"] = "ENDLESS".into();
    let mount = json!({"name": "kube-api-access-abcde", "mountPath": "/m", "subPath": "token"});
    container["volumeMounts"].as_array_mut().unwrap().extend(vec![mount; 70]);
    let review = review.to_string();
    let (before, after) = review.split_once("ENDLESS").unwrap();
    [before.as_bytes(), &vec![0xff; length], after.as_bytes()].concat()
}

/// Each sends requests until the server reads no more, and reads none of the large answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_hold_little_memory() {
    let directory = tempfile::tempdir().unwrap();
    let server = Serving::start(directory.path(), reviews::NAMESPACES, &[]);
    let mut review: Value =
        serde_json::from_str(&reviews::web(&json!({"boundtoken.dev/mode": "add"}))).unwrap();
    let containers = review["request"]["object"]["spec"]["containers"].as_array_mut().unwrap();
    containers.extend((0..400).map(|number| json!({"name": format!("c{number}")})));
    let body = review.to_string();
    let request = post_head("/mutate", JSON, body.len()) + &body;
    let answer = server.webhook().await.post("/mutate", JSON, &body).await.body;
    assert!(answer.len() > 32 << 10, "{}", answer.len());
    let before = server.peak_memory();
    let mut deaf = Vec::new();
    for _ in 0..500 {
        let mut client = server.webhook().await;
        let requests = async { while client.0.write_all(request.as_bytes()).await.is_ok() {} };
        let _ = timeout(Duration::from_millis(20), requests).await;
        deaf.push(client);
    }
    let grown = server.peak_memory() - before;
    assert!(grown < BUFFERED_BYTES + deaf.len() * (96 << 10), "{grown} bytes for {} clients", deaf.len());
}

/// A Pod whose containers take many times their text.
fn review(containers: usize) -> String {
    let mut review: Value = serde_json::from_str(&reviews::web(&json!({}))).unwrap();
    review["request"]["object"]["spec"]["containers"] =
        vec![json!({"volumeMounts": [{}]}); containers].into();
    review.to_string()
}
