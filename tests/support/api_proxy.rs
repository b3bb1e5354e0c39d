//! A proxy between boundtoken and a real API server that delays watches, holds back responses or refuses connections.
//!
//! It speaks plain HTTP to boundtoken, on loopback, and TLS to the API server. Methods, paths, headers with their
//! credentials, and bodies are forwarded unchanged. Give each replica a proxy of its own to tell them apart.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::port::reserve;

/// A change that the API server has made; its response is held back until this is dropped.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) method: Method,
    pub(crate) path: String,
    _response: oneshot::Sender<Infallible>,
}

/// A running proxy.
pub(crate) struct ApiProxy {
    address: SocketAddr,
    forwarder: Arc<Forwarder>,
    serving: JoinHandle<()>,
    /// Reserves the port while the proxy does not listen.
    _reserved: Option<TcpSocket>,
}

impl ApiProxy {
    /// Starts a proxy for the API server of a kubeconfig.
    pub(crate) async fn start(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        // The client sends its own credentials.
        config.auth_info = kube::config::AuthInfo::default();
        let forwarder = Arc::new(Forwarder::new(boundtoken::cluster::client(config).unwrap()));
        let (address, reserved) = reserve();
        let serving = tokio::spawn(serve(listen(address).await, Arc::clone(&forwarder)));
        Self { address, forwarder, serving, _reserved: reserved }
    }

    /// Writes a copy of a kubeconfig, beside it, with this proxy as its server.
    pub(crate) fn kubeconfig_for(&self, kubeconfig: &Path) -> PathBuf {
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        let mut config: Value = serde_saphyr::from_str(&text).unwrap();
        for cluster in config["clusters"].as_array_mut().unwrap() {
            cluster["cluster"] = json!({"server": format!("http://{}", self.address)});
        }
        let copy = kubeconfig.with_extension(format!("through-{}", self.address.port()));
        std::fs::write(&copy, config.to_string()).unwrap();
        copy
    }

    /// Delays each chunk of a watch from now on; chunks keep their order.
    pub(crate) fn delay_watches(&self, delay: impl Fn() -> Duration + Send + Sync + 'static) {
        *self.forwarder.delay.lock().unwrap() = Box::new(delay);
    }

