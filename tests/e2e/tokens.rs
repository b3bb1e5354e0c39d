//! The tokens in running Pods, and the programs that use them.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::pods::{self, DEFAULT, claims, exec, lifetime, path_of, pod, read, read_in, review, start, token};
use crate::support::eventually::{eventually, eventually_within};

/// 365 days.
pub(crate) const A_YEAR: i64 = 31_536_000;

/// With the label a token lives an hour, without it a year.
pub(crate) async fn a_label_makes_an_hour_of_a_year(cluster: Arc<Cluster>) {
    assert_a_label_matters(&cluster, "label").await;
}

/// Creates two Pods, one of them in a Namespace with the label, and compares their tokens.
pub(crate) async fn assert_a_label_matters(cluster: &Cluster, name: &str) {
    let labelled = cluster.namespace(&format!("{name}-set"), Some(&[])).await;
    let unlabelled = cluster.namespace(&format!("{name}-not-set"), None).await;
    let [bounded, unbounded] = [labelled, unlabelled].map(|namespace| pod(cluster, &namespace, "plain", &[]));
    let (bounded, unbounded) =
        (started_token(cluster, &bounded).await, started_token(cluster, &unbounded).await);
    assert_eq!(lifetime(&bounded), 3600);
    assert_eq!(claims(&bounded)["aud"], claims(&unbounded)["aud"]);
    let long = lifetime(&unbounded);
    // Other API servers may extend tokens differently.
    assert!(if cluster.own_node().is_some() { long == A_YEAR } else { long > 3600 }, "{long}");
}

/// The default token of a Pod, once the Pod runs.
async fn started_token(cluster: &Cluster, pod: &Value) -> String {
    start(cluster, pod).await;
    token(cluster, pod, &format!("{DEFAULT}/token"))
}

/// The official Python client and curl work unchanged before and after the kubelet refreshes the token.
///
/// A kubelet refreshes tokens when it starts. With `BOUNDTOKEN_SOAK` the test waits for a regular refresh.
pub(crate) async fn clients_of_the_api_server_work_on(cluster: Arc<Cluster>) {
    let namespace = cluster.namespace("clients", Some(&[("ttl", "10m")])).await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "view", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    });
    cluster.api.create(&binding).await.unwrap();
    let pod = pod(&cluster, &namespace, "client", &[]);
    start(&cluster, &pod).await;
    let file = format!("{DEFAULT}/token");
    let first = token(&cluster, &pod, &file);
    assert_eq!(lifetime(&first), 600);
    assert_lists_pods(&cluster, &pod);
    let soak = std::env::var_os("BOUNDTOKEN_SOAK").is_some();
    if !soak {
        cluster.node().restart("kubelet");
    }
    // A refresh is due at 80 % of the lifetime; files are updated about once a minute.
    let patience = Duration::from_mins(if soak { 12 } else { 3 });
    let second = eventually_within(patience, "a new token", async || {
        // `exec` fails while the kubelet starts.
        let output = exec(&cluster, &pod, &["cat", &file]);
        let token = String::from_utf8(output.stdout).unwrap();
        (output.status.success() && token != first).then_some(token)
    })
    .await;
    assert_eq!(lifetime(&second), 600);
    assert_lists_pods(&cluster, &pod);
}

/// Lists Pods with Python and with curl.
fn assert_lists_pods(cluster: &Cluster, pod: &Value) {
    let program = "
import sys
from kubernetes import client, config
config.load_incluster_config()
print(*[pod.metadata.name for pod in client.CoreV1Api().list_namespaced_pod(sys.argv[1]).items])
";
    let namespace = pod["metadata"]["namespace"].as_str().unwrap();
    assert_eq!(read(cluster, pod, &["python3", "-c", program, namespace]), "client\n");
    let script = format!(
        "curl --silent --fail --cacert {DEFAULT}/ca.crt -H \"Authorization: Bearer $(cat {DEFAULT}/token)\" \
         https://$KUBERNETES_SERVICE_HOST/api/v1/namespaces/$(cat {DEFAULT}/namespace)/pods"
    );
    let list: Value = serde_json::from_str(&read(cluster, pod, &["sh", "-c", &script])).unwrap();
    assert_eq!(list["items"][0]["metadata"]["name"], "client");
}

