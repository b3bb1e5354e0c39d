//! The latency that boundtoken adds to the creation of a Pod, compared with policies that do the same.
//!
//! A real API server creates Pods as a server-side dry run, in five arms: without a policy, with boundtoken,
//! with boundtoken and the guard, with a `MutatingAdmissionPolicy` that reads no annotations, and with one that
//! does. The arms take turns, so that noise affects all of them alike.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a benchmark fails by panicking"
)]

#[path = "cluster/policy.rs"]
mod policy;
#[path = "cluster/run.rs"]
mod run;
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::guard::guard;
use crate::support::test_install::TestInstall;
use run::{load, run};

/// The arms: the name of a Namespace, and the lifetime of a default token there in seconds.
const ARMS: [(&str, u64); 5] =
    [("without", 3607), ("webhook", 3600), ("guarded", 3600), ("policy", 3600), ("annotated", 3600)];
/// Concurrent clients, and the Pods that each creates in a turn.
const CLIENTS: [(usize, usize); 2] = [(1, 100), (16, 20)];
/// Number of rounds. Every second one takes the arms in reverse order.
const ROUNDS: usize = 30;

fn main() -> ExitCode {
    run(async |plane| {
        measure(plane).await;
        ExitCode::SUCCESS
    })
}

async fn measure(plane: &Arc<ControlPlane>) {
    let [install, _guarded] = prepare(plane).await;
    println!("Pod creation in ms, dry run, {ROUNDS} rounds; load before: {}\n", load());
    println!(
        "clients  {:<12}{:>8}{:>8}{:>12}{:>12}{:>8}",
        "arm", "p50", "p99", "added p50", "added p99", "n"
    );
    for (clients, each) in CLIENTS {
        let mut times: [Vec<Duration>; ARMS.len()] = Default::default();
        // The first round warms up.
        for round in 0..=ROUNDS {
            let order = if round % 2 == 0 { [0, 1, 2, 3, 4] } else { [4, 3, 2, 1, 0] };
            for arm in order {
                let turn = turn(plane, ARMS[arm], clients, each).await;
                if round > 0 {
                    times[arm].extend(turn);
                }
            }
        }
        print(clients, &mut times);
    }
    let call =
        mean(&plane.api.text("/metrics").await, "apiserver_admission_webhook_admission_duration_seconds");
    let decision = mean(&install.serving.metrics().await, "boundtoken_admission_duration_seconds");
    println!(
        "\ncall of the webhook {call:.2} on average, of which in its handler {decision:.2}; load after: {}",
        load()
    );
}

/// Creates the Namespaces, the policies and both webhooks, and checks that they have the same effect.
async fn prepare(plane: &Arc<ControlPlane>) -> [TestInstall; 2] {
    for name in ["without", "policy", "annotated"] {
        let metadata = json!({"name": name, "labels": {"arm": name}});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        plane.api.create(&namespace).await.unwrap();
        plane.wait_for_service_account(name).await;
    }
    for object in policy::objects() {
        plane.api.create(&object).await.unwrap();
    }
    let install = TestInstall::start(plane, "latency", &[("webhook", &[])]).await;
    let guarded = TestInstall::start(plane, "guarded", &[("guarded", &[])]).await;
    guard(plane, "guarded").await;
    for policy in ["policy", "annotated"] {
        eventually("a policy in force", async || (create(plane, policy).await == 3600).then_some(())).await;
        let [of_webhook, of_policy] =
            [sources(plane, "webhook", &json!({})).await, sources(plane, policy, &json!({})).await];
        assert_eq!(of_webhook, of_policy, "both do the same");
    }
    let annotations = [
        json!({}),
        json!({"boundtoken.dev/audience": "vault", "boundtoken.dev/ttl": "2h"}),
        json!({"boundtoken.dev/audience": " ", "boundtoken.dev/ttl": " 5400 "}),
    ];
    let mut all = Vec::new();
    for annotations in &annotations {
        let [of_webhook, of_policy] =
            [sources(plane, "webhook", annotations).await, sources(plane, "annotated", annotations).await];
        assert_eq!(of_webhook, of_policy, "both do the same with {annotations}");
        assert!(!all.contains(&of_policy), "{annotations} changes something");
        all.push(of_policy);
    }
    assert!(!all.contains(&sources(plane, "without", &json!({})).await), "they do something");
    [install, guarded]
}

