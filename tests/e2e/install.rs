//! boundtoken as a user installs it.

use std::process::Command;

use crate::control_plane::eventually;
use crate::node::{Cluster, run};

/// The image of the manifests, as containerd calls it.
const IMAGE: &str = "docker.io/library/boundtoken:0.1.0";

/// Gives the node the image that `make image` built.
pub(crate) fn import_image(cluster: &Cluster) {
    let archive = cluster.plane.subdirectory().join("boundtoken.tar");
    let target = format!("docker-archive:{}:{IMAGE}", archive.display());
    run(Command::new("buildah").args(["push", "localhost/boundtoken:0.1.0", &target]));
    cluster.containerd.import(&archive);
}

/// `kubectl apply`, and the wait for a ready Deployment.
pub(crate) async fn apply(cluster: &Cluster) {
    kubectl(cluster, &["apply", "-k", concat!(env!("CARGO_MANIFEST_DIR"), "/manifests")]);
    wait_until_ready(cluster).await;
}

/// Until both replicas are ready, and the API server knows whom to call and whom to trust.
pub(crate) async fn wait_until_ready(cluster: &Cluster) {
    let path = "/apis/apps/v1/namespaces/boundtoken/deployments/boundtoken";
    eventually("two ready replicas", async || {
        let status = &cluster.plane.api.get(path).await.unwrap()["status"];
        (status["readyReplicas"] == 2 && status["updatedReplicas"] == 2 && status["replicas"] == 2)
            .then_some(())
    })
    .await;
}

/// Runs kubectl, which must succeed; its stdout.
pub(crate) fn kubectl(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = cluster.plane.kubectl(arguments, "");
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
