//! Reads a real API server with twenty thousand Pods of four hundred Deployments.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::judge;
use crate::process::Measured;
use crate::support::control_plane::ControlPlane;
use crate::support::program::boundtoken;

/// Numbers of objects, and how many are created at a time.
const NAMESPACES: usize = 20;
const DEPLOYMENTS: usize = 400;
const PODS: usize = 20_000;
const AT_A_TIME: usize = 32;

/// Runs of which the median counts.
const RUNS: usize = 3;

/// Goals.
const TIME: Duration = Duration::from_secs(15);
const MEMORY: f64 = 64.0;

/// Prints the figures. Returns whether the goals hold.
pub(crate) async fn measure(plane: &Arc<ControlPlane>) -> bool {
    create_all(plane).await;
    let kubeconfig = plane.kubeconfig();
    let read = move || {
        Measured::median(RUNS, || {
            let mut command = boundtoken(&["audit", "--fail-on", "never", "-o", "json", "--kubeconfig"]);
            command.arg(&kubeconfig).stderr(std::process::Stdio::null());
            command
        })
    };
    let run = tokio::task::spawn_blocking(read).await.unwrap();
    println!("\naudit of {PODS} Pods in a real API server");
    let is_fast = judge("seconds", run.time.as_secs_f64(), "s", TIME.as_secs_f64(), false);
    judge("memory", run.memory, "MB", MEMORY, false) && is_fast
}

async fn create_all(plane: &Arc<ControlPlane>) {
    for number in 0..NAMESPACES {
        let name = format!("load-{number:02}");
        plane
            .api
            .create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
            .await
            .unwrap();
        plane.wait_for_service_account(&name).await;
    }
    // It would scale the owners, and remove Pods.
    plane.kill("kube-controller-manager");
    let owners = stream::iter(0..DEPLOYMENTS).map(|number| async move {
        let deployment = plane.api.create(&deployment(number)).await.unwrap();
        plane.api.create(&replica_set(number, &deployment["metadata"]["uid"])).await.unwrap()["metadata"]
                ["uid"]
                .clone()
    });
    let owners: Vec<Value> = owners.buffered(AT_A_TIME).collect().await;
    let owners = &owners;
    stream::iter(0..PODS)
        .for_each_concurrent(AT_A_TIME, |number| async move {
            let owner = number % DEPLOYMENTS;
            plane.api.create(&pod(number, owner, &owners[owner])).await.unwrap();
        })
        .await;
}

fn names(owner: usize) -> [String; 3] {
    let name = format!("web-{owner:03}");
    [format!("load-{:02}", owner % NAMESPACES), format!("{name}-5d4f8c7b9"), name]
}

fn deployment(number: usize) -> Value {
    let [namespace, _, name] = names(number);
    let (labels, template) = template(&name);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template}})
}

fn replica_set(number: usize, owner: &Value) -> Value {
    let [namespace, set, name] = names(number);
    let (labels, template) = template(&name);
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": set, "namespace": namespace, "ownerReferences": [reference("Deployment", &name, owner)]},
        "spec": {"selector": {"matchLabels": labels}, "template": template}})
}

fn pod(number: usize, owner: usize, uid: &Value) -> Value {
    let [namespace, set, name] = names(owner);
    let (labels, template) = template(&name);
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{set}-{number:05}"), "namespace": namespace, "labels": labels,
            "ownerReferences": [reference("ReplicaSet", &set, uid)]},
        "spec": template["spec"]})
}

fn reference(kind: &str, name: &str, uid: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true})
}

/// The labels and the template of a workload of a usual size: two containers with variables, limits and probes.
fn template(name: &str) -> (Value, Value) {
    let labels =
        json!({"app": name, "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "helm"});
    let variables: Vec<Value> = (0..12)
        .map(|number| json!({"name": format!("SETTING_{number}"), "value": format!("https://{name}.example.com/{number}")}))
        .collect();
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10});
    let limits = json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}});
    let container = |name: &str| {
        json!({"name": name, "image": "registry.example.com/shop/web:1.4.2", "env": variables,
        "resources": limits, "livenessProbe": probe, "readinessProbe": probe})
    };
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container("app"), container("proxy")]}});
    (labels, template)
}
