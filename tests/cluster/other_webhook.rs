//! Another webhook, over TLS, that appends to Pods before or after ours.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::namespaces::NamespaceStore;
use boundtoken::server::connections::Connections;
use boundtoken::server::limits::IDLE_TIMEOUT;
use boundtoken::server::routes::Webhook;
use http_body_util::Full;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{configuration, probe};

/// A webhook that runs until it is dropped.
pub(crate) struct OtherWebhook {
    serving: JoinHandle<()>,
}

impl OtherWebhook {
    /// Registers a webhook that patches each Pod of a Namespace.
    ///
    /// The API server calls configurations in the order of their names; ours is `boundtoken-…`.
    pub(crate) async fn start(
        plane: &ControlPlane,
        name: &str,
        namespace: &str,
        patch: impl Fn(&Value) -> Value + Clone + Send + Sync + 'static,
    ) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let answer = move |Json(review): Json<Value>| async move {
            counted.fetch_add(1, Ordering::Relaxed);
            Json(patched(&review["request"], &patch(&review["request"]["object"])))
        };
        let other = Self::serve(plane, name, namespace, Router::new().route("/mutate", post(answer))).await;
        eventually("a call of the other webhook", async || {
            probe(plane, namespace).await;
            (calls.load(Ordering::Relaxed) > 0).then_some(())
        })
        .await;
        other
    }

    /// Registers a handler of `/mutate` for the Pods of a Namespace.
    pub(crate) async fn serve(plane: &ControlPlane, name: &str, namespace: &str, router: Router) -> Self {
        let (listener, authority) = TlsListener::bind().await;
        let url = format!("https://localhost:{}/mutate", listener.tcp.local_addr().unwrap().port());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let selector = json!({"kubernetes.io/metadata.name": namespace});
        let webhook = format!("{name}.example.com");
        let mut configuration = configuration(name, &webhook, &selector, &url, authority.as_bytes());
        // The API's default, so that the API server calls this webhook once per Pod.
        configuration["webhooks"][0]["reinvocationPolicy"] = "Never".into();
        plane.api.create(&configuration).await.unwrap();
        Self { serving }
    }
}

impl Drop for OtherWebhook {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The routes of the product's own webhook.
pub(crate) fn router<S: NamespaceStore>(webhook: Webhook<S>) -> Router {
    let slot = Connections::new("webhook", 1, IDLE_TIMEOUT).admit(Ipv4Addr::LOCALHOST.into()).unwrap();
    let (webhook, slot) = (Arc::new(webhook), Arc::new(slot));
    Router::new().fallback(move |request: Request| {
        let (webhook, slot) = (Arc::clone(&webhook), Arc::clone(&slot));
        async move {
            let (head, body) = request.into_parts();
            let body = Full::new(axum::body::to_bytes(body, usize::MAX).await.unwrap());
            webhook.handle(Request::from_parts(head, body), &slot).await
        }
    })
}

/// A review with a response that carries a patch, which may be empty.
fn patched(request: &Value, patch: &Value) -> Value {
    let mut response = json!({"uid": request["uid"], "allowed": true});
    if patch != &json!([]) {
        response["patchType"] = "JSONPatch".into();
        response["patch"] = STANDARD.encode(patch.to_string()).into();
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

/// A listener that completes TLS handshakes.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    /// Listens on a free port with a self-signed certificate for `localhost`.
    async fn bind() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config =
            config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (Self { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) }, made.cert.pem())
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
