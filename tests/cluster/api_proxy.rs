//! The proxy delays, holds back and refuses, as other tests expect.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use http::Request;
use kube::Client;
use kube::api::WatchEvent;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::api_proxy::ApiProxy;
use crate::support::control_plane::{Api, ControlPlane, eventually};

const NAMESPACES: &str = "/api/v1/namespaces";

/// A change takes effect while its response is held back.
pub(crate) async fn an_effect_before_its_answer(plane: Arc<ControlPlane>) {
    let (proxy, client) = proxied(&plane).await;
    let mut effects = proxy.effects();
    let create =
        tokio::spawn(async move { Api::new(client).create(&namespace("held-back", "effect")).await });
    let effect = effects.recv().await.unwrap();
    assert_eq!((effect.method.as_str(), effect.path.as_str()), ("POST", NAMESPACES));
    plane.api.get(&format!("{NAMESPACES}/held-back")).await.unwrap();
    assert!(!create.is_finished());
    drop(effect);
    create.await.unwrap().unwrap();
    assert_eq!(proxy.count(|method, path| method == "POST" && path == NAMESPACES), 1);
}

/// Events are late, and stay in order.
pub(crate) async fn late_events_in_order(plane: Arc<ControlPlane>) {
    const LATE: Duration = Duration::from_secs(1);
    let (proxy, client) = proxied(&plane).await;
    let first = AtomicBool::new(true);
    proxy.delay_watches(move || if first.swap(false, Ordering::SeqCst) { LATE } else { Duration::ZERO });
    let path = format!("{NAMESPACES}?watch=true&labelSelector=install=late-events");
    let watch = client.request_events::<Value>(Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    let begin = Instant::now();
    for name in ["late-1", "late-2"] {
        plane.api.create(&namespace(name, "late-events")).await.unwrap();
    }
    let mut watch = pin!(watch);
    for name in ["late-1", "late-2"] {
        let WatchEvent::Added(added) = watch.try_next().await.unwrap().unwrap() else { panic!("{name}") };
        assert_eq!(added["metadata"]["name"], name);
        let reported = proxy.first_event(name).unwrap();
        assert!((begin + LATE..=Instant::now()).contains(&reported), "{name}: {:?}", reported - begin);
    }
}

/// New connections are refused and open ones end; later both work again.
pub(crate) async fn refused_for_a_time(plane: Arc<ControlPlane>) {
    let (mut proxy, client) = proxied(&plane).await;
    let (api, path) = (Api::new(client), format!("{NAMESPACES}/default"));
    api.get(&path).await.unwrap();
    proxy.refuse().await;
    // The first call may still fail on a connection that was kept alive.
    eventually("a refused connection", async || {
        let error = api.get(&path).await.unwrap_err();
        if error.contains("Connect") { Ok(()) } else { Err(error) }
    })
    .await;
    proxy.accept().await;
    api.get(&path).await.unwrap();
}

/// A proxy, and a client of the administrator that uses it.
async fn proxied(plane: &ControlPlane) -> (ApiProxy, Client) {
    let proxy = ApiProxy::start(&plane.kubeconfig()).await;
    let kubeconfig = Kubeconfig::read_from(proxy.kubeconfig_for(&plane.kubeconfig())).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    (proxy, boundtoken::cluster::client(config).unwrap())
}

fn namespace(name: &str, install: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"install": install}}})
}
