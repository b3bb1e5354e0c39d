//! Reads generated logs with the audit of a cluster of two thousand Pods, with `wc -l` and with `jq`.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::judge;
use crate::log::{PODS, pod_names, pod_uid, write};
use crate::process::Measured;
use crate::support::program::boundtoken;
use crate::support::read_only_api::ReadOnlyApi;

/// Sizes of the logs.
const SMALL: u64 = 100_000_000;
const LARGE: u64 = 2_000_000_000;

/// Runs of which the median counts.
const RUNS: usize = 5;

/// Goals: MB of a log per second, that rate as a multiple of the rate of `jq`, MB of resident memory, and by how much of
/// these the large log may need more than the small one: 1024 hashes of four bytes for each Pod.
const RATE: f64 = 400.0;
const TIMES_JQ: f64 = 20.0;
const MEMORY: f64 = 48.0;
const GROWTH: f64 = 8.2;

/// Selects the fields that the audit uses.
const FILTER: &str = r#"select(.user.username // "" | startswith("system:serviceaccount:")) | [.auditID, .user.username,
    .user.extra["authentication.kubernetes.io/pod-uid"], .verb, .userAgent, .requestReceivedTimestamp,
    .annotations["authentication.k8s.io/stale-token"], .responseStatus.code]"#;

/// Prints the table. Returns whether the goals hold.
pub(crate) async fn measure() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let [snapshot, small, large, packed] =
        ["snapshot.json", "small.log", "large.log", "small.log.gz"].map(|name| directory.path().join(name));
    save_snapshot(directory.path(), &snapshot).await;
    let sizes = [write(&small, SMALL), write(&large, LARGE)];
    compress(&small, &packed);
    println!("{:<44}{:>9}{:>9}", "log, audit of 2000 Pods", "MB/s", "MB");
    let row = |what: &str, run: Measured, bytes: u64| {
        println!("{what:<44}{:>9.0}{:>9.1}", run.rate(bytes), run.memory);
        run
    };
    let audit = |log: &Path| {
        let mut command = boundtoken(&["audit", "--fail-on", "never", "--from"]);
        command.arg(&snapshot).arg("--audit-log").arg(log).stderr(Stdio::null());
        command
    };
    assert_judges(&mut audit(&small));
    let of_small = row("audit, 100 MB", Measured::median(RUNS, || audit(&small)), sizes[0]);
    let of_large = row("audit, 2 GB", Measured::of(&mut audit(&large)), sizes[1]);
    row("audit, 100 MB in gzip", Measured::median(RUNS, || audit(&packed)), sizes[0]);
    row("wc -l, 100 MB", Measured::median(RUNS, || with("wc", &["-l"], &small)), sizes[0]);
    let jq = Command::new("jq").arg("--version").output().is_ok_and(|output| output.status.success());
    let of_jq =
        jq.then(|| row("jq, 100 MB", Measured::of(&mut with("jq", &["-c", FILTER], &small)), sizes[0]));
    if !jq {
        println!("jq is missing, so there is no comparison with it");
    }
    println!();
    // A short log costs as much as the start of the program.
    let rate = of_large.rate(sizes[1]);
    let mut holds = judge("MB per second", rate, "MB/s", RATE, true);
    if let Some(of_jq) = of_jq {
        holds &=
            judge("times as fast as jq", of_large.rate(sizes[1]) / of_jq.rate(sizes[0]), "×", TIMES_JQ, true);
    }
    holds &= judge("memory, 2 GB", of_large.memory, "MB", MEMORY, false);
    holds
        & judge(
            "more memory for 2 GB than for 100 MB",
            of_large.memory - of_small.memory,
            "MB",
            GROWTH,
            false,
        )
}

/// Asserts that the log decides verdicts.
fn assert_judges(command: &mut Command) {
    let output = command.args(["-o", "json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let coverage = &document["coverage"];
    assert!(coverage["events"].as_u64() > Some(10_000) && coverage["malformed"] == 0, "{coverage}");
    let verdicts = &document["summary"]["byVerdict"];
    assert!(verdicts["replace"].is_u64() && verdicts["replace-from"].is_u64(), "{verdicts}");
}

fn with(program: &str, arguments: &[&str], log: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(log);
    command
}

fn compress(log: &Path, packed: &Path) {
    let mut encoder = GzEncoder::new(File::create(packed).unwrap(), Compression::fast());
    io::copy(&mut File::open(log).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
}

/// Saves a snapshot of a cluster with the Pods of the log.
async fn save_snapshot(directory: &Path, snapshot: &Path) {
    let api = ReadOnlyApi::start().await;
    for pod in 0..PODS {
        let [namespace, workload, name] = pod_names(pod);
        if pod % 100 == 0 {
            api.add("namespaces", json!({"metadata": {"name": namespace}}));
        }
        api.add("pods", pod_object(pod, &namespace, &workload, &name));
    }
    let kubeconfig = api.kubeconfig(directory);
    let mut command = boundtoken(&["audit", "--fail-on", "never", "-o", "name", "--save"]);
    command.arg(snapshot).arg("--kubeconfig").arg(kubeconfig).stdout(Stdio::null()).stderr(Stdio::null());
    let saved = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert!(saved.success());
}

fn pod_object(pod: u64, namespace: &str, workload: &str, name: &str) -> Value {
    let volume = "kube-api-access-x7k2b";
    let token = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    let mount = json!({"name": volume, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    json!({
        "metadata": {"name": name, "namespace": namespace, "uid": pod_uid(pod), "creationTimestamp": "2026-11-19T00:00:00Z",
            "ownerReferences": [{"kind": "StatefulSet", "name": workload, "controller": true}]},
        "spec": {"serviceAccountName": workload, "nodeName": format!("node-{:03}", pod % 100),
            "volumes": [{"name": volume, "projected": {"sources": [token]}}],
            "containers": [{"name": "app", "volumeMounts": [mount]}]},
        "status": {"phase": "Running", "podIPs": [{"ip": format!("10.1.{}.{}", pod / 250, pod % 250)}],
            "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-11-19T00:00:05Z"}}}]},
    })
}
