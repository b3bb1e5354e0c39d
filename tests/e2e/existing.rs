//! Runs the tests against an existing cluster, which in this case is that of the node.

use std::process::Output;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::install::{CLUSTER_ROLE, CONFIGURATION, NAMESPACE, install};
use crate::support::control_plane::eventually;

/// With only a kubeconfig, the program runs and lists the tests that it skips.
pub(crate) async fn by_its_kubeconfig(cluster: Arc<Cluster>) {
    cluster.shell("kubectl delete --ignore-not-found -k manifests");
    eventually("no install", async || cluster.api.gone(NAMESPACE).await).await;
    let output = run_again(&cluster);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("test tokens::a_label_makes_an_hour_of_a_year ... ok"), "{text}");
    assert!(text.contains("left out, since these need a node of their own: "), "{text}");
    cluster.api.gone(NAMESPACE).await.expect("it leaves nothing behind");
}

/// If any object of boundtoken exists, the program refuses to run and deletes nothing.
pub(crate) async fn not_where_boundtoken_is(cluster: Arc<Cluster>) {
    install(&cluster).await;
    assert_refuses(&cluster, NAMESPACE).await;
    cluster.shell("kubectl delete namespace boundtoken");
    eventually("no configuration", async || cluster.api.gone(CONFIGURATION).await).await;
    assert_refuses(&cluster, CLUSTER_ROLE).await;
}

/// Asserts that the program names the object that exists, and keeps it.
async fn assert_refuses(cluster: &Cluster, path: &str) {
    let before = cluster.api.get(path).await.unwrap();
    let output = run_again(cluster);
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.ends_with(&format!("instead of 404, {path} answers 200 \n")), "{said}");
    assert_eq!(cluster.api.get(path).await.unwrap()["metadata"]["uid"], before["metadata"]["uid"]);
}

/// Runs the tests again with this cluster as an existing one.
fn run_again(cluster: &Cluster) -> Output {
    let mut again = cluster.command(std::env::current_exe().unwrap().to_str().unwrap());
    again.env("E2E_CLUSTER", "existing").env("POD_IMAGE", &cluster.pod_image);
    again.arg("a_label_makes_an_hour_of_a_year").output().unwrap()
}
