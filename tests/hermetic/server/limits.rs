//! The timeouts of a connection, with a paused clock.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::support::http::{HttpClient, post_head};
use crate::support::reviews;
use crate::support::server::{TestServer, no_namespaces, settle, start};
use boundtoken::namespaces::Namespaces;
use boundtoken::policy::NamespaceSettings;
use boundtoken::server::limits;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::time::{Instant, advance, sleep};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whole seconds since a moment, without the moments that tasks need to settle.
fn elapsed(since: Instant) -> u64 {
    since.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn connections_leave_no_task_behind() {
    let server = start(no_namespaces(), 512);
    server.connect().await.get("/").await;
    settle().await;
    let base = Handle::current().metrics().num_alive_tasks();
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(server.connect().await);
    }
    assert_eq!(Handle::current().metrics().num_alive_tasks(), base + 200);
    assert!(server.metrics.text().contains("boundtoken_connections 200\n"));
    drop(clients);
    settle().await;
    assert!(server.metrics.text().contains("boundtoken_connections 0\n"));
    assert_eq!(Handle::current().metrics().num_alive_tasks(), base);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_shake_hands_is_dropped() {
    let server = start(no_namespaces(), 512);
    let mut silent = server.dial();
    let began = Instant::now();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), limits::HANDSHAKE_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn each_failed_accept_is_followed_by_a_pause() {
    let server = start(no_namespaces(), 512);
    let began = Instant::now();
    for _ in 0..7 {
        server.webhook.send(Err(io::Error::from_raw_os_error(24))).unwrap();
    }
    assert_eq!(server.connect().await.get("/").await.status, 404);
    assert_eq!(elapsed(began), 7 * limits::ACCEPT_BACKOFF.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_ends_ten_seconds_after_its_first_byte() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    client.get("/").await;
    sleep(seconds(60)).await;
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\n").await;
    let (mut reader, mut writer) = tokio::io::split(client.0);
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"x: y\r\n").await.is_ok() {
            sleep(seconds(1)).await;
        }
    });
    let _ = reader.read_to_end(&mut Vec::new()).await;
    assert_eq!(elapsed(began), limits::HEAD_TIMEOUT.as_secs());
    trickle.abort();
}

#[tokio::test(start_paused = true)]
async fn the_head_timeout_restarts_with_each_request() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    for _ in 0..4 {
        client.send("GET / HTTP/1.1\r\n").await;
        sleep(seconds(6)).await;
        client.send("host: localhost\r\n\r\n").await;
        assert_eq!(client.response().await.unwrap().status, 404);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_answered_with_408() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    let began = Instant::now();
    client.send(post_head("/mutate", "application/json", 1000)).await;
    for _ in 0..9 {
        client.send("x").await;
        sleep(seconds(1)).await;
    }
    let answer = client.response().await.unwrap();
    assert_eq!((answer.status, elapsed(began)), (408, limits::BODY_TIMEOUT.as_secs()));
    assert!(answer.closes());
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_gives_its_memory_back_to_others_of_its_address() {
    let server = start(no_namespaces(), 512);
    let mut clients = Vec::new();
    for _ in 0..limits::BUFFERED_BYTES / limits::BODY_BYTES {
        clients.push(begin_large(&server, limits::BODY_BYTES - 1).await);
    }
    settle().await;
    let large = " ".repeat(2 * limits::SMALL_BODY_BYTES);
    let began = Instant::now();
    let mut late = server.connect().await;
    assert_eq!(late.post("/mutate", "application/json", &large).await.status, 400);
    assert_eq!(elapsed(began), limits::SLOW.as_secs());
    let mut ended = 0;
    for client in &mut clients {
        match client.response().await {
            Some(answer) => assert_eq!(answer.status, 408),
            None => ended += 1,
        }
    }
    assert_eq!(ended, 1);
}

#[tokio::test(start_paused = true)]
async fn announced_bytes_take_no_memory_until_they_arrive() {
    let server = start(no_namespaces(), 512);
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(begin_large(&server, limits::SMALL_BODY_BYTES + 1).await);
    }
    let began = Instant::now();
    let large = " ".repeat(2 * limits::SMALL_BODY_BYTES);
    assert_eq!(server.connect().await.post("/mutate", "application/json", large).await.status, 400);
    assert_eq!(elapsed(began), 0);
}

