//! The use of tokens and the verdicts from the log that a real API server wrote: each state, each verdict, and the
//! shortest lifetime where ages level off.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use boundtoken::clock;
use serde_json::{Value, json};

use crate::audit::{audit, audit_from, namespace};
use crate::pods::{list, pod};
use crate::stale::{aged_by, issue};
use crate::support::control_plane::{ControlPlane, eventually};

const NAMESPACE: &str = "audit-use";
const LABELLED: &str = "audit-use-labelled";

const HOUR: u64 = 3600;

/// A Pod of the test: how long its container has run, and the ages of the tokens in its requests.
struct Client {
    name: &'static str,
    uptime: u64,
    ages: &'static [u64],
    /// The expected state and verdict.
    expected: [&'static str; 2],
    /// The code of the first reason.
    code: &'static str,
    /// The shortest lifetime in hours.
    min_hours: Option<u64>,
}

const fn client(
    name: &'static str,
    uptime: u64,
    ages: &'static [u64],
    expected: [&'static str; 2],
    code: &'static str,
) -> Client {
    Client { name, uptime, ages, expected, code, min_hours: None }
}

const CLIENTS: [Client; 11] = [
    client("reloads", 2 * HOUR, &[1200], ["reloads", "replace"], "BT112"),
    client("young", HOUR - 600, &[600], ["young", "unknown"], "BT127"),
    client("never-reloads", 10 * HOUR, &[10 * HOUR - 5], ["stale", "fix-first"], "BT109"),
    client("undecided", 6 * HOUR, &[4 * HOUR], ["stale", "fix-first"], "BT110"),
    // One old token, of at most half of the uptime: it reads the file every 15 614 s.
    Client {
        min_hours: Some(22),
        ..client("levels-off", 48 * HOUR, &[18_500], ["stale", "replace-from"], "BT111")
    },
    // Two old tokens: every 24 114 s.
    Client {
        min_hours: Some(31),
        ..client("two-tokens", 9 * HOUR, &[27_000, 20_000], ["stale", "replace-from"], "BT111")
    },
    client("quiet", 48 * HOUR, &[], ["quiet", "disable"], "BT114"),
    client("vault", 48 * HOUR, &[], ["quiet", "unknown"], "BT134"),
    client("denied", 48 * HOUR, &[], ["denied", "fix-first"], "BT102"),
    client("bounded", 48 * HOUR, &[1200], ["unknown", "replace"], "BT113"),
    client("none", 48 * HOUR, &[], ["quiet", "nothing"], "BT101"),
];

/// The Pod of a client.
fn pod_of(client: &Client) -> Value {
    let mut pod = pod(NAMESPACE, client.name, &[]);
    let spec = &mut pod["spec"];
    match client.name {
        "vault" => spec["containers"][0]["env"] = json!([{"name": "VAULT_ADDR", "value": "https://vault"}]),
        "none" => spec["automountServiceAccountToken"] = false.into(),
        "bounded" => {
            spec["automountServiceAccountToken"] = false.into();
            spec["volumes"] = json!([{"name": "own", "projected": {"sources": [
                {"serviceAccountToken": {"expirationSeconds": 7200, "path": "token"}}]}}]);
            spec["containers"][0]["volumeMounts"] = json!([{"name": "own", "mountPath": "/run/own"}]);
        }
        _ => {}
    }
    pod
}

/// Requests with tokens of each age, and what follows from the log of them.
pub(crate) async fn each_state_and_verdict(plane: Arc<ControlPlane>) {
    namespace(&plane, NAMESPACE).await;
    let before = std::fs::metadata(plane.audit_log()).unwrap().len();
    for client in &CLIENTS {
        start(&plane, client).await;
        for age in client.ages {
            let token =
                aged_by(&plane, &issue(&plane, NAMESPACE, client.name).await, i64::try_from(*age).unwrap());
            let answer = plane.kubectl(&[&format!("--token={token}"), "get", "--raw", "/version"], "");
            assert!(answer.status.success(), "{}: {answer:?}", client.name);
        }
    }
    let refused = plane.kubectl(&["--token=expired", "get", "--raw", "/version"], "");
    assert!(!refused.status.success(), "{refused:?}");
    let snapshot = snapshot(&plane);
    let log = snapshot.with_file_name("audit.log");
    let arguments = ["--min-window", "1", "--audit-log", log.to_str().unwrap()];
    let document = eventually("each state and verdict", async || {
        std::fs::write(&log, log_since(&plane, before)).unwrap();
        let document = audit_from(&snapshot, &arguments);
        let others: Vec<Value> = CLIENTS.iter().filter_map(|client| unexpected(&document, client)).collect();
        if others.is_empty() { Ok(document) } else { Err(others) }
    })
    .await;
    for (name, requests) in [("two-tokens", 2), ("levels-off", 1), ("quiet", 0)] {
        assert_eq!(of(&document, NAMESPACE, name)["use"]["requests"], requests, "{name}");
    }
    // The same log is too short for silence by default.
    let short = audit_from(&snapshot, &arguments[2..]);
    let quiet = of(&short, NAMESPACE, "quiet");
    assert_eq!((&quiet["use"]["state"], &quiet["verdict"]), (&"unknown".into(), &"unknown".into()));
    assert!(list(&quiet["reasons"]).any(|reason| reason["code"] == "BT122"), "{quiet:#}");
    let missing = &short["coverage"]["missing"];
    let is_named = |gap: &Value| gap.as_str().unwrap().starts_with("BT122: the log covers ");
    assert!(list(missing).any(is_named), "{missing}");
}

/// The workload of a client, if it is not what is expected.
fn unexpected(document: &Value, client: &Client) -> Option<Value> {
    let workload = of(document, NAMESPACE, client.name);
    let found = [&workload["use"]["state"], &workload["verdict"], &workload["reasons"][0]["code"]];
    let [state, verdict] = client.expected;
    let ttl = client.min_hours.map_or(Value::Null, |hours| (hours * HOUR).into());
    let is_expected = found == [state, verdict, client.code] && workload["minTtlSeconds"] == ttl;
    (!is_expected).then_some(workload)
}

/// The log of the API server from a position on: that of the whole run is long.
fn log_since(plane: &ControlPlane, position: u64) -> Vec<u8> {
    let mut file = File::open(plane.audit_log()).unwrap();
    file.seek(SeekFrom::Start(position)).unwrap();
    let mut log = Vec::new();
    file.read_to_end(&mut log).unwrap();
    log
}

/// Of Pods in a Namespace that opted in, the settings decide and not the log.
pub(crate) async fn verdicts_after_the_label(plane: Arc<ControlPlane>) {
    namespace(&plane, LABELLED).await;
    let mut follows = pod(LABELLED, "follows", &[]);
    follows["spec"]["automountServiceAccountToken"] = false.into();
    follows["spec"]["volumes"] = json!([{"name": "own", "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": 3600, "path": "token"}}]}}]);
    follows["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "own", "mountPath": "/run/own"}]);
    for object in [pod(LABELLED, "older", &[]), follows] {
        plane.api.create(&object).await.unwrap();
    }
    let path = format!("/api/v1/namespaces/{LABELLED}");
    let label = json!({"metadata": {"labels": {"boundtoken.dev/webhook": "enabled"}}});
    plane.api.patch(&path, &label).await.ok().unwrap();
    let document = audit(&plane.kubeconfig(), &["-n", LABELLED]);
    for (name, verdict) in [("older", "restart"), ("follows", "done")] {
        let workload = of(&document, LABELLED, name);
        assert_eq!(workload["verdict"], verdict, "{workload:#}");
    }
    let code = &of(&document, LABELLED, "older")["reasons"][0]["code"];
    // The times of the API have whole seconds.
    assert!(code == "BT104" || code == "BT105", "{code}");
    plane
        .api
        .patch(&path, &json!({"metadata": {"labels": {"boundtoken.dev/webhook": null}}}))
        .await
        .ok()
        .unwrap();
}

