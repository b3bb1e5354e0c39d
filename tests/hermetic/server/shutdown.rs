//! The shutdown of a server, with a paused clock.

use std::time::Duration;

use crate::support::http::{HttpClient, client_config, handshake, post_head};
use crate::support::server::{API_SERVER, TestServer, no_namespaces, settle, start};
use boundtoken::server::End;
use boundtoken::server::signals::StopSignal;
use tokio::io::{AsyncReadExt, duplex};
use tokio::time::{Instant, sleep, timeout};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn signal(server: &TestServer) {
    send(server, StopSignal::Terminate).await;
}

async fn send(server: &TestServer, signal: StopSignal) {
    server.signals.send(signal).await.unwrap();
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn readiness_fails_at_once_while_serving_goes_on() {
    let server = start(no_namespaces(), 512);
    assert_eq!(server.connect_admin().get("/readyz").await.status, 200);
    signal(&server).await;
    let answer = server.connect_admin().get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("[-]shutdown failed: shutting down\n"), "{}", answer.body);
    assert_eq!(server.connect_admin().get("/livez").await.status, 200);
    sleep(seconds(14)).await;
    assert_eq!(server.connect().await.get("/").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_is_the_last_of_its_connection() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    assert!(!client.get("/").await.closes());
    client.send(post_head("/mutate", "application/json", 2)).await;
    client.send("{").await;
    signal(&server).await;
    client.send("}").await;
    let answer = client.response().await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.closes(), "{}", answer.head);
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn every_response_after_the_signal_closes_its_connection() {
    let server = start(no_namespaces(), 512);
    signal(&server).await;
    for path in ["/", "/mutate"] {
        let mut client = server.connect().await;
        assert!(client.get(path).await.closes());
        client.closed().await;
    }
    assert!(server.connect_admin().get("/readyz").await.closes());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_until_it_is_used() {
    let server = start(no_namespaces(), 512);
    let mut client = server.connect().await;
    client.get("/").await;
    let began = Instant::now();
    signal(&server).await;
    let mut byte = [0];
    assert!(timeout(seconds(89), client.0.read(&mut byte)).await.is_err(), "the server closed it");
    assert!(client.get("/").await.closes());
    client.closed().await;
    assert_eq!(server.end.await.unwrap(), End::Drained);
    assert_eq!(began.elapsed().as_secs(), 89);
}

#[tokio::test(start_paused = true)]
async fn accepting_stops_after_the_delay() {
    let server = start(no_namespaces(), 512);
    let _open = server.connect().await;
    signal(&server).await;
    sleep(seconds(15)).await;
    assert!(server.webhook.is_closed());
    assert!(!server.end.is_finished());
}

#[tokio::test(start_paused = true)]
async fn shutdown_without_connections_takes_only_the_delay() {
    let server = start(no_namespaces(), 512);
    let began = Instant::now();
    signal(&server).await;
    assert_eq!(server.end.await.unwrap(), End::Drained);
    assert_eq!(began.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_waits_for_no_idle_connection() {
    let server = start(no_namespaces(), 512);
    let mut idle = server.connect().await;
    idle.get("/").await;
    let mut busy = server.connect().await;
    busy.send(post_head("/mutate", "application/json", 2)).await;
    signal(&server).await;
    let began = Instant::now();
    server.uninstalled.cancel();
    busy.send("{}").await;
    assert_eq!(busy.response().await.unwrap().status, 400);
    assert_eq!(server.end.await.unwrap(), End::Uninstalled);
    assert_eq!(began.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn connections_in_the_backlog_are_served() {
    let server = start(no_namespaces(), 512);
    signal(&server).await;
    // After a failed accept the next one waits, beyond the end of accepting.
    sleep(Duration::from_millis(14_500)).await;
    server.webhook.send(Err(std::io::Error::from_raw_os_error(24))).unwrap();
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.status, 404);
    client.closed().await;
    assert_eq!(server.end.await.unwrap(), End::Drained);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_idle_connections() {
    let server = start(no_namespaces(), 512);
    let began = Instant::now();
    let _open = server.connect().await;
    signal(&server).await;
    assert_eq!(server.end.await.unwrap(), End::Deadline);
    assert_eq!(began.elapsed().as_secs(), 110);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_everything_at_once() {
    for wait in [0, 50] {
        let server = start(no_namespaces(), 512);
        let _open = server.connect().await;
        signal(&server).await;
        sleep(seconds(wait)).await;
        let began = Instant::now();
        signal(&server).await;
        assert_eq!(server.end.await.unwrap(), End::Aborted);
        assert_eq!(began.elapsed().as_secs(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn after_ctrl_c_the_server_waits_only_for_responses_in_flight() {
    let server = start(no_namespaces(), 512);
    let mut idle = server.connect().await;
    idle.get("/").await;
    let _unused = server.connect().await;
    let mut busy = server.connect().await;
    busy.send(post_head("/mutate", "application/json", 2)).await;
    settle().await;
    let began = Instant::now();
    send(&server, StopSignal::Interrupt).await;
    assert!(server.webhook.is_closed() && !server.end.is_finished());
    idle.closed().await;
    sleep(seconds(2)).await;
    busy.send("{}").await;
    let answer = busy.response().await.unwrap();
    assert!(answer.status == 400 && answer.closes(), "{}", answer.head);
    assert_eq!(server.end.await.unwrap(), End::Drained);
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_ctrl_c_a_connection_ends_once_its_last_response_is_taken() {
    let server = start(no_namespaces(), 512);
    let (ours, theirs) = duplex(64);
    server.webhook.send(Ok((theirs, API_SERVER))).unwrap();
    let config = client_config(server.directory.path(), rustls::ALL_VERSIONS, &[b"http/1.1"]);
    let mut slow = HttpClient(handshake(ours, config).await.unwrap());
    assert!(!slow.get("/").await.closes());
    slow.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    settle().await;
    send(&server, StopSignal::Interrupt).await;
    let began = Instant::now();
    assert!(!slow.response().await.unwrap().closes(), "the response began after the signal");
    assert_eq!(server.end.await.unwrap(), End::Drained);
    assert!(began.elapsed() < seconds(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_ctrl_c_an_idle_server_ends_at_once() {
    let server = start(no_namespaces(), 512);
    let _open = server.connect().await;
    let began = Instant::now();
    send(&server, StopSignal::Interrupt).await;
    assert_eq!(server.end.await.unwrap(), End::Drained);
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_ctrl_c_ends_everything_at_once() {
    for first in [StopSignal::Interrupt, StopSignal::Terminate] {
        let server = start(no_namespaces(), 512);
        let mut busy = server.connect().await;
        busy.send(post_head("/mutate", "application/json", 2)).await;
        settle().await;
        send(&server, first).await;
        let began = Instant::now();
        send(&server, StopSignal::Interrupt).await;
        assert_eq!(server.end.await.unwrap(), End::Interrupted);
        assert_eq!(began.elapsed().as_secs(), 0);
    }
}