/// Sends the head of the largest request, and so much of its body.
async fn begin_large(server: &TestServer, sent: usize) -> HttpClient<impl AsyncRead + AsyncWrite + Unpin> {
    let mut client = server.connect().await;
    client.send(post_head("/mutate", "application/json", limits::BODY_BYTES)).await;
    client.send(" ".repeat(sent)).await;
    client
}

#[tokio::test(start_paused = true)]
async fn responses_count_until_they_are_written() {
    let settings = NamespaceSettings::parse("web", [("boundtoken.dev/mode", "add")], &Arc::default());
    let server = start(Arc::new(Namespaces::new([("web".into(), Arc::new(settings))].into())), 512);
    let review = review_with_a_large_answer();
    let answer = server.connect().await.post("/mutate", "application/json", review.clone()).await;
    let mut silent = Vec::new();
    for _ in 0..limits::BUFFERED_BYTES / answer.body.len() {
        let mut client = server.connect().await;
        client.send(post_head("/mutate", "application/json", review.len())).await;
        client.send(&review).await;
        silent.push(client);
    }
    settle().await;
    // The oldest responses that are not read give their memory back after a second.
    let began = Instant::now();
    let mut late = server.connect().await;
    let response = late.post("/mutate", "application/json", review.clone()).await;
    assert_eq!((response.status, elapsed(began)), (200, limits::SLOW.as_secs()));
    assert_eq!(response.body, answer.body);
    let mut ended = 0;
    for client in &mut silent {
        ended += u32::from(client.response().await.is_none());
    }
    assert!((1..=3).contains(&ended), "{ended}");
}

/// A small Pod with many containers.
fn review_with_a_large_answer() -> String {
    let mut review: Value = serde_json::from_str(&reviews::web(&json!({}))).unwrap();
    let containers = review["request"]["object"]["spec"]["containers"].as_array_mut().unwrap();
    containers.extend((0..4000).map(|number| json!({"name": format!("{number}")})));
    review.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_not_taken_for_a_slow_head() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    client.send("POST /mutate HTTP/1.1\r\ncontent-type: application/json\r\n").await;
    sleep(seconds(6)).await;
    client.send("host: localhost\r\ncontent-length: 2\r\n\r\n{").await;
    sleep(seconds(6)).await;
    client.send("}").await;
    assert_eq!(client.response().await.unwrap().status, 400);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_outlives_the_pool_of_the_api_server() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    for _ in 0..3 {
        sleep(seconds(100)).await;
        assert_eq!(client.get("/").await.status, 404);
    }
    let began = Instant::now();
    client.closed().await;
    assert_eq!(elapsed(began), limits::IDLE_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_no_responses_is_dropped() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    let began = Instant::now();
    // Pipelined requests, until the pipe is full of responses that are not read.
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    while client.0.write_all(&request).await.is_ok() {}
    assert_eq!(elapsed(began), limits::RESPONSE_TIMEOUT.as_secs());
}

/// hyper reads on past a body that no handler reads.
#[tokio::test(start_paused = true)]
async fn a_client_that_expects_to_continue_and_reads_no_responses_is_dropped() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    let began = Instant::now();
    let request =
        b"GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx".repeat(100);
    while client.0.write_all(&request).await.is_ok() {}
    assert_eq!(elapsed(began), limits::RESPONSE_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_all_answered() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    let post = post_head("/mutate", "application/json", 2) + "{}";
    client.send(post.repeat(3) + &post[..30]).await;
    for _ in 0..3 {
        assert_eq!(client.response().await.unwrap().status, 400);
    }
    client.send(&post[30..]).await;
    assert_eq!(client.response().await.unwrap().status, 400);
    sleep(limits::IDLE_TIMEOUT.saturating_sub(seconds(1))).await;
    assert_eq!(client.get("/").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn an_unused_connection_has_the_idle_timeout() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    advance(seconds(95)).await;
    assert_eq!(client.get("/").await.status, 404);
}
