//! Workloads whose programs use their tokens in different ways, and ways to make them old.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::node::run;
use crate::pods::{DEFAULT, exec_with_input, path_of, read};
use crate::support::control_plane::eventually;
use crate::support::old_token;

/// Where clients keep the token that they have read.
const KEPT: &str = "/tmp/token";

/// The Pods seem to be so many days older than they are.
const DAYS: i64 = 2;

/// Two days, in seconds.
pub(crate) const OLD: i64 = DAYS * 86_400;

/// A program in a Pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Program {
    /// The official Python client.
    Python,
    /// curl, which gets the token of the file each time.
    Curl,
    /// curl, with a copy of the token that is made at the start and then every four hours.
    Copy,
    /// curl, with a copy of the token that is made at the start.
    Once,
    /// curl, with a file that is mounted with `subPath`.
    SubPath,
    /// A program that sends no requests.
    Idle,
}

/// Where the token is mounted with `subPath`.
const SUB_PATH: &str = "/var/run/secrets/token";

impl Program {
    fn command(self, namespace: &str) -> Value {
        let curl = |file: &str| {
            format!(
                "curl --silent --output /dev/null --cacert {DEFAULT}/ca.crt --header \"Authorization: Bearer $(cat {file})\" \
                 https://$KUBERNETES_SERVICE_HOST/api/v1/namespaces/{namespace}/pods; sleep 1"
            )
        };
        let copy = format!("cp {DEFAULT}/token {KEPT}");
        let python = format!(
            "import time\nfrom kubernetes import client, config\nconfig.load_incluster_config()\n\
             core = client.CoreV1Api()\nwhile True:\n  core.list_namespaced_pod({namespace:?})\n  time.sleep(1)"
        );
        let script = match self {
            Self::Python => return json!(["python3", "-c", python]),
            Self::Curl => format!("while :; do {}; done", curl(&format!("{DEFAULT}/token"))),
            Self::Copy => format!(
                "while :; do {copy}; next=$(($(date +%s) + 14400)); while [ $(date +%s) -lt $next ]; do {}; done; done",
                curl(KEPT)
            ),
            Self::Once => format!("{copy}; while :; do {}; done", curl(KEPT)),
            Self::SubPath => {
                format!(
                    "while :; do {}; done",
                    curl(SUB_PATH).replace(&format!("--cacert {DEFAULT}/ca.crt"), "--insecure")
                )
            }
            Self::Idle => "sleep infinity".to_owned(),
        };
        json!(["sh", "-c", script])
    }
}

/// A Deployment or `DaemonSet` with a Pod that runs a program, and a `ServiceAccount` of its name.
pub(crate) fn workload(
    cluster: &Cluster,
    namespace: &str,
    kind: &str,
    name: &str,
    program: Program,
) -> [Value; 2] {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}});
    let mut spec = json!({
        "serviceAccountName": name,
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": cluster.pod_image, "command": program.command(namespace)}],
    });
    if program == Program::SubPath {
        spec["automountServiceAccountToken"] = false.into();
        let token = json!({"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}});
        spec["volumes"] = json!([{"name": "token", "projected": {"sources": [token]}}]);
        spec["containers"][0]["volumeMounts"] =
            json!([{"name": "token", "mountPath": SUB_PATH, "subPath": "token"}]);
    }
    let template = json!({"metadata": {"labels": {"app": name}}, "spec": spec});
    let owner = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    });
    [account, owner]
}

/// The Pods of a Namespace, once each of its workloads has one Pod of the current template, which runs, and no other.
pub(crate) async fn settled(cluster: &Cluster, namespace: &str) -> Vec<Value> {
    let workloads = cluster.kubectl(&["-n", namespace, "get", "deployment,daemonset", "-o", "name"]);
    for name in workloads.lines() {
        cluster.kubectl(&["-n", namespace, "rollout", "status", "--timeout=3m", name]);
    }
    eventually("a Pod per workload", async || {
        let pods = cluster.api.list(&format!("/api/v1/namespaces/{namespace}/pods")).await;
        let mut names: Vec<&Value> = pods.iter().map(|pod| &pod["metadata"]["labels"]["app"]).collect();
        names.dedup();
        let is_one_each = names.len() == pods.len() && pods.len() == workloads.lines().count();
        let is_ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
        if is_one_each && pods.iter().all(is_ready) { Ok(pods) } else { Err(pods.len()) }
    })
    .await
}

/// Replaces the token that a client keeps by the same one, issued so many seconds earlier.
pub(crate) fn keep_old_token(cluster: &Cluster, pod: &Value, seconds: i64) {
    let token = read(cluster, pod, &["cat", &format!("{DEFAULT}/token")]);
    let old = old_token::issued_earlier(cluster.node().directory(), &token, seconds);
    exec_with_input(cluster, pod, &["sh", "-c", &format!("cat > {KEPT}")], &old);
}

/// Replaces the token in the file that is mounted with `subPath`. It stays mounted when the kubelet writes the next one.
pub(crate) fn mount_old_token(cluster: &Cluster, pod: &Value, seconds: i64) {
    let file = cluster.node().token_file(pod, "token");
    let token = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, old_token::issued_earlier(cluster.node().directory(), &token, seconds)).unwrap();
}

/// Makes Pods seem two days older, by the times in etcd. The kubelet has to be stopped, because it would correct them.
pub(crate) async fn make_old(cluster: &Cluster, pods: &[Value]) {
    for pod in pods {
        let mut pod = cluster.api.get(&path_of(pod)).await.unwrap();
        for time in [
            "/metadata/creationTimestamp",
            "/status/startTime",
            "/status/containerStatuses/0/state/running/startedAt",
        ] {
            let time = pod.pointer_mut(time).unwrap();
            let earlier = format!("{} {DAYS} days ago", time.as_str().unwrap());
            let earlier =
                run(std::process::Command::new("date").args(["--utc", "--date", &earlier, "+%FT%TZ"]));
            *time = earlier.trim_end().into();
        }
        let name = |field: &str| pod["metadata"][field].as_str().unwrap();
        cluster.node().store(&format!("/registry/pods/{}/{}", name("namespace"), name("name")), &pod);
    }
}
