//! The audit log: what was asked of the API server, by whom, and what webhooks did.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
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
    let mut events = Follower::from_start(log, &Value::from(namespace).to_string());
    events.read().iter().filter(|event| is_creation_in(event, |name| name == namespace)).cloned().collect()
}

/// Whether an event is the creation of a Pod in such a Namespace.
pub(crate) fn is_creation_in(event: &Value, is_meant: impl Fn(&str) -> bool) -> bool {
    let object = &event["objectRef"];
    event["verb"] == "create"
        && object["resource"] == "pods"
        && object["subresource"].is_null()
        && object["namespace"].as_str().is_some_and(is_meant)
}

/// Reads the log on and on, and keeps the events in which a text occurs.
///
/// Most lines are of others, and the log of all tests is long: parsing costs more than searching, and reading
/// it all again and again more than both.
pub(crate) struct Follower {
    log: BufReader<File>,
    text: String,
    line: String,
    events: Vec<Value>,
}

impl Follower {
    fn from_start(log: &Path, text: &str) -> Self {
        let log = BufReader::new(File::open(log).unwrap());
        Self { log, text: text.to_owned(), line: String::new(), events: Vec::new() }
    }

    pub(super) fn from_now_on(log: &Path, text: &str) -> Self {
        let mut follower = Self::from_start(log, text);
        // The line that is being written is of something earlier, and no JSON from its middle.
        follower.log.seek(SeekFrom::End(0)).unwrap();
        follower
    }

    /// All events so far.
    pub(crate) fn read(&mut self) -> &[Value] {
        // An unfinished line is kept for the next read.
        while self.log.read_line(&mut self.line).unwrap() > 0 && self.line.ends_with('\n') {
            if self.line.contains(&self.text) {
                self.events.extend(serde_json::from_str::<Value>(&self.line).ok());
            }
            self.line.clear();
        }
        &self.events
    }
}

/// Everything, oldest first; but for a line that an API server did not finish, because it was killed.
pub(super) fn requests(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
