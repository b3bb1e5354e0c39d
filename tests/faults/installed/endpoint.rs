//! The kubelet and the EndpointSlice controller of one replica: probes, and an EndpointSlice with its readiness.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Installed;
use super::connections::Connections;
use crate::support::control_plane::Api;
use crate::support::control_plane::api::collection;
use crate::support::program::Serving;

/// The period of the probe. It is 2 s in the manifests; a shorter one allows more restarts in the same time.
const PERIOD: Duration = Duration::from_millis(500);

/// The timeout of the probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// An EndpointSlice that follows a replica.
pub(super) struct Endpoint {
    ready: watch::Receiver<bool>,
    /// Cancelled when the Pod gets its deletion timestamp: as in Kubernetes, not ready even if the probe
    /// succeeds.
    deleted: CancellationToken,
}

impl Endpoint {
    /// Creates the slice as not ready, and starts to follow the replica.
    pub(super) async fn follow(installed: &Installed, replica: &Serving) -> Self {
        let slice = Slice::create(&installed.plane.api, &installed.name, replica.listen).await;
        let (sender, ready) = watch::channel(false);
        let (changes, received) = mpsc::unbounded_channel();
        tokio::spawn(slice.follow(received, installed.endpoint_lag));
        let deleted = CancellationToken::new();
        let (admin, connections) = (replica.admin_listen, installed.connections.clone());
        let number = connections.add(admin);
        let probe = Probe { admin, ready: sender, changes, connections, number };
        tokio::spawn(probe.run(deleted.clone()));
        Self { ready, deleted }
    }

    /// Waits until the probe succeeds: the Pod is ready, though its endpoint may not be yet.
    pub(super) async fn ready(&self) {
        self.ready.clone().wait_for(|ready| *ready).await.unwrap();
    }

    pub(super) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    pub(super) fn delete(&self) {
        self.deleted.cancel();
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.delete();
    }
}

/// The probe results of a replica.
struct Probe {
    admin: SocketAddr,
    ready: watch::Sender<bool>,
    changes: mpsc::UnboundedSender<(Instant, bool)>,
    connections: Connections,
    number: usize,
}

impl Probe {
    /// Probes until the replica has exited, and counts its connections until then.
    async fn run(self, deleted: CancellationToken) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while deleted.run_until_cancelled(ticks.tick()).await.is_some() {
            let answer = deleted.run_until_cancelled(get(self.admin, "/readyz")).await;
            self.say(answer.flatten().is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
            self.connections.count(self.number).await;
        }
        self.say(false);
        while self.connections.count(self.number).await.is_some() {
            ticks.tick().await;
        }
    }

    fn say(&self, ready: bool) {
        if self.ready.send_replace(ready) != ready {
            let _ = self.changes.send((Instant::now(), ready));
        }
    }
}

/// Gets one response, head and body; `None` if there is none.
pub(super) async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let answer = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text)
    };
    timeout(PATIENCE, answer).await.ok()?
}

/// The EndpointSlice in the API server.
struct Slice {
    api: Api,
    path: String,
    object: Value,
}

impl Slice {
    async fn create(api: &Api, namespace: &str, listen: SocketAddr) -> Self {
        let mut object = slice(namespace, listen);
        let collection = collection(&object);
        let stored = api.create(&object).await.unwrap();
        let name = stored["metadata"]["name"].as_str().unwrap();
        object["metadata"]["name"] = name.into();
        Self { api: api.clone(), path: format!("{collection}/{name}"), object }
    }

    /// Applies every change to the slice after the lag, and deletes the slice at the end.
    ///
    /// Errors are ignored: at the end of the program the API server may exit first.
    async fn follow(mut self, mut changes: mpsc::UnboundedReceiver<(Instant, bool)>, lag: Duration) {
        while let Some((at, ready)) = changes.recv().await {
            sleep_until(at + lag).await;
            self.object["endpoints"][0]["conditions"]["ready"] = ready.into();
            let _ = self.api.send(Method::PUT, &self.path, Some(&self.object)).await;
        }
        let _ = self.api.send(Method::DELETE, &self.path, None).await;
    }
}

fn slice(namespace: &str, listen: SocketAddr) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": "boundtoken-",
            "namespace": namespace,
            "labels": {
                "kubernetes.io/service-name": "boundtoken",
                // Without this label the controller would manage the slice, and empty it, since it finds no
                // Pods.
                "endpointslice.kubernetes.io/managed-by": "boundtoken-faults",
            },
        },
        "addressType": if listen.is_ipv4() { "IPv4" } else { "IPv6" },
        "ports": [{"name": "webhook", "port": listen.port(), "protocol": "TCP"}],
        "endpoints": [{"addresses": [listen.ip()], "conditions": {"ready": false}}],
    })
}
