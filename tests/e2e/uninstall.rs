//! Installs and uninstalls in each supported way. Afterwards nothing of boundtoken may block Pods.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::applied::assert_unchanged;
use crate::cluster::Cluster;
use crate::install::{self, wait_until_ready};
use crate::support::control_plane::api::collection;
use crate::support::control_plane::eventually;
use crate::support::pages::block;
use crate::tokens::assert_a_label_matters;
use crate::traffic::{Create, Traffic, create};

/// The maximum time during which an uninstall may refuse labelled Pods.
const SECONDS: Duration = Duration::from_secs(30);

/// The shortest uninstall.
const BY_NAMESPACE: &str = "kubectl delete namespace boundtoken";

/// The cluster-wide objects that remain, none of which calls a webhook
/// (docs/operate/upgrade-and-uninstall.md).
const LEFT_BY_NAMESPACE: [&str; 2] = ["ClusterRole", "ClusterRoleBinding"];

/// `kubectl apply -k manifests`, and `kubectl delete -k manifests`.
pub(crate) async fn by_kustomization(cluster: Arc<Cluster>) {
    install::install(&cluster).await;
    assert_a_label_matters(&cluster, "kustomization").await;
    assert_leaves_nothing(&cluster, "kustomization", "kubectl delete -k manifests").await;
}

/// Installs and uninstalls with one file.
pub(crate) async fn by_file(cluster: Arc<Cluster>) {
    cluster.shell("kubectl apply -f manifests/install.yaml");
    wait_until_ready(&cluster, 2).await;
    assert_a_label_matters(&cluster, "file").await;
    assert_leaves_nothing(&cluster, "file", "kubectl delete -f manifests/install.yaml").await;
}

/// Only the Namespace is deleted. The webhook configuration, which is cluster-wide, is deleted with it.
pub(crate) async fn by_namespace(cluster: Arc<Cluster>) {
    install::install(&cluster).await;
    assert_a_label_matters(&cluster, "namespace").await;
    assert_leaves(&cluster, "namespace", BY_NAMESPACE, &LEFT_BY_NAMESPACE).await;
}

/// The overlay for API servers that cannot reach Pods. One node has room for one of the two replicas.
pub(crate) async fn on_the_network_of_the_host(cluster: Arc<Cluster>) {
    cluster.shell("kubectl apply -k manifests/hostnetwork");
    wait_until_ready(&cluster, 1).await;
    assert_only_on_loopback(&cluster, 10261).await;
    assert_unchanged(&cluster, "-k manifests/hostnetwork");
    assert_a_label_matters(&cluster, "host").await;
    assert_leaves_nothing(&cluster, "host", "kubectl delete -k manifests/hostnetwork").await;
}

/// The admin port listens on loopback only, since it needs no authentication.
async fn assert_only_on_loopback(cluster: &Cluster, port: u16) {
    let replicas = install::replicas(cluster).await;
    let node = replicas.iter().find_map(|pod| pod["status"]["podIP"].as_str()).unwrap();
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let refusal = TcpStream::connect((node, port)).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::ConnectionRefused);
}

/// As above, but only the Namespace is deleted.
pub(crate) async fn on_the_network_of_the_host_by_namespace(cluster: Arc<Cluster>) {
    cluster.shell("kubectl apply -k manifests/hostnetwork");
    wait_until_ready(&cluster, 1).await;
    assert_a_label_matters(&cluster, "host-namespace").await;
    assert_leaves(&cluster, "host-namespace", BY_NAMESPACE, &LEFT_BY_NAMESPACE).await;
}

/// The overlay for certificates of your own, step by step as its page describes.
pub(crate) async fn with_certificates_of_ones_own(cluster: Arc<Cluster>) {
    cluster.shell(&block("own-certificates"));
    wait_until_ready(&cluster, 2).await;
    assert_unchanged(&cluster, "-k manifests/static-tls");
    assert_a_label_matters(&cluster, "static").await;
    renew(&cluster).await;
    assert_leaves_nothing(&cluster, "static", &block("own-certificates-undone")).await;
}

/// A certificate that is due is replaced in the Secret, under the same CA. Others are kept.
async fn renew(cluster: &Cluster) {
    let files = || {
        let tls = cluster.workplace().join("tls");
        ["ca.crt", "tls.crt"].map(|file| std::fs::read(tls.join(file)).unwrap())
    };
    let [authority, serving] = files();
    cluster.shell(&block("own-certificates-renewed"));
    assert_eq!(files(), [authority.clone(), serving.clone()]);
    std::fs::remove_file(cluster.workplace().join("tls/tls.crt")).unwrap();
    cluster.shell(&block("own-certificates-renewed"));
    let [still, renewed] = files();
    assert_eq!(still, authority);
    assert_ne!(renewed, serving);
    let secret = cluster.api.get("/api/v1/namespaces/boundtoken/secrets/boundtoken-tls").await.unwrap();
    assert_eq!(secret["data"]["tls.crt"], STANDARD.encode(renewed));
}

async fn assert_leaves_nothing(cluster: &Cluster, name: &str, uninstall: &str) {
    assert_leaves(cluster, name, uninstall, &[]).await;
}

/// Uninstalls while Pods are created with and without the label. Only these kinds of objects of the manifests
/// remain.
///
/// Returns the number of labelled Pods that were refused.
pub(crate) async fn assert_leaves(cluster: &Cluster, name: &str, uninstall: &str, kinds: &[&str]) -> usize {
    let [labelled, unlabelled] = ["set", "not-set"].map(|label| cluster.name(&format!("{name}-{label}")));
    let [with, without] = [&labelled, &unlabelled].map(|namespace| Traffic::start(&cluster.api, namespace));
    let began = Instant::now();
    cluster.shell(uninstall);
    let uninstalled = began.elapsed();
    eventually("a Pod in a labelled Namespace", async || create(&cluster.api, &labelled).await.outcome).await;
    let (left, gone): (Vec<_>, Vec<_>) =
        objects(cluster).into_iter().partition(|object| kinds.iter().any(|kind| object["kind"] == *kind));
    for path in gone.iter().map(path_of) {
        eventually("nothing left", async || cluster.api.gone(&path).await).await;
    }
    assert_eq!(left.len(), kinds.len());
    for path in left.iter().map(path_of) {
        cluster.api.get(&path).await.unwrap();
    }
    let (with, without) = (with.end().await, without.end().await);
    let last = with.iter().filter(|create| create.outcome.is_err()).map(|create| create.asked + create.took);
    let last = last.max().map_or(Duration::ZERO, |last| last - began);
    println!(
        "{uninstall}: took {uninstalled:.1?}; labelled: {} of {} Pods refused, the last one after {last:.1?}; \
         not labelled: {} of {}",
        refused(&with),
        with.len(),
        refused(&without),
        without.len(),
    );
    assert_eq!(refused(&without), 0);
    assert!(last <= SECONDS, "{last:?}");
    refused(&with)
}

/// The objects of the manifests; the overlays add no kinds.
fn objects(cluster: &Cluster) -> Vec<Value> {
    let text = std::fs::read_to_string(cluster.workplace().join("manifests/install.yaml")).unwrap();
    text.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

fn path_of(object: &Value) -> String {
    format!("{}/{}", collection(object), object["metadata"]["name"].as_str().unwrap())
}

fn refused(creates: &[Create]) -> usize {
    creates.iter().filter(|create| create.outcome.is_err()).count()
}
