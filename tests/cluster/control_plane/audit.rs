//! The audit log: what was asked of the API server, by whom, and what webhooks did.

use std::path::Path;

use serde_json::{Value, json};

/// The policy's file name.
pub(super) const POLICY: &str = "audit-policy.yaml";

/// The log's file name.
pub(super) const LOG: &str = "audit.log";

/// Pods with their bodies, since patches are written at that level; the rest by name.
pub(super) fn write_policy(path: &Path) {
    let pods = json!([{"group": "", "resources": ["pods"]}]);
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Request", "verbs": ["create"], "resources": pods},
            {"level": "Metadata"},
        ],
    });
    std::fs::write(path, policy.to_string()).unwrap();
}

/// The creations of Pods in a Namespace, oldest first.
pub(super) fn events(log: &Path, namespace: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    // Most lines are of others, and parsing costs more than searching.
    let name = Value::from(namespace).to_string();
    let lines = text.lines().filter(|line| line.contains(&name));
    let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events
        .filter(|event| event["verb"] == "create")
        .filter(|event| {
            event["objectRef"]["resource"] == "pods" && event["objectRef"]["subresource"].is_null()
        })
        .filter(|event| event["objectRef"]["namespace"] == namespace)
        .collect()
}

/// Everything, oldest first; but for a line that an API server did not finish, because it was killed.
pub(super) fn requests(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
