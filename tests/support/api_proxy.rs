//! A proxy between boundtoken and a real API server: what it tells late, holds back or refuses, a test says.
//!
//! Towards boundtoken it speaks plain HTTP on loopback, towards the API server TLS. Methods, paths, heads with
//! their credentials and bodies pass as they are. To tell replicas apart, give each a proxy of its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{Method, Request, Response};
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

/// A change that the API server has made, and that it has said so nobody knows before this is dropped.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) method: Method,
    pub(crate) path: String,
    _answer: oneshot::Sender<Infallible>,
}

/// A running proxy.
pub(crate) struct Between {
    address: SocketAddr,
    way: Arc<Way>,
    serving: JoinHandle<()>,
    /// Keeps the port while nobody listens.
    _reserved: Option<TcpSocket>,
}

impl Between {
    /// Stands before the API server of a kubeconfig.
    pub(crate) async fn start(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        // Who asks says who asks.
        config.auth_info = kube::config::AuthInfo::default();
        let way = Arc::new(Way::to(boundtoken::cluster::client(config).unwrap()));
        let (address, reserved) = reserve();
        let serving = tokio::spawn(serve(listen(address).await, Arc::clone(&way)));
        Self { address, way, serving, _reserved: reserved }
    }

    /// A copy of a kubeconfig, beside it, that leads here: the same user by another way.
    pub(crate) fn lead(&self, kubeconfig: &Path) -> PathBuf {
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        let mut config: Value = serde_saphyr::from_str(&text).unwrap();
        for cluster in config["clusters"].as_array_mut().unwrap() {
            cluster["cluster"] = json!({"server": format!("http://{}", self.address)});
        }
        let copy = kubeconfig.with_extension(format!("by-way-of-{}", self.address.port()));
        std::fs::write(&copy, config.to_string()).unwrap();
        copy
    }

    /// From now on each piece of a watch comes so much later, and none before an earlier one.
    pub(crate) fn delay_watches(&self, delay: impl Fn() -> Duration + Send + Sync + 'static) {
        *self.way.delay.lock().unwrap() = Box::new(delay);
    }

    /// Every change (PATCH, POST, PUT or DELETE that succeeds) from now on, when it has taken effect: whoever
    /// asked for it hears so when the [`Effect`] is dropped. Nothing is held back once the receiver is dropped.
    ///
    /// To kill a replica at exactly that moment, kill it while the effect is at hand.
    pub(crate) fn effects(&self) -> mpsc::UnboundedReceiver<Effect> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.way.effects.lock().unwrap() = Some(sender);
        receiver
    }

    /// How many requests of a kind there were, by method and path with its query.
    pub(crate) fn count(&self, is_meant: impl Fn(&Method, &str) -> bool) -> usize {
        let asked = self.way.asked.lock().unwrap();
        asked.iter().filter(|(method, path)| is_meant(method, path)).count()
    }

    /// When a watch first passed on an event of an object of this name.
    pub(crate) fn told(&self, name: &str) -> Option<Instant> {
        self.way.told.lock().unwrap().get(name).copied()
    }

    /// Ends every connection, and refuses new ones until [`Self::accept`].
    pub(crate) async fn refuse(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Accepts connections again.
    pub(crate) async fn accept(&mut self) {
        self.serving = tokio::spawn(serve(listen(self.address).await, Arc::clone(&self.way)));
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.unwrap()
}

/// Serves until it is dropped, and every connection with it.
async fn serve(listener: TcpListener, way: Arc<Way>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(connection(stream, Arc::clone(&way)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, way: Arc<Way>) {
    let service = service_fn(|request| Arc::clone(&way).pass(request));
    // A connection that fails is one that its client gave up, or that cannot be passed on.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The way to the API server, and what becomes of those who take it.
struct Way {
    api_server: Client,
    asked: Mutex<Vec<(Method, String)>>,
    delay: Mutex<Box<dyn Fn() -> Duration + Send + Sync>>,
    effects: Mutex<Option<mpsc::UnboundedSender<Effect>>>,
    told: Mutex<HashMap<String, Instant>>,
}

impl Way {
    fn to(api_server: Client) -> Self {
        let (asked, effects, told) = Default::default();
        Self { api_server, asked, delay: Mutex::new(Box::new(|| Duration::ZERO)), effects, told }
    }

    async fn pass(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
        let (mut head, body) = request.into_parts();
        let (method, path) = (head.method.clone(), head.uri.to_string());
        self.asked.lock().unwrap().push((method.clone(), path.clone()));
        head.headers.remove(HOST);
        let body = body.collect().await?.to_bytes().to_vec();
        let is_watch = path.contains("watch=true");
        let answer = self.api_server.send(Request::from_parts(head, body.into())).await?;
        if method != Method::GET && answer.status().is_success() {
            self.hold_back(method, path).await;
        }
        let (mut head, body) = answer.into_parts();
        // How the body is sent is for each connection to say.
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        Ok(Response::from_parts(head, if is_watch { self.late(body) } else { Body::new(body) }))
    }

    async fn hold_back(&self, method: Method, path: String) {
        let (sender, dropped) = oneshot::channel();
        let effect = Effect { method, path, _answer: sender };
        let effects = self.effects.lock().unwrap().clone();
        // Where nobody waits for effects, this one is dropped at once.
        let _ = effects.map(|effects| effects.send(effect));
        let _ = dropped.await;
    }

    /// The body with its pieces late; they are read on time.
    fn late(self: Arc<Self>, body: kube::client::Body) -> Body {
        let (sender, pieces) = mpsc::unbounded_channel();
        let way = Arc::clone(&self);
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
            let way = Arc::clone(&way);
            async move {
                let (due, piece) = pieces.recv().await?;
                sleep_until(due).await;
                way.note(&mut unfinished, piece.as_deref().unwrap_or_default());
                Some((piece, (pieces, unfinished)))
            }
        }))
    }

    /// Notes whose events a piece completes. Each is a line; what has no end yet is left.
    fn note(&self, unfinished: &mut Vec<u8>, piece: &[u8]) {
        unfinished.extend(piece);
        while let Some(end) = unfinished.iter().position(|byte| *byte == b'\n') {
            let event: Value = serde_json::from_slice(&unfinished[..end]).unwrap_or_default();
            unfinished.drain(..=end);
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            self.told.lock().unwrap().entry(name).or_insert_with(Instant::now);
        }
    }
}
