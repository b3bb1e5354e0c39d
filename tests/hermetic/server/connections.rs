//! Who makes room when every place is taken. Time stands still in these tests.

use std::sync::Arc;
use std::time::Duration;

use crate::support::http::{HttpClient, post_head};
use crate::support::reviews;
use crate::support::server::{TestServer, no_namespaces, settle, start};
use boundtoken::namespaces::{Lookup, NamespaceStore};
use boundtoken::server::limits;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether the server has ended a connection on which nothing else is to be read.
async fn is_ended<S: AsyncRead + Unpin>(client: &mut HttpClient<S>) -> bool {
    timeout(Duration::from_millis(1), client.0.read(&mut [0])).await.is_ok()
}

/// A connection that sends the body of a request slowly.
async fn slow(server: &TestServer) -> HttpClient<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    let mut client = server.connect().await;
    client.send(post_head("/mutate", "application/json", 2)).await;
    client.send("{").await;
    client
}

#[tokio::test(start_paused = true)]
async fn silent_connections_do_not_keep_out_others() {
    let server = start(no_namespaces(), 512);
    let silent: Vec<_> = (0..512).map(|_| server.dial()).collect();
    let mut idle = Vec::new();
    for _ in 0..512 {
        idle.push(server.connect().await);
    }
    let began = Instant::now();
    assert_eq!(server.connect().await.get("/").await.status, 404);
    assert!(began.elapsed() < seconds(1));
    assert!(server.metrics.text().contains("boundtoken_connections 512\n"));
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn unserved_connections_are_evicted_before_idle_ones() {
    let server = start(no_namespaces(), 3);
    let (mut early, mut late) = (server.connect().await, server.connect().await);
    late.get("/").await;
    sleep(seconds(1)).await;
    early.get("/").await;
    let mut unused = server.connect().await;
    let mut first = server.connect().await;
    first.get("/").await;
    assert!(is_ended(&mut unused).await);
    assert!(!is_ended(&mut late).await);
    let mut second = server.connect().await;
    second.get("/").await;
    assert!(is_ended(&mut late).await);
    for client in [&mut early, &mut first, &mut second] {
        assert_eq!(client.get("/").await.status, 404);
    }
}

/// Knows nothing, and takes five seconds to say so.
#[derive(Debug)]
struct Slow;

impl NamespaceStore for Slow {
    fn cached(&self, _name: &str) -> Option<Lookup> {
        None
    }

    async fn fetch(&self, _name: &str) -> Lookup {
        sleep(seconds(5)).await;
        Lookup::Unavailable
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_is_answered_however_many_wait() {
    let server = start(Arc::new(Slow), 2);
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    let body = reviews::web(&json!({}));
    let request = post_head("/mutate", "application/json", body.len()) + &body;
    one.send(&request).await;
    other.send(&request).await;
    let began = Instant::now();
    assert_eq!(server.connect().await.get("/").await.status, 404);
    // The place becomes free when the first one has its answer, and is kept alive no longer.
    assert_eq!(began.elapsed().as_secs(), 5);
    let mut ended = 0;
    for client in [&mut one, &mut other] {
        assert_eq!(client.response().await.unwrap().status, 503);
        ended += u8::from(is_ended(client).await);
    }
    assert_eq!(ended, 1);
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_are_evicted_before_served_connections() {
    let server = start(no_namespaces(), 512);
    let mut earlier = server.connect().await;
    assert_eq!(earlier.get("/").await.status, 404);
    let mut arriving = Vec::new();
    for _ in 0..511 {
        arriving.push(slow(&server).await);
    }
    let began = Instant::now();
    let mut others = Vec::new();
    for _ in 0..48 {
        others.push(server.connect().await);
        assert_eq!(others.last_mut().unwrap().get("/").await.status, 404);
    }
    assert!(began.elapsed() < seconds(2), "{:?}", began.elapsed());
    assert_eq!(earlier.get("/").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn slow_heads_are_evicted_before_served_connections() {
    let server = start(no_namespaces(), 3);
    let mut earlier = server.connect().await;
    earlier.get("/").await;
    for _ in 0..2 {
        let mut client = server.connect().await;
        client.get("/").await;
        client.send("POST /mutate HTTP/1.1\r\n").await;
        tokio::spawn(async move { client.closed().await });
    }
    settle().await;
    let began = Instant::now();
    assert_eq!(server.connect().await.get("/").await.status, 404);
    assert!(began.elapsed() < seconds(2), "{:?}", began.elapsed());
    assert_eq!(earlier.get("/").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_evicted_while_bodies_arrive() {
    let server = start(no_namespaces(), 2);
    let mut idle = server.connect().await;
    idle.get("/").await;
    let mut steady = slow(&server).await;
    let steady = tokio::spawn(async move {
        loop {
            sleep(limits::SLOW / 2).await;
            steady.send("}").await;
            assert_eq!(steady.response().await.unwrap().status, 400);
            steady.send(post_head("/mutate", "application/json", 2)).await;
            steady.send("{").await;
        }
    });
    let began = Instant::now();
    assert_eq!(server.connect().await.get("/").await.status, 404);
    assert!(began.elapsed() < seconds(2), "{:?}", began.elapsed());
    assert!(is_ended(&mut idle).await && !steady.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_response_is_completed_before_an_eviction() {
    let server = start(no_namespaces(), 1);
    let mut client = server.connect_admin();
    // More answers than the pipe holds.
    client.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(50)).await;
    settle().await;
    let mut others = Vec::new();
    for _ in 0..limits::ADMIN_CONNECTIONS {
        others.push(server.connect_admin());
        assert_eq!(others.last_mut().unwrap().get("/livez").await.body, "ok");
    }
    assert!(is_ended(&mut others[0]).await);
    for _ in 0..50 {
        assert_eq!(client.response().await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn silent_connections_do_not_keep_out_probes() {
    let server = start(no_namespaces(), 512);
    let mut silent: Vec<_> = (0..limits::ADMIN_CONNECTIONS).map(|_| server.connect_admin()).collect();
    let began = Instant::now();
    settle().await;
    assert_eq!(server.connect_admin().get("/livez").await.body, "ok");
    assert!(began.elapsed() < seconds(1));
    silent.last_mut().unwrap().closed().await;
    assert_eq!(began.elapsed().as_secs(), limits::ADMIN_IDLE.as_secs());
}
