//! The log of the certificate controller: no key at any level, and each outage once.
//!
//! A program of its own, one test after the other: what a thread of another test does decides which lines a
//! subscriber sees.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::fake_api::{CONFIGURATION, FakeApi, Kind, NAMESPACE, SECRET};
use axum::http::{Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::certificates::cluster::{CertificateController, Install, Schedule};
use boundtoken::telemetry::logs::LogArgs;
use boundtoken::telemetry::metrics::Metrics;
use clap::{Args, Command, FromArgMatches};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::Mutex as Turn;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

/// Starts a replica that runs to the end of the test.
fn start(api: &Arc<FakeApi>) -> Arc<Metrics> {
    start_on(api.client(usize::MAX), api)
}

fn start_on(client: Client, api: &Arc<FakeApi>) -> Arc<Metrics> {
    let service = "boundtoken".to_owned();
    let install = Install {
        namespace: NAMESPACE.to_owned(),
        secret: SECRET.to_owned(),
        configuration: CONFIGURATION.to_owned(),
        names: vec![Install::service_name(&service, NAMESPACE)],
        service,
    };
    let (metrics, clock) = (Arc::<Metrics>::default(), Arc::clone(api));
    let controller = CertificateController::new(client, install, Schedule::default(), Arc::clone(&metrics));
    let controller = controller.with_clock(Arc::new(move || clock.now()));
    tokio::spawn(controller.run());
    metrics
}

/// Lets time pass, which is paused otherwise.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn text(object: &Value, key: &str) -> String {
    String::from_utf8(STANDARD.decode(object["data"][key].as_str().unwrap()).unwrap()).unwrap()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().map_err(|_| std::io::ErrorKind::Other)?;
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, words: &str) -> usize {
        self.text().matches(words).count()
    }
}

/// Held by the running test.
static TURN: Turn<()> = Turn::const_new(());

/// Captures what this thread logs with `--log-level=trace`.
fn capture() -> (Lines, DefaultGuard) {
    let command = LogArgs::augment_args(Command::new("serve"));
    let matches = command.get_matches_from(["serve", "--log-level=trace"]);
    let (lines, logs) = (Lines::default(), LogArgs::from_arg_matches(&matches).unwrap());
    let writer = lines.clone();
    let subscriber = tracing_subscriber::registry().with(logs.layer(false, move || writer.clone()));
    (lines, tracing::subscriber::set_default(subscriber))
}

/// Captures what this thread logs without a filter.
fn capture_all() -> (Lines, DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    (lines, tracing::subscriber::set_default(tracing_subscriber::registry().with(layer)))
}

/// Makes, loses and replaces keys, with errors and invalid responses in between; returns the metrics.
async fn go_through_keys(api: &Arc<FakeApi>) -> String {
    api.fail_next(&[500, 422]);
    let metrics = start(api);
    pass(120).await;
    api.edit(Kind::Secret, |object| object["metadata"]["annotations"]["boundtoken.dev/new-key"] = "".into());
    pass(30).await;
    let damage = |labels: Value| api.edit(Kind::Secret, |object| object["metadata"]["labels"] = labels);
    damage(json!("no labels"));
    start(api);
    pass(30).await;
    damage(json!({}));
    api.edit(Kind::Secret, |object| object["data"]["tls.key"] = object["data"]["ca.key"].clone());
    pass(600).await;
    metrics.text()
}

/// Unique parts of each key that was ever in the Secret, in base64 and as PEM text.
fn parts_of_keys(api: &FakeApi) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for secret in api.versions(Kind::Secret) {
        for name in ["tls.key", "ca.key", "next-ca.key"] {
            let Some(encoded) = secret["data"][name].as_str() else { continue };
            parts.insert(encoded[120..180].to_owned());
            parts.insert(text(&secret, name).lines().nth(2).unwrap().to_owned());
        }
    }
    parts
}

