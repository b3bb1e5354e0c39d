//! Containers with mounts near the directory of their token start, with the token or without it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{Cluster, annotations};
use crate::pods::{exec, path_of, read, running};
use crate::support::eventually::eventually;
use crate::support::nested::{FAILS, Nested, WORKS};

/// The directory of the token.
pub(crate) const DIRECTORY: &str = "/srv/conf/creds";

/// Every container that is patched starts; one that could not start with the token keeps what it has.
pub(crate) async fn beside_a_token(cluster: Arc<Cluster>) {
    let token = format!("{DIRECTORY}/token");
    let settings = [("mode", "add"), ("path", &*token), ("audience", "vault")];
    let namespace = cluster.namespace("mounts", Some(&[])).await;
    create_sources(&cluster, &namespace).await;
    let pods: Vec<(Value, bool)> = [(WORKS, true), (FAILS, false)]
        .into_iter()
        .flat_map(|(nested, works)| nested.iter().map(move |nested| (nested, works)))
        .map(|(nested, works)| (pod(&cluster, &namespace, nested, &settings), works))
        .collect();
    for (pod, _) in &pods {
        cluster.api.create(pod).await.unwrap();
    }
    for (pod, works) in &pods {
        running(&cluster, pod).await;
        let name = &pod["metadata"]["name"];
        if *works {
            assert!(read(&cluster, pod, &["cat", &token]).starts_with("ey"), "{name}");
        } else {
            // A file of the Pod's own may be there.
            let found = exec(&cluster, pod, &["cat", &token]);
            assert!(!found.stdout.starts_with(b"ey"), "{name} holds the token");
        }
        cluster.api.delete(&path_of(pod)).await.ok().unwrap();
    }
}

/// Pods in which the token would hide a file or a mount of the Pod, or the other way round, rather than fail.
const HIDES: [&str; 6] = [
    "taken",
    "taken-with-dots",
    "token-of-the-name",
    "key-in-a-directory-of-the-name",
    "directory-at-the-token",
    "directory-below-the-token",
];

/// With a token that is mounted by hand, the other containers of [`FAILS`] do not start.
pub(crate) async fn in_the_way_of_a_token(cluster: Arc<Cluster>) {
    let namespace = cluster.namespace("mounts-by-hand", None).await;
    create_sources(&cluster, &namespace).await;
    let by_hand = FAILS.iter().filter(|nested| !HIDES.contains(&nested.name));
    let pods: Vec<Value> = by_hand
        .map(|nested| {
            let mut pod = pod(&cluster, &namespace, nested, &[]);
            let sources = json!([{"serviceAccountToken": {"path": "token", "audience": "vault"}}]);
            let volume = json!({"name": "token", "projected": {"sources": sources}});
            let mount = json!({"name": "token", "mountPath": DIRECTORY, "readOnly": true});
            pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
            pod["spec"]["containers"][0]["volumeMounts"].as_array_mut().unwrap().push(mount);
            pod
        })
        .collect();
    for pod in &pods {
        cluster.api.create(pod).await.unwrap();
    }
    for pod in &pods {
        let (path, name) = (path_of(pod), pod["metadata"]["name"].as_str().unwrap());
        let events =
            format!("/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name={name}");
        let failure = eventually(&format!("{name} fails"), async || {
            let status = cluster.api.get(&path).await.unwrap()["status"].take();
            assert_ne!(status["containerStatuses"][0]["ready"], true, "{name} runs");
            let events = cluster.api.list(&events).await;
            let failed = events
                .iter()
                .find(|event| ["Failed", "FailedMount"].iter().any(|reason| event["reason"] == *reason));
            failed.map(|event| event["message"].as_str().unwrap().to_owned())
        })
        .await;
        println!("{name}: {failure}");
        cluster.api.delete(&path).await.ok().unwrap();
    }
}

/// The Secret and the ConfigMap that the Pods mount.
pub(crate) async fn create_sources(cluster: &Cluster, namespace: &str) {
    for kind in ["Secret", "ConfigMap"] {
        let data = if kind == "Secret" { "stringData" } else { "data" };
        let source = json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": "conf", "namespace": namespace},
            data: {"key": "value"},
        });
        cluster.api.create(&source).await.unwrap();
    }
}

fn pod(cluster: &Cluster, namespace: &str, nested: &Nested, settings: &[(&str, &str)]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": nested.name, "namespace": namespace, "annotations": annotations(settings)},
        "spec": nested.spec(&cluster.pod_image),
    })
}
