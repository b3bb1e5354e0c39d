//! The audit log: requests to the API server, their users, and the results of webhooks.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use serde_json::{Value, json};

/// The file name of the policy.
pub(super) const POLICY: &str = "audit-policy.yaml";

/// The file name of the log.
pub(super) const LOG: &str = "audit.log";

/// The Namespace of service accounts for whose lists of some kinds the policy logs the responses.
pub(crate) const RESPONSES_LOGGED: &str = "responses-logged";

/// A policy that logs Pods with their bodies, since patches are logged at that level, and the rest as metadata.
pub(super) fn policy() -> Value {
    let pods = json!([{"group": "", "resources": ["pods"]}]);
    let kinds = json!([
        {"group": "", "resources": ["secrets", "namespaces"]},
        {"group": "apps", "resources": ["replicasets"]},
        {"group": "batch", "resources": ["jobs"]},
    ]);
    let group = format!("system:serviceaccounts:{RESPONSES_LOGGED}");
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Request", "verbs": ["create"], "resources": pods},
            {"level": "RequestResponse", "verbs": ["list"], "userGroups": [group], "resources": kinds,
                "omitManagedFields": true},
            {"level": "Metadata"},
        ],
    })
}

/// The creations of Pods in a Namespace, oldest first.
pub(super) fn events(log: &Path, namespace: &str) -> Vec<Value> {
    let mut events = Follower::from_start(log, &Value::from(namespace).to_string());
    events.read().iter().filter(|event| is_creation_in(event, |name| name == namespace)).cloned().collect()
}

/// Whether an event is the creation of a Pod in a matching Namespace.
pub(crate) fn is_creation_in(event: &Value, is_meant: impl Fn(&str) -> bool) -> bool {
    let object = &event["objectRef"];
    event["verb"] == "create"
        && object["resource"] == "pods"
        && object["subresource"].is_null()
        && object["namespace"].as_str().is_some_and(is_meant)
}

/// Follows the log, and keeps the events that contain a text.
///
/// Most lines belong to other tests and the log is long: a line is searched before it is parsed, and none is
/// read twice.
pub(crate) struct Follower {
    log: BufReader<File>,
    text: String,
    line: String,
    events: Vec<Value>,
}

impl Follower {
    pub(super) fn from_start(log: &Path, text: &str) -> Self {
        let log = BufReader::new(File::open(log).unwrap());
        Self { log, text: text.to_owned(), line: String::new(), events: Vec::new() }
    }

    pub(super) fn from_now_on(log: &Path, text: &str) -> Self {
        let mut follower = Self::from_start(log, text);
        // A line may be half written: its event came earlier, and its second half is no JSON and so is
        // ignored.
        follower.log.seek(SeekFrom::End(0)).unwrap();
        follower
    }

    /// All events so far.
    pub(crate) fn read(&mut self) -> &[Value] {
        // An incomplete line is kept for the next read.
        while self.log.read_line(&mut self.line).unwrap() > 0 && self.line.ends_with('\n') {
            if self.line.contains(&self.text) {
                self.events.extend(serde_json::from_str::<Value>(&self.line).ok());
            }
            self.line.clear();
        }
        &self.events
    }
}

/// All events, oldest first, except a line that is incomplete because the API server was killed.
pub(super) fn requests(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
