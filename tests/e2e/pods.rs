//! Running Pods and the files in them.

use std::io::Write;
use std::process::{Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::cluster::{Cluster, annotations};
use crate::support::control_plane::eventually;

/// Where the ServiceAccount plugin mounts the default token.
pub(crate) const DEFAULT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A Pod that sleeps, with one container `app`.
pub(crate) fn pod(cluster: &Cluster, namespace: &str, name: &str, settings: &[(&str, &str)]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations(settings)},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": cluster.pod_image, "command": ["sleep", "infinity"]}],
        },
    })
}

/// Creates a Pod and waits until it runs.
pub(crate) async fn start(cluster: &Cluster, pod: &Value) {
    cluster.api.create(pod).await.unwrap();
    running(cluster, pod).await;
}

/// Waits until every container of a Pod runs.
pub(crate) async fn running(cluster: &Cluster, pod: &Value) {
    let path = path_of(pod);
    eventually(&format!("{path} runs"), async || {
        let pod = cluster.api.get(&path).await.unwrap();
        let containers = pod["status"]["containerStatuses"].as_array()?;
        containers.iter().all(|container| container["ready"] == true).then_some(())
    })
    .await;
}

/// The API path of a Pod.
pub(crate) fn path_of(pod: &Value) -> String {
    let name = |field: &str| pod["metadata"][field].as_str().unwrap();
    format!("/api/v1/namespaces/{}/pods/{}", name("namespace"), name("name"))
}

/// Runs a command in the container `app` of a Pod.
pub(crate) fn exec(cluster: &Cluster, pod: &Value, command: &[&str]) -> Output {
    exec_in(cluster, pod, "app", command)
}

fn exec_in(cluster: &Cluster, pod: &Value, container: &str, command: &[&str]) -> Output {
    let name = |field: &str| pod["metadata"][field].as_str().unwrap();
    let arguments = ["exec", "-n", name("namespace"), name("name"), "-c", container, "--"];
    cluster.try_kubectl(&[&arguments[..], command].concat())
}

/// Runs a command in `app`, which must succeed, with a text on its standard input.
pub(crate) fn exec_with_input(cluster: &Cluster, pod: &Value, command: &[&str], input: &str) {
    let name = |field: &str| pod["metadata"][field].as_str().unwrap();
    let arguments = ["exec", "-i", "-n", name("namespace"), name("name"), "-c", "app", "--"];
    let mut kubectl = cluster.command("kubectl");
    let mut child = kubectl.args(arguments).args(command).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
}

/// The output of a command in `app`, which must succeed.
pub(crate) fn read(cluster: &Cluster, pod: &Value, command: &[&str]) -> String {
    read_in(cluster, pod, "app", command)
}

/// The output of a command in a container, which must succeed.
pub(crate) fn read_in(cluster: &Cluster, pod: &Value, container: &str, command: &[&str]) -> String {
    let output = exec_in(cluster, pod, container, command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The token in a file of a Pod.
pub(crate) fn token(cluster: &Cluster, pod: &Value, file: &str) -> String {
    read(cluster, pod, &["cat", file])
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Seconds from issue to expiry.
pub(crate) fn lifetime(token: &str) -> i64 {
    let claims = claims(token);
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

/// The result of a `TokenReview` of a token for an audience.
pub(crate) async fn review(cluster: &Cluster, token: &str, audience: &str) -> Value {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    });
    cluster.api.create(&review).await.unwrap()["status"].take()
}
