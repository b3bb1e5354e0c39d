//! Applying the manifests again changes nothing that boundtoken wrote meanwhile.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::install::{CONFIGURATION, install, wait_until_ready};
use crate::support::control_plane::eventually;
use crate::support::pages::block;
use crate::traffic::Traffic;

const SECRET: &str = "/api/v1/namespaces/boundtoken/secrets/boundtoken-certificates";

/// Applies the kustomization again, and the same objects as one file.
pub(crate) async fn again(cluster: Arc<Cluster>) {
    install(&cluster).await;
    for manifests in ["-k manifests", "-f manifests/install.yaml"] {
        assert_unchanged(&cluster, manifests);
    }
}

/// Applies the manifests after a new key and a new CA. No Pod is refused during the rotation.
pub(crate) async fn after_a_rotation(cluster: Arc<Cluster>) {
    let overlay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/impatient");
    cluster.shell(&format!("cp -r {overlay} ."));
    cluster.shell("kubectl apply -k impatient");
    wait_until_ready(&cluster, 2).await;
    let namespace = cluster.namespace("rotation", Some(&[])).await;
    let [serving, bundle] = [certificate(&cluster).await, bundle(&cluster).await];
    let traffic = Traffic::start(&cluster.api, &namespace);
    cluster.shell(&block("new-key"));
    eventually("another serving certificate", async || {
        (certificate(&cluster).await != serving).then_some(())
    })
    .await;
    assert_ne!(self::bundle(&cluster).await, bundle);
    assert_unchanged(&cluster, "-k impatient");
    // kubectl exits with 1 and prints a diff if anything would change.
    assert_eq!(cluster.kubectl(&["diff", "-k", "impatient"]), "");
    let creates = traffic.end().await;
    let refused: Vec<_> = creates.iter().filter_map(|create| create.outcome.as_ref().err()).collect();
    println!("new key: {} of {} Pods refused", refused.len(), creates.len());
    assert!(refused.is_empty(), "{refused:?}");
}

/// Applies manifests that are already applied: kubectl reports no change, and every object stays as it is.
pub(crate) fn assert_unchanged(cluster: &Cluster, manifests: &str) {
    let objects = format!("kubectl get {manifests} -o yaml");
    let before = cluster.shell(&objects);
    let printed = cluster.shell(&format!("kubectl apply {manifests}"));
    let named = cluster.shell(&format!("kubectl get {manifests} -o name"));
    assert_eq!(printed.lines().count(), named.lines().count(), "{printed}{named}");
    // The API replaces this selector rather than merging it. kubectl sends such a field each time, and then
    // reports "configured". The last line proves that nothing changes.
    let budget = "poddisruptionbudget.policy/boundtoken configured";
    let changed: Vec<_> =
        printed.lines().filter(|line| !line.ends_with(" unchanged") && *line != budget).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(before, cluster.shell(&objects));
}

async fn certificate(cluster: &Cluster) -> String {
    cluster.api.get(SECRET).await.unwrap()["data"]["tls.crt"].to_string()
}

/// The `caBundle` that API servers trust.
pub(crate) async fn bundle(cluster: &Cluster) -> String {
    cluster.api.get(CONFIGURATION).await.unwrap()["webhooks"][0]["clientConfig"]["caBundle"].to_string()
}
