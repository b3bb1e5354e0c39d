//! safely.md: from the audit policy to workloads that hold an hour, and a Pod that was missed later.
//!
//! Only hours show which clients keep a token, and the Pods of this test run for seconds. So the test signs the tokens
//! that clients keep again, with the key of the cluster and an earlier time of issue, and moves the start of the Pods two
//! days back in etcd while the kubelet is stopped. All requests, and the log of them, are real.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::clients::{OLD, Program, keep_old_token, make_old, mount_old_token, settled, workload};
use crate::cluster::Cluster;
use crate::install::{called, install, wait_until_ready};
use crate::support::control_plane::eventually;
use crate::support::pages::{block, console};

/// Nearly the longest age, in seconds, of a copy that is made every four hours of tokens that are renewed after 48
/// minutes.
const COPIED: i64 = 17_000;

/// Every block of the page.
pub(crate) async fn safely(cluster: Arc<Cluster>) {
    install(&cluster).await;
    let log = cluster.workplace().join("audit.log");
    std::os::unix::fs::symlink(cluster.node().audit_log(), &log).unwrap();
    log_the_evidence(&cluster);
    open(&cluster).await;
    audit_first(&cluster).await;
    label_orders(&cluster).await;
    fix_reports(&cluster).await;
    find_missed(&cluster).await;
    cluster.shell("kubectl delete namespace orders reports");
    std::fs::remove_file(&log).unwrap();
}

/// The API server has the printed policy.
fn log_the_evidence(cluster: &Cluster) {
    cluster.shell(&block("audit-policy"));
    let printed = std::fs::read_to_string(cluster.workplace().join("audit-policy.yaml")).unwrap();
    let printed: Value = serde_saphyr::from_str(&printed).unwrap();
    let used = std::fs::read_to_string(cluster.node().audit_policy()).unwrap();
    let mut used: Value = serde_json::from_str(&used).unwrap();
    used["rules"].as_array_mut().unwrap().remove(1);
    assert_eq!(used, printed);
}

/// Creates the workloads of the page, whose `ServiceAccounts` may list Pods.
async fn open(cluster: &Cluster) {
    for (namespace, workloads) in [
        (
            "orders",
            &[
                ("Deployment", "catalog", Program::Python),
                ("Deployment", "importer", Program::Curl),
                ("Deployment", "sync", Program::Copy),
                ("Deployment", "website", Program::Idle),
            ][..],
        ),
        ("reports", &[("DaemonSet", "agent", Program::SubPath), ("Deployment", "mailer", Program::Once)][..]),
    ] {
        cluster.namespace(namespace, None).await;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "view", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
                "name": format!("system:serviceaccounts:{namespace}")}],
        });
        cluster.api.create(&binding).await.unwrap();
        for (kind, name, program) in workloads {
            for object in workload(cluster, namespace, kind, name, *program) {
                cluster.api.create(&object).await.unwrap();
            }
        }
    }
}

/// The verdicts before anything is labelled.
async fn audit_first(cluster: &Cluster) {
    let mut pods = settled(cluster, "orders").await;
    pods.extend(settled(cluster, "reports").await);
    for pod in &pods {
        match pod["metadata"]["labels"]["app"].as_str() {
            Some("sync") => keep_old_token(cluster, pod, COPIED),
            Some("mailer") => keep_old_token(cluster, pod, OLD),
            Some("agent") => mount_old_token(cluster, pod, OLD),
            _ => {}
        }
    }
    let stopped = cluster.node().without_kubelet();
    make_old(cluster, &pods).await;
    let reloads = [("catalog", "reloads"), ("importer", "reloads"), ("website", "quiet")];
    let stale = ["sync", "agent", "mailer"].map(|name| (name, "stale"));
    wait_for_use(cluster, &[&reloads[..], &stale].concat()).await;
    cluster.type_console(&console("roll-out-audit"));
    cluster.type_console(&console("roll-out-explain"));
    drop(stopped);
}

/// The annotations that the verdicts ask for, the label, and the restarts, as the audit prints them.
async fn label_orders(cluster: &Cluster) {
    assert_are_printed(&(block("roll-out-annotate") + &block("roll-out-label")), &console("roll-out-audit"));
    cluster.shell(&block("roll-out-annotate"));
    settled(cluster, "orders").await;
    cluster.shell(&block("roll-out-label"));
    let mut pods = settled(cluster, "orders").await;
    pods.retain(|pod| {
        pod["metadata"]["labels"]["app"] == "catalog" || pod["metadata"]["labels"]["app"] == "importer"
    });
    let stopped = cluster.node().without_kubelet();
    make_old(cluster, &pods).await;
    wait_for_use(cluster, &[("catalog", "reloads"), ("importer", "reloads")]).await;
    cluster.type_console(&console("roll-out-restart"));
    drop(stopped);
    assert_are_printed(&block("roll-out-restarts"), &console("roll-out-restart"));
    cluster.shell(&block("roll-out-restarts"));
    settled(cluster, "orders").await;
    wait_for_use(cluster, &[("catalog", "young"), ("importer", "young")]).await;
    cluster.type_console(&console("roll-out-done"));
}

