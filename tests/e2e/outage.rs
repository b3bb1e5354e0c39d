//! Outages: a cluster without boundtoken, and boundtoken without the API server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::install::{CONFIGURATION, DEPLOYMENT, called, install, replicas, wait_until_ready};
use crate::node::processes;
use crate::others::Others;
use crate::support::control_plane::eventually;
use crate::traffic::create;

/// The length of the outage of the API server.
const AWAY: Duration = Duration::from_mins(1);

/// Twice the longest pause between two attempts to watch, to leave a margin for a busy machine.
const SEEN: Duration = Duration::from_secs(20);

/// Replicas stay up, answer from their caches, and catch up afterwards.
pub(crate) async fn an_api_server_away_for_a_minute(cluster: Arc<Cluster>) {
    install(&cluster).await;
    // The Namespace of the captured review.
    let shop = "/api/v1/namespaces/shop";
    cluster.shell("kubectl create namespace shop");
    cluster.shell("kubectl label namespace shop boundtoken.dev/webhook=enabled");
    cluster.shell("kubectl annotate namespace shop boundtoken.dev/ttl=2h");
    cluster.api.wait_for_service_account("shop").await;
    let pods = replicas(&cluster).await;
    let authority = authority(&cluster).await;
    for pod in &pods {
        eventually("the settings of shop", async || patches_to(pod, &authority, 7200).then_some(())).await;
    }
    let away = cluster.node().without_api_server();
    let (began, mut rounds) = (Instant::now(), 0);
    while began.elapsed() < AWAY {
        for pod in &pods {
            for path in ["livez", "readyz"] {
                let output = curl(&[&format!("http://{}:8080/{path}", address(pod))]);
                assert!(output.status.success(), "{path} after {:.1?}: {output:?}", began.elapsed());
            }
            assert!(patches_to(pod, &authority, 7200), "after {:.1?}", began.elapsed());
        }
        rounds += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    drop(away);
    let back = Instant::now();
    cluster.node().wait_until_api_server_ready().await;
    let answering = back.elapsed();
    eventually("a Pod in a labelled Namespace", async || create(&cluster.api, "shop").await.outcome).await;
    let created = back.elapsed();
    let change = serde_json::json!({"metadata": {"annotations": {"boundtoken.dev/ttl": "3h"}}});
    cluster.api.patch(shop, &change).await.ok().unwrap();
    let changed = Instant::now();
    for pod in &pods {
        eventually("the new settings of shop", async || patches_to(pod, &authority, 10800).then_some(()))
            .await;
    }
    let seen = changed.elapsed();
    println!(
        "API server away for {AWAY:?}: each replica answered {rounds} times; back after {answering:.1?}, \
         a labelled Pod after {created:.1?}, new settings seen {seen:.1?} after they were made",
    );
    assert!(seen < SEEN);
    wait_until_ready(&cluster, 2).await;
    for (before, after) in pods.iter().zip(replicas(&cluster).await) {
        assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
        assert_eq!(after["status"]["containerStatuses"][0]["restartCount"], 0);
    }
}

/// Killed replicas recover by themselves.
pub(crate) async fn all_replicas_killed(cluster: Arc<Cluster>) {
    install(&cluster).await;
    let namespace = cluster.namespace("killed", Some(&[])).await;
    let others = Others::measure(&cluster, "killed-not-set").await;
    let before = replicas(&cluster).await;
    for pid in processes::of_pods(&before) {
        kill_process(pid, Signal::KILL).unwrap();
    }
    let killed = Instant::now();
    others.assert_undisturbed(&cluster).await;
    wait_until_started_again(&cluster, &before).await;
    eventually("a Pod in a labelled Namespace", async || create(&cluster.api, &namespace).await.outcome)
        .await;
    println!("all replicas killed: a labelled Pod after {:.1?}", killed.elapsed());
}

/// Waits until the containers of the same Pods have restarted more often than before.
async fn wait_until_started_again(cluster: &Cluster, before: &[Value]) {
    let starts = |pods: &[Value]| -> BTreeMap<String, u64> {
        let start = |pod: &Value| {
            let count = &pod["status"]["containerStatuses"][0]["restartCount"];
            (pod["metadata"]["name"].to_string(), count.as_u64().unwrap())
        };
        pods.iter().map(start).collect()
    };
    let before = starts(before);
    eventually("containers that started again", async || {
        let now = starts(&replicas(cluster).await);
        before.iter().all(|(pod, starts)| now.get(pod) > Some(starts)).then_some(()).ok_or(now)
    })
    .await;
}

/// Replicas that hang are removed from the endpoints within seconds, and restarted by the kubelet.
pub(crate) async fn all_replicas_hang(cluster: Arc<Cluster>) {
    install(&cluster).await;
    let labelled = cluster.namespace("hanging-set", Some(&[])).await;
    let others = Others::measure(&cluster, "hanging-not-set").await;
    let limit = limit_of_a_restart(&cluster).await;
    for pid in processes::of_pods(&replicas(&cluster).await) {
        kill_process(pid, Signal::STOP).unwrap();
    }
    let hung = Instant::now();
    let refused = create(&cluster.api, &labelled).await;
    let first = refused.took;
    others.assert_undisturbed(&cluster).await;
    eventually("no endpoint to call", async || (called(&cluster).await == 0).then_some(())).await;
    let noticed = hung.elapsed();
    eventually("a Pod in a labelled Namespace", async || create(&cluster.api, &labelled).await.outcome).await;
    let recovered = hung.elapsed();
    let refusal = refused.outcome.unwrap_err();
    println!(
        "all replicas hang: a labelled Pod is refused after {first:.1?} ({refusal}); not called any more after \
         {noticed:.1?}, a labelled Pod after {recovered:.1?}, at most {limit:?}",
    );
    assert!(refusal.contains("context deadline exceeded"), "{refusal}");
    assert!(recovered < limit);
}

/// Twice the time after which the kubelet, by its settings, restarts a container that hangs, to leave a
/// margin for the start and for a busy machine.
async fn limit_of_a_restart(cluster: &Cluster) -> Duration {
    let deployment = cluster.api.get(DEPLOYMENT).await.unwrap();
    let probe = &deployment["spec"]["template"]["spec"]["containers"][0]["livenessProbe"];
    let field = |name: &str| probe[name].as_u64().unwrap();
    let failures = field("periodSeconds") * field("failureThreshold") + field("timeoutSeconds");
    Duration::from_secs(failures + field("terminationGracePeriodSeconds")) * 2
}

/// Without replicas, Pods in labelled Namespaces are rejected with a clear error, and others are not slowed
/// down.
pub(crate) async fn scaled_to_zero(cluster: Arc<Cluster>) {
    install(&cluster).await;
    let labelled = cluster.namespace("scaled-set", Some(&[])).await;
    let others = Others::measure(&cluster, "scaled-not-set").await;
    cluster.shell("kubectl -n boundtoken scale deployment boundtoken --replicas 0");
    eventually("no endpoint to call", async || (called(&cluster).await == 0).then_some(())).await;
    let refusal = eventually("a refusal", async || create(&cluster.api, &labelled).await.outcome.err()).await;
    println!("scaled to zero, labelled: {refusal}");
    assert!(refusal.contains(r#"failed calling webhook "pods.boundtoken.dev""#), "{refusal}");
    assert!(refusal.contains(r#"no endpoints available for service "boundtoken""#), "{refusal}");
    others.assert_undisturbed(&cluster).await;
    assert!(create(&cluster.api, &labelled).await.outcome.is_err());
    cluster.shell("kubectl -n boundtoken scale deployment boundtoken --replicas 2");
    let scaled = Instant::now();
    eventually("a Pod in a labelled Namespace", async || create(&cluster.api, &labelled).await.outcome).await;
    println!("scaled up again: a labelled Pod after {:.1?}", scaled.elapsed());
}

/// Sends a captured review to a replica, and returns whether the patch sets this lifetime.
fn patches_to(pod: &Value, authority: &std::path::Path, seconds: u64) -> bool {
    const REVIEW: &str = concat!("@", env!("CARGO_MANIFEST_DIR"), "/tests/reviews/pod-plain.json");
    let host = "boundtoken.boundtoken.svc";
    let output = curl(&[
        "--cacert",
        authority.to_str().unwrap(),
        "--resolve",
        &format!("{host}:10250:{}", address(pod)),
        "--header",
        "Content-Type: application/json",
        "--data",
        REVIEW,
        &format!("https://{host}:10250/mutate"),
    ]);
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let patch = answer["response"]["patch"].as_str().unwrap();
    let patch = String::from_utf8(STANDARD.decode(patch).unwrap()).unwrap();
    patch.contains(&format!(r#""value":{seconds}"#))
}

fn curl(arguments: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "5"])
        .args(arguments)
        .output()
        .unwrap()
}

fn address(pod: &Value) -> &str {
    pod["status"]["podIP"].as_str().unwrap()
}

/// Writes the `caBundle` to a file.
async fn authority(cluster: &Cluster) -> PathBuf {
    let configuration = cluster.api.get(CONFIGURATION).await.unwrap();
    let bundle = configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap();
    let file = cluster.workplace().join("bundle.crt");
    std::fs::write(&file, STANDARD.decode(bundle).unwrap()).unwrap();
    file
}
