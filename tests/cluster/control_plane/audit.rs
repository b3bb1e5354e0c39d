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

/// The creations of Pods in Namespaces whose names start so, oldest first.
pub(super) fn events(log: &Path, start: &str) -> Vec<Value> {
    let mut events = with(log, &format!("\"{start}"));
    events.retain(|event| {
        let object = &event["objectRef"];
        event["verb"] == "create"
            && object["resource"] == "pods"
            && object["subresource"].is_null()
            && object["namespace"].as_str().is_some_and(|name| name.starts_with(start))
    });
    events
}

/// Whatever a user asked for, oldest first.
pub(super) fn events_by(log: &Path, user: &str) -> Vec<Value> {
    let mut events = with(log, &Value::from(user).to_string());
    events.retain(|event| event["user"]["username"] == user);
    events
}

/// Most lines are of others, and parsing costs more than searching.
fn with(log: &Path, text: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(log).unwrap();
    let lines = log.lines().filter(|line| line.contains(text));
    lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect()
}