    /// Every successful PATCH, POST, PUT or DELETE from now on, after it took effect. The client gets its response
    /// when the [`Effect`] is dropped. Nothing is held back once the receiver is dropped.
    ///
    /// To kill a replica between a write and its response, kill it before the effect is dropped.
    pub(crate) fn effects(&self) -> mpsc::UnboundedReceiver<Effect> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.forwarder.effects.lock().unwrap() = Some(sender);
        receiver
    }

    /// Refuses lists as events from now on, as an API server without the feature gate `WatchList` does.
    pub(crate) fn refuse_lists_as_events(&self) {
        self.forwarder.lists_as_events_refused.store(true, Relaxed);
    }

    /// The number of requests so far that match, by method and path with its query.
    pub(crate) fn count(&self, matches: impl Fn(&Method, &str) -> bool) -> usize {
        let requests = self.forwarder.requests.lock().unwrap();
        requests.iter().filter(|(method, path)| matches(method, path)).count()
    }

    /// When the first event of an object of this name was forwarded.
    pub(crate) fn first_event(&self, name: &str) -> Option<Instant> {
        self.forwarder.first_events.lock().unwrap().get(name).copied()
    }

    /// Ends every connection, and refuses new ones until [`Self::accept`].
    pub(crate) async fn refuse(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Accepts connections again.
    pub(crate) async fn accept(&mut self) {
        self.serving = tokio::spawn(serve(listen(self.address).await, Arc::clone(&self.forwarder)));
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.unwrap()
}

/// Serves until this future is dropped, and every connection with it.
async fn serve(listener: TcpListener, forwarder: Arc<Forwarder>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(connection(stream, Arc::clone(&forwarder)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, forwarder: Arc<Forwarder>) {
    let service = service_fn(|request| Arc::clone(&forwarder).forward(request));
    // An error means that the client closed the connection, or that the request could not be forwarded.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A refusal as an API server words it.
fn invalid(message: &str) -> Response<Body> {
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": "Invalid",
        "code": 422,
    });
    let mut response = Response::new(Body::from(status.to_string()));
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// Forwards requests to the API server.
struct Forwarder {
    api_server: Client,
    requests: Mutex<Vec<(Method, String)>>,
    delay: Mutex<Box<dyn Fn() -> Duration + Send + Sync>>,
    effects: Mutex<Option<mpsc::UnboundedSender<Effect>>>,
    first_events: Mutex<HashMap<String, Instant>>,
    lists_as_events_refused: AtomicBool,
}

impl Forwarder {
    fn new(api_server: Client) -> Self {
        let (requests, effects, first_events, lists_as_events_refused) = Default::default();
        let delay: Mutex<Box<dyn Fn() -> Duration + Send + Sync>> = Mutex::new(Box::new(|| Duration::ZERO));
        Self { api_server, requests, delay, effects, first_events, lists_as_events_refused }
    }

    async fn forward(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
        let (mut head, body) = request.into_parts();
        let (method, path) = (head.method.clone(), head.uri.to_string());
        self.requests.lock().unwrap().push((method.clone(), path.clone()));
        if self.lists_as_events_refused.load(Relaxed) && path.contains("sendInitialEvents=true") {
            return Ok(invalid(
                "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
            ));
        }
        head.headers.remove(HOST);
        let body = body.collect().await?.to_bytes().to_vec();
        let is_watch = path.contains("watch=true");
        let answer = self.api_server.send(Request::from_parts(head, body.into())).await?;
        if method != Method::GET && answer.status().is_success() {
            self.hold_back(method, path).await;
        }
        let (mut head, body) = answer.into_parts();
        // These headers describe a single connection.
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        Ok(Response::from_parts(head, if is_watch { self.delayed(body) } else { Body::new(body) }))
    }

    async fn hold_back(&self, method: Method, path: String) {
        let (sender, dropped) = oneshot::channel();
        let effect = Effect { method, path, _response: sender };
        let effects = self.effects.lock().unwrap().clone();
        // Without a receiver, the effect is dropped at once.
        let _ = effects.map(|effects| effects.send(effect));
        let _ = dropped.await;
    }

    /// Delays the chunks of a body; they are read without delay.
    fn delayed(self: Arc<Self>, body: kube::client::Body) -> Body {
        let (sender, pieces) = mpsc::unbounded_channel();
        let forwarder = Arc::clone(&self);
        tokio::spawn(async move {
            let mut body = body.into_data_stream();
            loop {
                let piece = tokio::select! {
                    () = sender.closed() => return,
                    piece = body.next() => piece,
                };
                let Some(piece) = piece else { return };
                let due = Instant::now() + (self.delay.lock().unwrap())();
                let _ = sender.send((due, piece));
            }
        });
        Body::from_stream(stream::unfold((pieces, Vec::new()), move |(mut pieces, mut unfinished)| {
            let forwarder = Arc::clone(&forwarder);
            async move {
                let (due, piece) = pieces.recv().await?;
                sleep_until(due).await;
                forwarder.note(&mut unfinished, piece.as_deref().unwrap_or_default());
                Some((piece, (pieces, unfinished)))
            }
        }))
    }

    /// Records the events that a chunk completes. Each event is a line; an incomplete line is kept for the
    /// next chunk.
    fn note(&self, unfinished: &mut Vec<u8>, piece: &[u8]) {
        unfinished.extend(piece);
        while let Some(end) = unfinished.iter().position(|byte| *byte == b'\n') {
            let event: Value = serde_json::from_slice(&unfinished[..end]).unwrap_or_default();
            unfinished.drain(..=end);
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            self.first_events.lock().unwrap().entry(name).or_insert_with(Instant::now);
        }
    }
}
