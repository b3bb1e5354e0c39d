//! Two thousand Pods at once, in twenty Namespaces with settings of their own.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::control_plane::{ControlPlane, eventually};
use crate::pods::{DEFAULT, held, owner_of};
use crate::world::{Settings, World, annotations};

const NAMESPACES: u64 = 20;
const REPLICAS: usize = 60;
const PARALLELISM: usize = 40;
const WEBHOOK: &str = "load.boundtoken.dev";

/// Every single Pod holds what its own Namespace says, none was lost, and a refused one never came.
pub(crate) async fn two_thousand_pods(plane: Arc<ControlPlane>) {
    let all: Vec<[String; 3]> = (0..NAMESPACES).map(settings_of).collect();
    let settings: Vec<[(&str, &str); 2]> = all
        .iter()
        .map(|[_, ttl, audience]| [("ttl", ttl.as_str()), ("audience", audience.as_str())])
        .collect();
    let namespaces: Vec<(&str, Settings<'_>)> = all
        .iter()
        .zip(&settings)
        .map(|([name, ..], settings)| (name.as_str(), settings.as_slice()))
        .collect();
    let world = World::start_as(WEBHOOK, &plane, "load", &namespaces).await;

    let mut creates = JoinSet::new();
    for [namespace, ..] in &all {
        for owner in owners(namespace) {
            let plane = Arc::clone(&plane);
            creates.spawn(async move { plane.api.create(&owner).await.unwrap() });
        }
    }
    creates.join_all().await;
    for [namespace, ttl, audience] in &all {
        let expected = BTreeSet::from([format!("{DEFAULT}/token {audience} {ttl}")]);
        for (app, count) in [("deployment", REPLICAS), ("job", PARALLELISM)] {
            let pods = world.pods_of(namespace, app, count).await;
            assert_eq!(pods.len(), count, "{app} in {namespace}");
            for pod in pods {
                assert_eq!(held(&pod).remove("app"), Some(expected.clone()), "{app} in {namespace}");
            }
        }
        wait_until_refused(&plane, namespace).await;
        assert_eq!(world.pods_of(namespace, "refused", 0).await, [Value::Null; 0], "{namespace}");
    }
    assert_no_call_failed(&plane).await;
}

/// Name, lifetime and audience: no two Namespaces have the same.
fn settings_of(number: u64) -> [String; 3] {
    [format!("load-{number}"), format!("{}", 600 + 60 * number), format!("audience-{number}")]
}

fn owners(namespace: &str) -> [Value; 3] {
    let spec = json!({"containers": [{"name": "app", "image": "busybox"}]});
    let owner = |kind, app, settings| owner_of(kind, namespace, app, &annotations(settings), &spec);
    let mut deployment = owner("Deployment", "deployment", &[]);
    deployment["spec"]["replicas"] = REPLICAS.into();
    let mut job = owner("Job", "job", &[]);
    job["spec"]["parallelism"] = PARALLELISM.into();
    job["spec"]["completions"] = PARALLELISM.into();
    let mut refused = owner("Deployment", "refused", &[("ttl", "a while")]);
    refused["spec"]["replicas"] = 5.into();
    [deployment, job, refused]
}

/// Until the Deployment says that its Pods are refused.
async fn wait_until_refused(plane: &ControlPlane, namespace: &str) {
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/refused");
    eventually("a refused Deployment", async || {
        let deployment = plane.api.get(&path).await.unwrap();
        let mut conditions = deployment["status"]["conditions"].as_array()?.iter();
        let failure = conditions.find(|condition| condition["type"] == "ReplicaFailure")?;
        failure["message"].as_str().unwrap().contains("boundtoken.dev/ttl").then_some(())
    })
    .await;
}

/// The API server counts refusals, but no call that failed, and none that it let pass.
async fn assert_no_call_failed(plane: &ControlPlane) {
    let metrics = plane.api.text("/metrics").await;
    let ours = |metric: &str| -> Vec<&str> {
        let lines = metrics.lines().filter(|line| line.starts_with(metric));
        lines.filter(|line| line.contains(&format!("name=\"{WEBHOOK}\""))).collect()
    };
    let rejections = ours("apiserver_admission_webhook_rejection_count{");
    assert!(!rejections.is_empty(), "the refused Pods are counted");
    for rejection in rejections {
        assert!(
            rejection.contains("error_type=\"no_error\"") && rejection.contains("rejection_code=\"422\"")
        );
    }
    assert_eq!(ours("apiserver_admission_webhook_fail_open_count"), [""; 0]);
}