/// The Pod of the Kubernetes documentation, once written by hand and once made by annotations.
pub(crate) async fn a_token_for_vault(cluster: Arc<Cluster>) {
    let namespace = cluster.namespace("vault", Some(&[])).await;
    let mut by_hand = pod(&cluster, &namespace, "by-hand", &[]);
    by_hand["spec"]["volumes"] = json!([{"name": "vault-token", "projected": {"sources": [
        {"serviceAccountToken": {"path": "vault-token", "expirationSeconds": 7200, "audience": "vault"}},
    ]}}]);
    by_hand["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "vault-token", "mountPath": "/var/run/secrets/tokens"}]);
    let settings = [
        ("mode", "add"),
        ("audience", "vault"),
        ("ttl", "2h"),
        ("path", "/var/run/secrets/tokens/vault-token"),
    ];
    for pod in [by_hand, pod(&cluster, &namespace, "by-annotations", &settings)] {
        start(&cluster, &pod).await;
        let token = token(&cluster, &pod, "/var/run/secrets/tokens/vault-token");
        assert_eq!((lifetime(&token), &claims(&token)["aud"]), (7200, &json!(["vault"])));
        assert_eq!(review(&cluster, &token, "vault").await["authenticated"], true);
        let default = pods::token(&cluster, &pod, &format!("{DEFAULT}/token"));
        let api_server = claims(&default)["aud"][0].clone();
        assert_ne!(review(&cluster, &token, api_server.as_str().unwrap()).await["authenticated"], true);
        assert_eq!(lifetime(&default), 3600);
        // The API server accepts the default token, but not the one for Vault.
        assert_eq!(answer_to(&cluster, &default).await, 200);
        assert_eq!(answer_to(&cluster, &token).await, 401);
    }
}

/// The status of a request that every authenticated user may make.
async fn answer_to(cluster: &Cluster, token: &str) -> u16 {
    cluster.api_by(token).await.send(Method::GET, "/api", None).await.unwrap().code
}

/// There is no token file where the ServiceAccount, the Pod or the mode disables it.
pub(crate) async fn no_token(cluster: Arc<Cluster>) {
    let namespace = cluster.namespace("none", Some(&[])).await;
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "quiet", "namespace": namespace},
        "automountServiceAccountToken": false,
    });
    cluster.api.create(&account).await.unwrap();
    let mut of_quiet = pod(&cluster, &namespace, "by-service-account", &[]);
    of_quiet["spec"]["serviceAccountName"] = "quiet".into();
    let mut silent = pod(&cluster, &namespace, "by-pod", &[]);
    silent["spec"]["automountServiceAccountToken"] = false.into();
    for pod in [of_quiet, silent, pod(&cluster, &namespace, "by-mode", &[("mode", "disable")])] {
        assert_eq!(found_in_each_container(&cluster, pod.clone()).await, ["none"; 3], "{pod}");
    }
    // A Pod without settings has a token file, so the checks above can fail.
    let plain = pod(&cluster, &namespace, "plain", &[]);
    assert_eq!(found_in_each_container(&cluster, plain).await, ["some"; 3]);
}

/// Whether an init container, a sidecar and `app` find a token file, as each of them prints it.
async fn found_in_each_container(cluster: &Cluster, mut pod: Value) -> [String; 3] {
    let look = format!("if test -e {DEFAULT}; then printf some; else printf none; fi");
    let image = &cluster.pod_image;
    pod["spec"]["initContainers"] = json!([
        {"name": "before", "image": image, "command": ["sh", "-c", format!("({look}) >/dev/termination-log")]},
        {"name": "beside", "image": image, "command": ["sleep", "infinity"], "restartPolicy": "Always"},
    ]);
    start(cluster, &pod).await;
    let started = cluster.api.get(&path_of(&pod)).await.unwrap();
    let before = &started["status"]["initContainerStatuses"][0]["state"]["terminated"]["message"];
    let found = |container| read_in(cluster, &pod, container, &["sh", "-c", &look]);
    [before.as_str().unwrap().to_owned(), found("beside"), found("app")]
}

/// A Secret that never expires, mounted as in clusters before 1.21, is replaced by a token of an hour.
pub(crate) async fn a_legacy_secret(cluster: Arc<Cluster>) {
    let namespace = cluster.namespace("legacy", Some(&[])).await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "default-token-x7k2b", "namespace": namespace,
            "annotations": {"kubernetes.io/service-account.name": "default"},
        },
    });
    cluster.api.create(&secret).await.unwrap();
    let mut pod = pod(&cluster, &namespace, "old", &[]);
    pod["spec"]["volumes"] =
        json!([{"name": "default-token-x7k2b", "secret": {"secretName": "default-token-x7k2b"}}]);
    pod["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "default-token-x7k2b", "mountPath": DEFAULT, "readOnly": true}]);
    start(&cluster, &pod).await;
    assert_eq!(lifetime(&token(&cluster, &pod, &format!("{DEFAULT}/token"))), 3600);
    assert_eq!(read(&cluster, &pod, &["cat", &format!("{DEFAULT}/namespace")]), namespace);
    assert!(read(&cluster, &pod, &["cat", &format!("{DEFAULT}/ca.crt")]).contains("BEGIN CERTIFICATE"));
}

/// A token becomes invalid when its Pod is deleted.
pub(crate) async fn a_deleted_pod_takes_its_token_along(cluster: Arc<Cluster>) {
    let namespace = cluster.namespace("deleted", Some(&[("audience", "vault")])).await;
    let pod = pod(&cluster, &namespace, "short", &[]);
    start(&cluster, &pod).await;
    let token = token(&cluster, &pod, &format!("{DEFAULT}/token"));
    assert_eq!(review(&cluster, &token, "vault").await["authenticated"], true);
    cluster.api.delete(&path_of(&pod)).await.ok().unwrap();
    eventually("an invalid token", async || {
        let status = review(&cluster, &token, "vault").await;
        (status["authenticated"] != true).then_some(())
    })
    .await;
}
