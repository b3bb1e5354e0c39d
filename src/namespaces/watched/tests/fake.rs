//! A scripted API server in memory.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::super::watched;
use crate::namespaces::{CurrentDefaults, Lookup, NamespaceStore, Namespaces};
use crate::telemetry::metrics::Metrics;

/// The watched Namespaces of a scripted API server.
pub(super) struct Fake {
    pub(super) namespaces: Arc<Namespaces>,
    pub(super) defaults: CurrentDefaults,
    pub(super) metrics: Arc<Metrics>,
    pub(super) check: Box<dyn Fn() -> Result<Option<&'static str>, String>>,
    calls: mpsc::UnboundedReceiver<Call>,
}

/// A request that waits for its response. Dropping it breaks the connection.
pub(super) struct Call {
    pub(super) uri: String,
    pub(super) accept: String,
    answer: oneshot::Sender<Response<Chunks>>,
}

/// The body of a response, written while it is read.
pub(super) struct Chunks(mpsc::UnboundedReceiver<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// An open watch, which ends when this is dropped.
pub(super) struct Events(mpsc::UnboundedSender<Bytes>);

impl Events {
    pub(super) async fn send(&self, kind: &str, object: &Value) {
        self.write(&json!({"type": kind, "object": object}).to_string()).await;
    }

    pub(super) async fn write(&self, line: &str) {
        self.queue(line);
        settle().await;
    }

    /// Writes a line without waiting for its effect.
    fn queue(&self, line: &str) {
        // The reader may be gone.
        let _ = self.0.send(format!("{line}\n").into());
    }
}

impl Fake {
    /// Starts the watch.
    pub(super) fn start() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (answer, answered) = oneshot::channel();
            let accept = request.headers()["accept"].to_str().unwrap().to_owned();
            sender.send(Call { uri: request.uri().to_string(), accept, answer }).unwrap();
            async { answered.await.map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused)) }
        });
        let (metrics, defaults): (Arc<Metrics>, CurrentDefaults) = Default::default();
        let client = Client::new(service, "default");
        let (namespaces, watch) = watched(client, &defaults, Arc::clone(&metrics));
        let check = Box::new(watch.check());
        tokio::spawn(watch.run());
        Self { namespaces, defaults, metrics, check, calls }
    }

    /// Starts a watch that has listed these Namespaces.
    pub(super) async fn watching(items: &[Value]) -> (Self, Events) {
        let mut fake = Self::start();
        let events = fake.call().await.list(items, "5");
        settle().await;
        (fake, events)
    }

    /// Waits for the next request.
    pub(super) async fn call(&mut self) -> Call {
        self.calls.recv().await.unwrap()
    }

    /// Returns the pending requests, once every task waits for a later moment.
    pub(super) async fn calls(&mut self) -> Vec<Call> {
        settle().await;
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }

    /// Looks a Namespace up in a task of its own.
    pub(super) fn ask(&self, name: &str) -> tokio::task::JoinHandle<Lookup> {
        let (namespaces, name) = (Arc::clone(&self.namespaces), name.to_owned());
        tokio::spawn(async move { look_up(&namespaces, &name).await })
    }

    /// Returns the cached settings in their debug format, without a request.
    pub(super) fn known(&self, name: &str) -> Option<String> {
        self.namespaces.find(name).map(|(settings, _)| format!("{settings:?}"))
    }
}

/// Looks a Namespace up as a request does.
pub(super) async fn look_up(namespaces: &Namespaces, name: &str) -> Lookup {
    match namespaces.cached(name) {
        Some(lookup) => lookup,
        None => namespaces.fetch(name).await,
    }
}

impl Call {
    pub(super) fn answer(self, status: u16, body: &str) {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(body.to_owned().into()).unwrap();
        self.respond(status, receiver);
    }

    fn respond(self, status: u16, body: mpsc::UnboundedReceiver<Bytes>) {
        let response = Response::builder().status(status).body(Chunks(body)).unwrap();
        // The caller may be gone.
        let _ = self.answer.send(response);
    }

    pub(super) fn status(self, code: u16, reason: &str) {
        self.answer(code, &status(code, reason).to_string());
    }

    /// Responds with a list as events, and returns the watch that follows.
    pub(super) fn list(self, items: &[Value], version: &str) -> Events {
        let events = self.begin_list();
        for item in items {
            events.queue(&json!({"type": "ADDED", "object": item}).to_string());
        }
        events.queue(&end_of_list(version));
        events
    }

    /// Responds with the beginning of a list as events.
    pub(super) fn begin_list(self) -> Events {
        assert!(self.uri.contains("sendInitialEvents=true"), "{} is no list", self.uri);
        self.watch()
    }

    /// Responds with a page of a list, and a token if more pages follow.
    pub(super) fn page(self, items: &[Value], token: &str) {
        assert!(self.uri.contains("&limit="), "{} is no page of a list", self.uri);
        let metadata = json!({"resourceVersion": "5", "continue": token});
        self.answer(200, &json!({"metadata": metadata, "items": items}).to_string());
    }

    pub(super) fn watch(self) -> Events {
        assert!(self.uri.contains("watch="), "{} is no watch", self.uri);
        let (sender, receiver) = mpsc::unbounded_channel();
        self.respond(200, receiver);
        Events(sender)
    }
}

pub(super) fn status(code: u16, reason: &str) -> Value {
    let message = format!("{reason} it is");
    json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message})
}

/// A Namespace that opted in.
pub(super) fn namespace(name: &str, version: &str, ttl: &str) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {
        "name": name, "resourceVersion": version, "managedFields": [{"manager": "kubectl"}],
        "labels": {"boundtoken.dev/webhook": "enabled", "kubernetes.io/metadata.name": name},
        "annotations": {"boundtoken.dev/ttl": ttl, "example.com/x": "y"},
    }})
}

/// The bookmark that ends a list.
pub(super) fn end_of_list(version: &str) -> String {
    let metadata = json!({"resourceVersion": version, "annotations": {"k8s.io/initial-events-end": "true"}});
    json!({"type": "BOOKMARK", "object": {"kind": "x", "apiVersion": "y", "metadata": metadata}}).to_string()
}

/// A bookmark of a quiet watch.
pub(super) fn bookmark(version: &str) -> Value {
    json!({"kind": "x", "apiVersion": "y", "metadata": {"resourceVersion": version}})
}

pub(super) fn unlabelled(name: &str) -> Value {
    json!({"metadata": {"name": name, "resourceVersion": "7"}})
}

/// Lets every task run until it waits for a later moment.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Captures the log lines of this thread.
pub(super) struct Logs(
    Arc<Mutex<Vec<u8>>>,
    #[expect(dead_code, reason = "held")] tracing::subscriber::DefaultGuard,
);

struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn lock(lines: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    lines.lock().unwrap()
}

/// A second subscriber. With a single one, tracing asks the thread that comes to a call site first, and disables the
/// call site for every thread if that thread has none.
static SECOND: LazyLock<tracing::Dispatch> =
    LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish()));

impl Logs {
    pub(super) fn capture() -> Self {
        LazyLock::force(&SECOND);
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let sink = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .finish();
        Self(lines, tracing::subscriber::set_default(subscriber))
    }

    /// Counts the lines with this text.
    pub(super) fn count(&self, text: &str) -> usize {
        let lines = String::from_utf8(lock(&self.0).clone()).unwrap();
        lines.lines().filter(|line| line.contains(text)).count()
    }
}
