//! What the pages tell users to type, typed.

use std::sync::Arc;

use serde_json::json;

use crate::blocks::block;
use crate::cluster::Cluster;
use crate::control_plane::eventually;
use crate::install::wait_until_ready;
use crate::pods::{self, DEFAULT, lifetime, pod};

/// From zero to the first bounded token, in a Namespace `shop` with a Deployment.
pub(crate) async fn the_install_of_the_readme(cluster: Arc<Cluster>) {
    cluster.shell("kubectl create namespace shop");
    cluster.api.wait_for_service_account("shop").await;
    let mut template = pod(&cluster, "shop", "unused", &[]);
    template["metadata"] = json!({"labels": {"app": "web"}});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    });
    cluster.api.create(&deployment).await.unwrap();
    assert_eq!(lifetime(&token_of_web(&cluster).await), 31_536_000);
    cluster.shell(&block("install"));
    wait_until_ready(&cluster, 2).await;
    cluster.shell("kubectl -n shop rollout status deployment web");
    assert_eq!(lifetime(&token_of_web(&cluster).await), 3600);
    cluster.shell("kubectl delete namespace shop");
}

/// The token in the one Pod of the Deployment that is not about to end.
async fn token_of_web(cluster: &Cluster) -> String {
    let running = eventually("a Pod of web", async || {
        let mut pods = cluster.api.list("/api/v1/namespaces/shop/pods").await;
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        pods.pop().filter(|pod| pod["status"]["phase"] == "Running" && pods.is_empty())
    })
    .await;
    pods::token(cluster, &running, &format!("{DEFAULT}/token"))
}
