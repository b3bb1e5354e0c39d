//! The refusal of a Deployment's Pods is reported in one event and one condition.

use std::sync::Arc;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::pods::owner;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::TestInstall;
use crate::texts::kubectl;

const NAMESPACE: &str = "refused-replicas";

/// The number of refusals that one event has to aggregate.
const REPLICAS: u64 = 10;

/// The Deployment is created, its Pods are not, and one line lists every violation.
pub(crate) async fn refused_replicas(plane: Arc<ControlPlane>) {
    let install = TestInstall::start(&plane, "refused-replicas", &[(NAMESPACE, &[])]).await;
    let settings = [("mode", "replce"), ("ttl", "5m"), ("audiance", "vault")];
    let mut deployment = owner("Deployment", NAMESPACE, "web", &settings);
    deployment["spec"]["replicas"] = REPLICAS.into();
    let applied = kubectl(&plane, "apply -f -", &deployment.to_string());
    assert_eq!((applied.stdout.as_str(), applied.stderr.as_str()), ("deployment.apps/web created\n", ""));

    let event = gathered_event(&install).await;
    let event = sentence(&event["message"]);
    assert_snapshot!("event", event);
    let message = event.strip_prefix("Error creating: ").unwrap();
    assert_eq!(sentence(&condition(&install, "deployments").await["message"]), message);
    assert_eq!(sentence(&condition(&install, "replicasets").await["message"]), message);
    for command in ["describe replicaset", "get events", "get deployment web -o yaml"] {
        let printed = kubectl(&plane, &format!("{command} --namespace={NAMESPACE}"), "");
        let words: Vec<&str> = printed.stdout.split_whitespace().collect();
        assert_eq!(words.join(" ").matches(message).count(), 1, "{printed}");
    }
    // `kubectl describe` prints no messages of conditions, only their type, status and reason.
    let described = kubectl(&plane, &format!("describe deployment web --namespace={NAMESPACE}"), "");
    let line = described.stdout.lines().find(|line| line.contains("ReplicaFailure")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["ReplicaFailure", "True", "FailedCreate"]);
    assert!(install.pods_of(NAMESPACE, "web", 0).await.is_empty());
}

/// The event of the ReplicaSet, once it counts every replica.
async fn gathered_event(install: &TestInstall) -> Value {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/events?fieldSelector=reason=FailedCreate");
    let mut tries = 0;
    eventually("an event for ten refusals", async || {
        // The controller backs off exponentially, unless the object changes.
        tries += 1;
        touch_replica_set(install, tries).await;
        let mut events = install.plane.api.list(&path).await;
        assert!(events.len() <= 1, "not one event: {events:#?}");
        let event = events.pop()?;
        assert_eq!(event["involvedObject"]["kind"], "ReplicaSet");
        (event["count"].as_u64()? >= REPLICAS).then_some(event)
    })
    .await
}

async fn touch_replica_set(install: &TestInstall, number: u64) {
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/replicasets");
    let Some(replica_set) = install.plane.api.list(&path).await.pop() else { return };
    let name = replica_set["metadata"]["name"].as_str().unwrap();
    let change = json!({"metadata": {"annotations": {"touched": number.to_string()}}});
    install.plane.api.patch(&format!("{path}/{name}"), &change).await.ok().unwrap();
}

/// The condition `ReplicaFailure` of the only object of a kind.
async fn condition(install: &TestInstall, plural: &str) -> Value {
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/{plural}");
    eventually(&format!("ReplicaFailure of {plural}"), async || {
        let object = install.plane.api.list(&path).await.pop()?;
        let conditions = object["status"]["conditions"].as_array()?;
        let failure = conditions.iter().find(|condition| condition["type"] == "ReplicaFailure")?;
        assert_eq!(
            (failure["status"].as_str(), failure["reason"].as_str()),
            (Some("True"), Some("FailedCreate"))
        );
        Some(failure.clone())
    })
    .await
}

/// Asserts that a message is one line without repetitions.
fn sentence(message: &Value) -> &str {
    let message = message.as_str().unwrap();
    assert_eq!(message.lines().count(), 1, "{message}");
    for once in ["pods.boundtoken.dev", "denied the request", "(BT001)", "(BT004)"] {
        assert_eq!(message.matches(once).count(), 1, "{once}: {message}");
    }
    assert!(!message.contains("web-"), "a generated name keeps events apart: {message}");
    message
}
