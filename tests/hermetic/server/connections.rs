//! Which connection ends when there are too many, and what one client address can do to another. Time is paused.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::http::{HttpClient, post_head};
use crate::support::reviews;
use crate::support::server::{API_SERVER, TestServer, no_namespaces, settle, start};
use boundtoken::namespaces::{Lookup, NamespaceStore};
use boundtoken::server::limits;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;

type Connection = HttpClient<TlsStream<DuplexStream>>;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn attacker(number: u8) -> IpAddr {
    [10, 1, 0, number].into()
}

/// Whether the server has ended a connection on which nothing else is to be read.
async fn is_ended<S: AsyncRead + Unpin>(client: &mut HttpClient<S>) -> bool {
    timeout(Duration::from_millis(1), client.0.read(&mut [0])).await.is_ok()
}

async fn is_served<S: AsyncRead + AsyncWrite + Unpin>(client: &mut HttpClient<S>) -> bool {
    client.get("/").await.status == 404
}

/// A connection that sends the body of a request slowly.
async fn slow(server: &TestServer, address: IpAddr) -> Connection {
    let mut client = server.connect_from(address).await.unwrap();
    client.send(post_head("/mutate", "application/json", 2)).await;
    client.send("{").await;
    client
}

#[tokio::test(start_paused = true)]
async fn the_address_with_most_connections_gives_way() {
    let server = start(no_namespaces(), 8);
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(server.connect().await);
    }
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(server.connect_from(attacker(1)).await.unwrap());
        sleep(Duration::from_millis(10)).await;
    }
    // Five of the other address are left, of which the next one takes a place.
    own.push(server.connect().await);
    for client in &mut own {
        assert!(is_served(client).await);
    }
    for (number, client) in others.iter_mut().enumerate() {
        assert_eq!(is_ended(client).await, number < 16, "{number}");
    }
    assert!(server.metrics.text().contains("boundtoken_connections 8\n"));
}

