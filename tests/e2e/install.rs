//! Installs boundtoken as a user does, and checks that it runs.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::node::run;
use crate::support::control_plane::eventually;

/// The image of the manifests.
pub(crate) const IMAGE: &str = concat!("boundtoken:", env!("CARGO_PKG_VERSION"));

/// The maximum size of the image, in bytes.
const LIMIT: u64 = 14_800_000;

/// The API path of the Namespace.
pub(crate) const NAMESPACE: &str = "/api/v1/namespaces/boundtoken";

/// The API path of the cluster-wide rights.
pub(crate) const CLUSTER_ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/boundtoken";

/// The API path of the Deployment.
pub(crate) const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/boundtoken/deployments/boundtoken";

/// The API path of the webhook configuration.
pub(crate) const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/boundtoken";

/// Imports the image that `make image` built into the node.
pub(crate) fn import_image(cluster: &Cluster) {
    let archive = cluster.node().subdirectory().join("boundtoken.tar");
    // Containerd knows it by its full name.
    let target = format!("docker-archive:{}:docker.io/library/{IMAGE}", archive.display());
    run(Command::new("buildah").args(["push", &format!("localhost/{IMAGE}"), &target]));
    let size = archive.metadata().unwrap().len();
    println!("image: {size} bytes, at most {LIMIT}");
    assert!(size <= LIMIT);
    cluster.node().containerd.import(&archive);
}

/// Replaces the image in the manifests.
pub(crate) fn name_image(workplace: &Path, image: &str) {
    let (name, tag) = image.rsplit_once(':').unwrap();
    replace(
        &workplace.join("manifests/base/kustomization.yaml"),
        &[
            ("newName: boundtoken", &format!("newName: {name}")),
            (concat!("newTag: ", env!("CARGO_PKG_VERSION")), &format!("newTag: {tag}")),
        ],
    );
    replace(
        &workplace.join("manifests/install.yaml"),
        &[(&format!("image: {IMAGE}"), &format!("image: {image}"))],
    );
}

fn replace(file: &Path, words: &[(&str, &str)]) {
    let mut text = std::fs::read_to_string(file).unwrap();
    for (from, to) in words {
        assert!(text.contains(from), "{}: {from}", file.display());
        text = text.replace(from, to);
    }
    std::fs::write(file, text).unwrap();
}

/// Installs with the defaults, and waits until both replicas are ready.
pub(crate) async fn install(cluster: &Cluster) {
    cluster.kubectl(&["apply", "-k", "manifests"]);
    wait_until_ready(cluster, 2).await;
}

/// Waits until this many replicas are ready, no older ones are left, and the API server calls exactly these.
pub(crate) async fn wait_until_ready(cluster: &Cluster, replicas: usize) {
    eventually("ready replicas", async || {
        let Ok(deployment) = cluster.api.get(DEPLOYMENT).await else { return Err(Value::Null) };
        let status = &deployment["status"];
        let counts = |field: &str, count: usize| status[field].as_u64() == Some(count as u64);
        let generation = status["observedGeneration"] == deployment["metadata"]["generation"];
        let ready = counts("readyReplicas", replicas)
            && status["updatedReplicas"] == status["replicas"]
            && generation
            && called(cluster).await == replicas;
        if ready { Ok(()) } else { Err(status.clone()) }
    })
    .await;
}

/// The number of ready endpoints, which the API server may call.
pub(crate) async fn called(cluster: &Cluster) -> usize {
    let slices = "/apis/discovery.k8s.io/v1/namespaces/boundtoken/endpointslices";
    let slices = cluster.api.list(slices).await;
    let endpoints = slices.iter().flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
}

/// The Pods of boundtoken that are not terminating.
pub(crate) async fn replicas(cluster: &Cluster) -> Vec<Value> {
    let selector = "labelSelector=app.kubernetes.io/name=boundtoken";
    let mut pods = cluster.api.list(&format!("/api/v1/namespaces/boundtoken/pods?{selector}")).await;
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    pods
}
