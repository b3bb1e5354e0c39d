//! Random mounts near the directory of a token: a container that starts without boundtoken starts with it.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::mounts::{DIRECTORY, create_sources};
use crate::pods::{path_of, pod, read, start};
use crate::support::eventually::eventually;

/// Pods without boundtoken, of which those that run are created again with it.
const PODS: usize = 24;

/// Chooses the mounts; another one tries others.
const SEED: &str = "BOUNDTOKEN_SEED";

const PATHS: [&str; 12] = [
    "/srv",
    "/srv/conf",
    "/srv/conf/",
    "/srv/old/../conf",
    "/srv/conf/creds",
    "/srv/conf/creds/token",
    "/srv/conf/creds/part",
    "/srv/conf/creds/part/deep",
    "/srv/conf/credsx",
    "/srv/conf/key",
    "/srv/other",
    "srv/conf",
];

/// Every container that starts without boundtoken starts with it, and reads the token if it got one.
pub(crate) async fn beside_a_token(cluster: Arc<Cluster>) {
    let without = cluster.namespace("random-mounts-without", None).await;
    let with = cluster.namespace("random-mounts", Some(&[])).await;
    create_sources(&cluster, &without).await;
    create_sources(&cluster, &with).await;
    let specs = random_mounts();
    let controls: Vec<Value> =
        (0..).zip(&specs).map(|(number, mounts)| mounting(&cluster, &without, number, mounts, &[])).collect();
    for control in &controls {
        cluster.api.create(control).await.unwrap();
    }
    let mut tokens = Vec::new();
    for (number, (control, mounts)) in (0..).zip(controls.iter().zip(&specs)) {
        let runs = starts(&cluster, control).await;
        cluster.api.delete(&path_of(control)).await.ok().unwrap();
        if runs {
            tokens.push(has_token(&cluster, &with, number, mounts).await);
        }
    }
    let with_token = tokens.iter().filter(|has_token| **has_token).count();
    println!("{} of {PODS} Pods start without boundtoken; {with_token} of them get the token", tokens.len());
    assert!(with_token > 0 && with_token < tokens.len());
}

/// Creates the Pod under boundtoken, which must run. Returns whether its container got the token.
async fn has_token(cluster: &Cluster, namespace: &str, number: u32, mounts: &[Value]) -> bool {
    let token = format!("{DIRECTORY}/token");
    let settings = [("mode", "add"), ("path", &*token), ("audience", "vault")];
    let pod = mounting(cluster, namespace, number, mounts, &settings);
    start(cluster, &pod).await;
    let stored = cluster.api.get(&path_of(&pod)).await.unwrap();
    let stored = stored["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    let has_token =
        stored.iter().any(|mount| mount["name"] == "boundtoken" && mount["mountPath"] == DIRECTORY);
    if has_token {
        assert!(read(cluster, &pod, &["cat", &token]).starts_with("ey"), "{mounts:?}");
    }
    cluster.api.delete(&path_of(&pod)).await.ok().unwrap();
    has_token
}

/// Whether the container of a Pod runs, or the kubelet reports a failure first.
async fn starts(cluster: &Cluster, pod: &Value) -> bool {
    let (path, name) = (path_of(pod), pod["metadata"]["name"].as_str().unwrap());
    let namespace = pod["metadata"]["namespace"].as_str().unwrap();
    let events = format!("/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name={name}");
    eventually(&format!("{name} runs or fails"), async || {
        if cluster.api.get(&path).await.unwrap()["status"]["containerStatuses"][0]["ready"] == true {
            return Some(true);
        }
        let events = cluster.api.list(&events).await;
        let failed = |event: &Value| event["reason"] == "Failed" || event["reason"] == "FailedMount";
        events.iter().any(failed).then_some(false)
    })
    .await
}

/// A Pod with one container that has these mounts.
fn mounting(
    cluster: &Cluster,
    namespace: &str,
    number: u32,
    mounts: &[Value],
    settings: &[(&str, &str)],
) -> Value {
    let mut pod = pod(cluster, namespace, &format!("random-{number}"), settings);
    pod["spec"]["containers"][0]["volumeMounts"] = mounts.into();
    pod["spec"]["volumes"] = json!([
        {"name": "empty", "emptyDir": {}},
        {"name": "secret", "secret": {"secretName": "conf"}},
        {"name": "config", "configMap": {"name": "conf"}},
        {"name": "names", "downwardAPI": {"items": [
            {"path": "part/name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "own-token", "projected": {"sources": [
            {"secret": {"name": "conf"}}, {"serviceAccountToken": {"path": "token", "audience": "mine"}}]}},
    ]);
    pod
}

/// The mounts of each Pod.
fn random_mounts() -> Vec<Vec<Value>> {
    let seed: u64 = std::env::var(SEED).map_or(1, |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    (0..PODS).map(|_| vec(mount(), 1..=3).new_tree(&mut runner).unwrap().current()).map(unique).collect()
}

fn mount() -> impl Strategy<Value = Value> {
    let volume = select(&["empty", "empty", "secret", "config", "names", "own-token"]);
    let sub_path = select(&["", "", "", "part", "key"]);
    (volume, select(&PATHS), any::<bool>(), sub_path).prop_map(|(volume, path, read_only, sub_path)| {
        let mut mount = json!({"name": volume, "mountPath": path, "readOnly": read_only});
        if !sub_path.is_empty() {
            mount["subPath"] = sub_path.into();
        }
        mount
    })
}

/// The first mount of each path: the API server refuses a second one.
fn unique(mounts: Vec<Value>) -> Vec<Value> {
    let mut first: Vec<Value> = Vec::new();
    for mount in mounts {
        if first.iter().all(|other| other["mountPath"] != mount["mountPath"]) {
            first.push(mount);
        }
    }
    first
}