#[tokio::test(start_paused = true)]
async fn an_address_loses_its_longest_idle_connection_first() {
    let server = start(no_namespaces(), 4);
    let (mut early, mut late) = (server.connect().await, server.connect().await);
    assert!(is_served(&mut late).await);
    sleep(seconds(1)).await;
    assert!(is_served(&mut early).await);
    let mut body = slow(&server, API_SERVER).await;
    sleep(seconds(2)).await;
    let mut shaking = server.dial();
    settle().await;
    let mut next = server.connect().await;
    assert!(is_ended(&mut late).await);
    let mut last = server.connect().await;
    assert!(is_ended(&mut early).await);
    assert!(timeout(seconds(1), shaking.read(&mut [0])).await.is_err(), "a handshake has its time");
    body.send("}").await;
    assert_eq!(body.response().await.unwrap().status, 400);
    assert!(is_served(&mut next).await && is_served(&mut last).await);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_is_evicted_only_after_a_second_or_after_idle_connections() {
    let server = start(no_namespaces(), 3);
    let mut shaking = server.dial();
    settle().await;
    let (mut early, mut late) = (server.connect().await, server.connect().await);
    sleep(limits::SLOW / 2).await;
    let mut next = server.connect().await;
    assert!(is_ended(&mut early).await);
    assert!(timeout(limits::SLOW / 4, shaking.read(&mut [0])).await.is_err(), "a handshake has its time");
    sleep(limits::SLOW).await;
    let mut last = server.connect().await;
    assert_eq!(shaking.read(&mut [0]).await.unwrap(), 0);
    assert!(is_served(&mut late).await && is_served(&mut next).await && is_served(&mut last).await);
}

/// Needs five seconds for a Namespace that is unavailable.
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
async fn a_new_connection_cuts_no_request_of_its_own_address() {
    let server = start(Arc::new(Slow), 2);
    let review = reviews::web(&json!({}));
    let request = post_head("/mutate", "application/json", review.len()) + &review;
    let mut clients = [server.connect().await, server.connect().await];
    for client in &mut clients {
        client.send(&request).await;
    }
    settle().await;
    assert!(server.connect_from(API_SERVER).await.is_err());
    let mut other = server.connect_from(attacker(1)).await.unwrap();
    assert!(is_served(&mut other).await);
    let [mut oldest, mut kept] = clients;
    assert!(is_ended(&mut oldest).await, "the address that holds more gives way");
    assert_eq!(kept.response().await.unwrap().status, 503);
}

/// 511 connections that are used each second, and 500 new ones a second that stay silent.
#[tokio::test(start_paused = true)]
async fn busy_and_silent_floods_end_no_connection_of_another_address() {
    let server = Arc::new(start(no_namespaces(), 512));
    let mut kept = server.connect().await;
    let mut attack = JoinSet::new();
    for _ in 0..511 {
        let mut client = server.connect_from(attacker(1)).await.unwrap();
        attack.spawn(async move {
            while timeout(seconds(1), client.0.read(&mut [0])).await.is_err() {
                client.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
                client.response().await;
            }
        });
    }
    let silent = Arc::clone(&server);
    attack.spawn(async move {
        let mut open = std::collections::VecDeque::new();
        loop {
            open.push_back(silent.dial_from(attacker(1)));
            open.truncate(1000);
            sleep(Duration::from_millis(2)).await;
        }
    });
    for _ in 0..30 {
        sleep(Duration::from_millis(100)).await;
        let mut new = server.connect().await;
        assert!(is_served(&mut new).await && is_served(&mut kept).await);
    }
}

#[tokio::test(start_paused = true)]
async fn silent_connections_do_not_keep_out_probes() {
    let server = start(no_namespaces(), 512);
    let mut silent: Vec<_> =
        (0..limits::ADMIN_CONNECTIONS).map(|_| server.connect_admin_from(attacker(1))).collect();
    let began = Instant::now();
    settle().await;
    assert_eq!(server.connect_admin().get("/livez").await.body, "ok");
    assert!(began.elapsed() < seconds(1));
    silent.last_mut().unwrap().closed().await;
    assert_eq!(began.elapsed().as_secs(), limits::ADMIN_IDLE_TIMEOUT.as_secs());
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

/// A Pod whose review has at least so many bytes, in many objects.
fn costly(bytes: usize) -> String {
    let containers = vec![json!({"name": "c", "volumeMounts": [{}]}); bytes / 34];
    let mut review: serde_json::Value = serde_json::from_str(&reviews::web(&json!({}))).unwrap();
    review["request"]["object"]["spec"]["containers"] = containers.into();
    review.to_string()
}

#[tokio::test(start_paused = true)]
async fn costly_bodies_delay_those_of_another_address_by_one() {
    let server = Arc::new(start(no_namespaces(), 1000));
    let (body, mut attack) = (costly(66_000), JoinSet::new());
    assert!(body.len() > limits::SMALL_BODY_BYTES);
    for _ in 0..200 {
        let mut client = server.connect_from(attacker(1)).await.unwrap();
        let body = body.clone();
        attack.spawn(async move { client.post("/mutate", "application/json", body).await.status });
    }
    let mut client = server.connect().await;
    for _ in 0..10 {
        let before = parsed(&server);
        assert_eq!(client.post("/mutate", "application/json", &body).await.status, 200);
        let others = parsed(&server) - before - 1;
        assert!(others <= 3, "{others} of another address came before");
    }
    assert!(!attack.is_empty() && parsed(&server) < 200, "the attack went on");
}

/// The reviews that were answered so far.
fn parsed(server: &TestServer) -> usize {
    let text = server.metrics.text();
    let count =
        text.split_once("outcome=\"unchanged\"} ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
    count.parse().unwrap()
}

/// Clients of one address that stall one byte short of as many of the largest bodies as the memory holds.
async fn hold_all_memory(server: &TestServer) -> Vec<Connection> {
    let mut stalled = Vec::new();
    for _ in 0..limits::BUFFERED_BYTES / limits::BODY_BYTES {
        let mut client = server.connect_from(attacker(1)).await.unwrap();
        client.send(post_head("/mutate", "application/json", limits::BODY_BYTES)).await;
        client.send(" ".repeat(limits::BODY_BYTES - 1)).await;
        stalled.push(client);
    }
    stalled
}

#[tokio::test(start_paused = true)]
async fn an_address_that_holds_all_memory_gives_it_to_another_one() {
    let server = start(no_namespaces(), 512);
    let _stalled = hold_all_memory(&server).await;
    for size in [1000, 100_000, limits::BODY_BYTES] {
        let began = Instant::now();
        let mut client = server.connect().await;
        let review = reviews::web(&json!({}));
        let padded = format!("{review}{}", " ".repeat(size - review.len().min(size)));
        assert_eq!(client.post("/mutate", "application/json", padded).await.status, 200, "{size}");
        assert!(began.elapsed() < limits::SLOW / 2, "{size} took {:?}", began.elapsed());
    }
}

/// Each attacker sends most of a body again as soon as it lost its connection.
#[tokio::test(start_paused = true)]
async fn memory_that_an_address_gives_back_is_for_those_who_hold_less() {
    let server = Arc::new(start(no_namespaces(), 512));
    let mut attack = JoinSet::new();
    for _ in 0..2 * limits::BUFFERED_BYTES / limits::BODY_BYTES {
        let server = Arc::clone(&server);
        attack.spawn(async move {
            let stalled = post_head("/mutate", "application/json", limits::BODY_BYTES)
                + &" ".repeat(limits::BODY_BYTES - 1);
            loop {
                let Ok(HttpClient(mut stream)) = server.connect_from(attacker(1)).await else { continue };
                let _ = stream.write_all(stalled.as_bytes()).await;
                let _ = stream.read(&mut [0]).await;
            }
        });
    }
    sleep(limits::SLOW * 3).await;
    let mut client = server.connect().await;
    let padded = reviews::web(&json!({})) + &" ".repeat(100_000);
    for _ in 0..8 {
        let began = Instant::now();
        assert_eq!(client.post("/mutate", "application/json", &padded).await.status, 200);
        assert!(began.elapsed() < limits::SLOW / 2, "{:?}", began.elapsed());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn memory_that_was_given_back_meanwhile_costs_no_connection() {
    let server = Arc::new(start(no_namespaces(), 512));
    let mut oldest = slow(&server, attacker(2)).await;
    sleep(limits::SLOW).await;
    let stalled = hold_all_memory(&server).await;
    let mut waiting = server.connect().await;
    waiting.send(post_head("/mutate", "application/json", 100_000)).await;
    waiting.send(" ".repeat(50_000)).await;
    settle().await;
    // The memory is free now, but the other client notices that only at its next try.
    drop(stalled);
    settle().await;
    let mut next = slow(&server, attacker(2)).await;
    settle().await;
    for client in [&mut oldest, &mut next] {
        client.send("}").await;
        assert_eq!(client.response().await.unwrap().status, 400);
    }
    waiting.send(" ".repeat(50_000)).await;
    assert_eq!(waiting.response().await.unwrap().status, 400);
}

/// What an attacker may do on one connection.
#[derive(Clone, Copy, Debug)]
enum Attack {
    Silent,
    SlowHead,
    SlowBody,
    StalledBody,
    Costly,
    Deaf,
    Used,
    Reset,
}

async fn attack(server: &TestServer, address: IpAddr, attack: Attack) {
    if matches!(attack, Attack::Silent) {
        let mut silent = server.dial_from(address);
        let _ = silent.read(&mut [0]).await;
        return;
    }
    let Ok(HttpClient(mut stream)) = server.connect_from(address).await else { return };
    let large = post_head("/mutate", "application/json", limits::BODY_BYTES) + &" ".repeat(1 << 18);
    let request = match attack {
        Attack::SlowHead => "POST /mutate HTTP/1.1\r\n".to_owned(),
        Attack::SlowBody => post_head("/mutate", "application/json", 2) + "{",
        Attack::StalledBody | Attack::Reset => large,
        Attack::Costly => {
            let body = costly(limits::SMALL_BODY_BYTES + 1);
            post_head("/mutate", "application/json", body.len()) + &body
        }
        Attack::Deaf => "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000),
        Attack::Silent | Attack::Used => "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
    };
    loop {
        let sent = stream.write_all(request.as_bytes()).await;
        if sent.is_err() || stream.flush().await.is_err() || matches!(attack, Attack::Reset) {
            return;
        }
        if !matches!(attack, Attack::Deaf | Attack::SlowHead | Attack::SlowBody) {
            let _ = timeout(seconds(1), stream.read(&mut [0; 4096])).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// A number that seems random, from the one before.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}

/// Five addresses with ten clients each, in random ways, more than there may be connections.
#[tokio::test(start_paused = true)]
async fn no_mix_of_attacks_of_other_addresses_makes_a_request_fail() {
    const ATTACKS: [Attack; 8] = [
        Attack::Silent,
        Attack::SlowHead,
        Attack::SlowBody,
        Attack::StalledBody,
        Attack::Costly,
        Attack::Deaf,
        Attack::Used,
        Attack::Reset,
    ];
    let server = Arc::new(start(no_namespaces(), 32));
    let mut attackers = JoinSet::new();
    for number in 0..50_u8 {
        let (server, mut seed) = (Arc::clone(&server), u64::from(number));
        attackers.spawn(async move {
            loop {
                let way = ATTACKS[next(&mut seed) % ATTACKS.len()];
                let limit = Duration::from_millis(u64::try_from(next(&mut seed) % 5000).unwrap());
                let _ = timeout(limit, attack(&server, attacker(number % 5), way)).await;
                sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let mut kept = server.connect().await;
    let began = Instant::now();
    let (review, large) = (reviews::web(&json!({})), costly(100_000));
    while began.elapsed() < seconds(10) {
        let sent = Instant::now();
        assert_eq!(kept.post("/mutate", "application/json", &review).await.status, 200);
        let mut new = server.connect().await;
        assert_eq!(new.post("/mutate", "application/json", &large).await.status, 200);
        assert!(sent.elapsed() < seconds(1), "{:?}", sent.elapsed());
        sleep(Duration::from_millis(500)).await;
    }
    attackers.abort_all();
}
