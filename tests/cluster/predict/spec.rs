//! Normalizes Pods: removes the fields that other components than the plugin and the webhook set.

use serde_json::{Value, json};

use crate::pods::list;

/// Fields that a template lacks, since the Priority plugin sets them.
const OF_PLUGINS: [&str; 2] = ["priority", "preemptionPolicy"];

/// The fields that the controller of a kind sets.
fn of_controller(kind: &str) -> &'static [&'static str] {
    match kind {
        "StatefulSet" => &["hostname", "subdomain"],
        "DaemonSet" => &["affinity", "nodeName", "tolerations"],
        _ => &[],
    }
}

/// Labels that controllers add to their Pods.
const LABELS: [&str; 9] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// The letters of suffixes that the API server generates.
const LETTERS: &str = "bcdfghjklmnpqrstvwxz2456789";

/// Labels, annotations and the rest of the spec, with one suffix for the names of all default token volumes.
pub(super) fn comparable(kind: &str, metadata: &Value, spec: &Value) -> Value {
    let mut labels = metadata["labels"].clone();
    if let Some(labels) = labels.as_object_mut().filter(|_| kind != "Pod") {
        labels.retain(|label, _| !LABELS.contains(&label.as_str()));
    }
    let annotations = &metadata["annotations"];
    let spec = renamed(&completed(kind, spec));
    json!({"labels": or_none(&labels), "annotations": or_none(annotations), "spec": spec})
}

/// Replaces an empty map by `null`.
fn or_none(map: &Value) -> &Value {
    if map.as_object().is_some_and(serde_json::Map::is_empty) { &Value::Null } else { map }
}

/// Adds the defaults of Pods that templates lack, and removes the fields that other components set.
fn completed(kind: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    let fields = spec.as_object_mut().unwrap();
    fields.entry("enableServiceLinks").or_insert(true.into());
    let account = fields.entry("serviceAccountName").or_insert("default".into()).clone();
    fields.entry("serviceAccount").or_insert(account);
    for field in OF_PLUGINS.iter().chain(of_controller(kind)) {
        fields.remove(*field);
    }
    let tolerations = fields.remove("tolerations");
    let tolerations = tolerations.unwrap_or_default();
    let others: Vec<Value> =
        list(&tolerations).filter(|toleration| !is_of_plugin(toleration)).cloned().collect();
    if !others.is_empty() {
        fields.insert("tolerations".to_owned(), others.into());
    }
    spec
}

/// Whether this is one of the two tolerations of the plugin `DefaultTolerationSeconds`.
fn is_of_plugin(toleration: &Value) -> bool {
    ["not-ready", "unreachable"].iter().any(|state| {
        let key = format!("node.kubernetes.io/{state}");
        *toleration
            == json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    })
}

fn renamed(spec: &Value) -> Value {
    let names: Vec<String> = list(&spec["volumes"])
        .filter_map(|volume| volume["name"].as_str())
        .filter(|name| is_generated(name))
        .map(str::to_owned)
        .collect();
    let mut text = spec.to_string();
    for (index, name) in names.iter().enumerate() {
        text = text.replace(&format!("\"{name}\""), &format!("\"kube-api-access-({index})\""));
    }
    serde_json::from_str(&text).unwrap()
}

fn is_generated(name: &str) -> bool {
    let end = name.strip_prefix("kube-api-access-");
    end.is_some_and(|end| end.len() == 5 && end.chars().all(|letter| LETTERS.contains(letter)))
}