/// Both workloads get another version, which reloads the token.
async fn fix_reports(cluster: &Cluster) {
    for (kind, name) in [("DaemonSet", "agent"), ("Deployment", "mailer")] {
        let [_, fixed] = workload(cluster, "reports", kind, name, Program::Curl);
        let path = format!("/apis/apps/v1/namespaces/reports/{}s/{name}", kind.to_lowercase());
        let mut template = fixed["spec"]["template"].clone();
        if name == "agent" {
            template["spec"]["volumes"] = Value::Null;
            template["spec"]["automountServiceAccountToken"] = Value::Null;
        }
        cluster.api.patch(&path, &json!({"spec": {"template": template}})).await.ok().unwrap();
    }
    let pods = settled(cluster, "reports").await;
    let stopped = cluster.node().without_kubelet();
    make_old(cluster, &pods).await;
    wait_for_use(cluster, &[("agent", "reloads"), ("mailer", "reloads")]).await;
    cluster.type_console(&console("roll-out-fixed"));
    drop(stopped);
    cluster.shell(&block("roll-out-label-reports"));
    settled(cluster, "reports").await;
    cluster.type_console(&console("roll-out-all-done"));
}

/// While boundtoken is scaled away and the Namespace has no label, a Pod starts with a year.
async fn find_missed(cluster: &Cluster) {
    cluster.shell("kubectl -n boundtoken scale deployment boundtoken --replicas 0");
    eventually("no endpoints", async || (called(cluster).await == 0).then_some(())).await;
    cluster.shell("kubectl label namespace orders boundtoken.dev/webhook-");
    cluster.shell("kubectl -n orders delete pod -l app=catalog");
    settled(cluster, "orders").await;
    cluster.shell("kubectl label namespace orders boundtoken.dev/webhook=enabled");
    cluster.shell("kubectl -n boundtoken scale deployment boundtoken --replicas 2");
    cluster.type_console(&console("roll-out-missed"));
    wait_until_ready(cluster, 2).await;
    assert_are_printed(&block("roll-out-missed-restart"), &console("roll-out-missed"));
    cluster.shell(&block("roll-out-missed-restart"));
    settled(cluster, "orders").await;
    let document = audit(cluster);
    assert_eq!(document["summary"]["byVerdict"], json!({"done": 5, "nothing": 1}), "{document}");
}

/// Asserts that an audit prints these commands below its table, as the page shows it.
fn assert_are_printed(commands: &str, audit: &[(String, Vec<String>)]) {
    let is_printed =
        |command: &str| audit.iter().flat_map(|(_, lines)| lines).any(|line| line.trim() == command);
    assert!(commands.lines().all(is_printed), "{commands}");
}

/// Waits until the log shows that workloads use their tokens in these ways.
async fn wait_for_use(cluster: &Cluster, expected: &[(&str, &str)]) {
    let expected: BTreeMap<&str, &str> = expected.iter().copied().collect();
    eventually("the use of the tokens", async || {
        let document = audit(cluster);
        let workloads = document["workloads"].as_array().unwrap();
        let all =
            workloads.iter().map(|workload| (workload["name"].as_str(), workload["use"]["state"].as_str()));
        let all: BTreeMap<&str, &str> = all.map(|(name, state)| (name.unwrap(), state.unwrap())).collect();
        let is_seen = expected.iter().all(|(name, state)| all.get(name) == Some(state));
        if is_seen { Ok(()) } else { Err(document["workloads"].to_string()) }
    })
    .await;
}

/// The audit as JSON.
fn audit(cluster: &Cluster) -> Value {
    let mut command = cluster.command("boundtoken");
    command.args([
        "audit",
        "-n",
        "orders,reports",
        "--audit-log",
        "audit.log",
        "-o",
        "json",
        "--fail-on",
        "never",
    ]);
    command.env("BOUNDTOKEN_MIN_WINDOW", "1s");
    serde_json::from_str(&crate::node::run(&mut command)).unwrap()
}
