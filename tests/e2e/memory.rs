//! The memory of replicas on the node, and the time until they become ready.

use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::install::{install, replicas};
use crate::node::processes;

/// The memory request of a replica, which the scheduler relies on.
const REQUESTED: u64 = 32 << 20;

/// An idle replica stays below what it requests.
pub(crate) async fn of_an_idle_replica(cluster: Arc<Cluster>) {
    install(&cluster).await;
    let pods = replicas(&cluster).await;
    let held: Vec<_> = processes::of_pods(&pods).into_iter().map(processes::memory).collect();
    println!("resident bytes of the replicas: {held:?}, {REQUESTED} are requested");
    for pod in &pods {
        println!("started {}, ready {}", started(pod), ready(pod));
    }
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|bytes| *bytes <= REQUESTED));
}

fn started(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
}

fn ready(pod: &Value) -> &Value {
    let mut conditions = pod["status"]["conditions"].as_array().unwrap().iter();
    &conditions.find(|condition| condition["type"] == "Ready").unwrap()["lastTransitionTime"]
}