/// Creates the Pod of a client, and reports its container as running.
async fn start(plane: &ControlPlane, client: &Client) {
    plane.api.create(&pod_of(client)).await.unwrap();
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{}/status", client.name);
    let container = json!({"name": "app", "image": "busybox", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": ago(client.uptime)}}});
    let mut status = json!({"status": {"phase": "Running", "containerStatuses": [container]}});
    if client.name == "denied" {
        // A request without a valid token has nothing but its address.
        status["status"]["podIPs"] = json!([{"ip": "127.0.0.1"}]);
        status["status"]["podIP"] = "127.0.0.1".into();
    }
    plane.api.patch(&path, &status).await.ok().unwrap();
}

fn ago(seconds: u64) -> String {
    clock::text(clock::now() - Duration::from_secs(seconds))
}

/// Saves the cluster. The Pods are made to be as old as their containers, because the API server sets the creation of an
/// object to its own time.
fn snapshot(plane: &ControlPlane) -> PathBuf {
    let file = plane.subdirectory().join("snapshot.json");
    audit(&plane.kubeconfig(), &["-n", NAMESPACE, "--save", file.to_str().unwrap()]);
    let mut snapshot: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for pod in snapshot["pods"].as_array_mut().unwrap() {
        let client = CLIENTS.iter().find(|client| pod["name"] == client.name).unwrap();
        pod["created"] = ago(client.uptime + HOUR).into();
    }
    std::fs::write(&file, snapshot.to_string()).unwrap();
    file
}

fn of(document: &Value, namespace: &str, name: &str) -> Value {
    let mut workloads = list(&document["workloads"]);
    let found = workloads.find(|workload| workload["namespace"] == namespace && workload["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {document:#}")).clone()
}