#[tokio::test(start_paused = true)]
async fn logs_and_metrics_contain_no_key() {
    let _turn = TURN.lock().await;
    let (lines, _guard) = capture();
    let api = FakeApi::new();
    let metrics = go_through_keys(&api).await;
    let (log, parts) = (lines.text() + &metrics, parts_of_keys(&api));
    assert!(log.contains("wrote the Secret") && log.contains("the test says so"), "{log}");
    assert!(log.contains("serving a new certificate"), "{log}");
    assert!(!log.contains("PRIVATE"), "{log}");
    // Two authorities and a serving certificate under each, and one more that replaces the damaged one.
    assert!(parts.len() >= 2 * 5, "{}", parts.len());
    assert!(!parts.iter().any(|part| log.contains(part)));
}

#[tokio::test(start_paused = true)]
async fn the_check_for_keys_finds_a_key() {
    let _turn = TURN.lock().await;
    let (lines, _guard) = capture_all();
    let api = FakeApi::new();
    go_through_keys(&api).await;
    let log = lines.text();
    assert!(parts_of_keys(&api).iter().any(|part| log.contains(part)));
}

#[tokio::test(start_paused = true)]
async fn each_outage_and_its_end_are_logged_once() {
    let _turn = TURN.lock().await;
    let (lines, _guard) = capture();
    let api = FakeApi::new();
    start(&api);
    pass(60).await;
    for outage in 1..=3 {
        api.go_silent(true);
        pass(3600).await;
        assert_eq!(lines.count("cannot watch: "), outage);
        assert_eq!(lines.count("the API server did not answer within 10 s"), outage);
        assert_eq!(lines.count("in sync again"), outage - 1);
        api.go_silent(false);
        // The watches go on where they were: nothing has changed meanwhile.
        pass(300).await;
        assert_eq!(lines.count("in sync again"), outage);
    }
}

#[tokio::test(start_paused = true)]
async fn manual_repairs_are_logged_with_their_command() {
    let _turn = TURN.lock().await;
    let (lines, _guard) = capture();
    let api = FakeApi::new();
    start(&api);
    pass(120).await;
    for _ in 0..20 {
        api.edit(Kind::Configuration, |object| object["webhooks"][1]["clientConfig"]["caBundle"] = "".into());
        pass(1).await;
    }
    assert_eq!(lines.count(&format!("{CONFIGURATION} --show-managed-fields -o yaml`")), 1);
    api.put(Kind::Configuration, None);
    pass(60).await;
    let remedy = "apply the manifests again (`kubectl apply -k manifests`, or your overlay)";
    let open = format!("MutatingWebhookConfiguration {CONFIGURATION} does not exist, so no Pod is changed");
    assert!(lines.text().contains(&format!("{open}: {remedy}")), "{}", lines.text());
    api.apply_configuration();
    pass(60).await;
    api.put(Kind::Secret, None);
    pass(60).await;
    let missing = format!("does not exist, and boundtoken may not create it: {remedy}");
    assert!(lines.text().contains(&missing), "{}", lines.text());
}

/// Refuses to list and to watch, with a message per resource, while `refuses` is set.
fn refusing(api: &Arc<FakeApi>, refuses: &Arc<AtomicBool>) -> Client {
    let (client, refuses) = (api.client(usize::MAX), Arc::clone(refuses));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, refuses) = (client.clone(), Arc::clone(&refuses));
        async move {
            if !refuses.load(Ordering::SeqCst)
                || !request.uri().query().unwrap_or_default().contains("fieldSelector")
            {
                return client.send(request).await;
            }
            let message = format!("no right to list {}", request.uri().path());
            let status = json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": message});
            let mut response = Response::new(Body::from(status.to_string().into_bytes()));
            *response.status_mut() = StatusCode::FORBIDDEN;
            Ok(response)
        }
    });
    Client::new(service, NAMESPACE)
}

#[tokio::test(start_paused = true)]
async fn two_outages_at_once_are_logged_once_each() {
    let _turn = TURN.lock().await;
    let (lines, _guard) = capture();
    let (api, refuses) = (FakeApi::new(), Arc::new(AtomicBool::new(true)));
    start_on(refusing(&api, &refuses), &api);
    pass(3600).await;
    for resource in ["secrets", "mutatingwebhookconfigurations"] {
        assert_eq!(lines.count(&format!("/{resource}\"")), 1, "{}", lines.text());
    }
    refuses.store(false, Ordering::SeqCst);
    pass(300).await;
    assert_eq!(lines.count("in sync again"), 1);
}
