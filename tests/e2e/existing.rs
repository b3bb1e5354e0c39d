//! The tests against a cluster that is there already, which for once is that of the node.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::control_plane::eventually;

/// The program runs once more, with no more than a kubeconfig, and names what it leaves out.
pub(crate) async fn by_its_kubeconfig(cluster: Arc<Cluster>) {
    let path = "/api/v1/namespaces/boundtoken";
    cluster.shell("kubectl delete --ignore-not-found -k manifests");
    eventually("no install", async || cluster.api.get(path).await.is_err().then_some(())).await;
    let mut again = cluster.command(std::env::current_exe().unwrap().to_str().unwrap());
    again.env("E2E_CLUSTER", "existing").env("POD_IMAGE", &cluster.pod_image);
    let output = again.arg("a_label_makes_an_hour_of_a_year").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("test tokens::a_label_makes_an_hour_of_a_year ... ok"), "{text}");
    assert!(text.contains("left out, since these need a node of their own: "), "{text}");
    assert!(cluster.api.get(path).await.is_err(), "it leaves nothing behind");
}