/// Creates a Pod with many kinds of tokens. Returns the sources of each volume after admission.
async fn sources(plane: &ControlPlane, namespace: &str, annotations: &Value) -> Vec<Value> {
    const API_SERVER: &str = "https://kubernetes.default.svc";
    let token = |path: &str, audience: &str, seconds: u64| json!({"serviceAccountToken": {"path": path, "audience": audience, "expirationSeconds": seconds}});
    let volume = |name: &str, sources: &[Value]| json!({"name": name, "projected": {"sources": sources}});
    let default = "kube-api-access-mine";
    let mount = json!({"name": default, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "many-", "namespace": namespace, "annotations": annotations},
        "spec": {
            "containers": [{"name": "web", "image": "nginx", "volumeMounts": [mount]}],
            "volumes": [
                volume(default, &[token("other", "", 3607), token("token", "vault", 7200)]),
                volume("kube-api-access-2", &[token("first", API_SERVER, 3607), token("second", "vault", 7200)]),
                volume("year", &[token("a", "", 3607), token("b", API_SERVER, 3607), token("c", "vault", 3607)]),
                volume("hours", &[token("a", "", 7200), token("b", "vault", 600)]),
                json!({"name": "none", "emptyDir": {}}),
            ],
        },
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let mut pod = plane.api.post(&path, &pod).await.ok().unwrap();
    let volumes = pod["spec"]["volumes"].as_array_mut().unwrap();
    volumes.iter_mut().map(|volume| volume["projected"]["sources"].take()).collect()
}

/// Creates Pods in one Namespace. Returns how long each took.
async fn turn(
    plane: &Arc<ControlPlane>,
    (namespace, seconds): (&'static str, u64),
    clients: usize,
    each: usize,
) -> Vec<Duration> {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let plane = Arc::clone(plane);
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(each);
            for _ in 0..each {
                let begin = Instant::now();
                let got = create(&plane, namespace).await;
                times.push(begin.elapsed());
                assert_eq!(got, seconds, "{namespace}");
            }
            times
        });
    }
    tasks.join_all().await.concat()
}

/// Creates a Pod as a dry run. Returns the lifetime of its default token in seconds.
async fn create(plane: &ControlPlane, namespace: &str) -> u64 {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "namespace": namespace, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "nginx", "ports": [{"containerPort": 8080}]}]},
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let pod: Value = plane.api.post(&path, &pod).await.ok().unwrap();
    pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"]
        .as_u64()
        .unwrap()
}

fn print(clients: usize, times: &mut [Vec<Duration>; ARMS.len()]) {
    for times in &mut *times {
        times.sort();
    }
    let none = [50, 99].map(|percent| quantile(&times[0], percent));
    for ((arm, _), times) in ARMS.iter().zip(times) {
        let [p50, p99] = [50, 99].map(|percent| quantile(times, percent));
        let added = if *arm == ARMS[0].0 {
            format!("{:>12}{:>12}", "", "")
        } else {
            format!("{:>12.2}{:>12.2}", p50 - none[0], p99 - none[1])
        };
        println!("{clients:>7}  {arm:<12}{p50:>8.2}{p99:>8.2}{added}{:>8}", times.len());
    }
}

/// Returns a percentile of sorted times, in milliseconds.
fn quantile(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

/// Returns the mean of a histogram in milliseconds, over all its labels.
fn mean(metrics: &str, name: &str) -> f64 {
    let sum_of = |end: &str| -> f64 {
        let lines = metrics.lines().filter(|line| line.starts_with(&format!("{name}_{end}")));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    sum_of("sum") / sum_of("count") * 1e3
}
