//! Specs of Pods without what others than plugin and webhook put into them.

use serde_json::Value;

use crate::pods::list;

/// Fields of a spec that a template lacks, each with whoever sets it.
const OF_OTHERS: [&str; 10] = [
    // The plugins DefaultTolerationSeconds and Priority.
    "tolerations",
    "priority",
    "preemptionPolicy",
    // Defaulted in a Pod, but not in a template.
    "enableServiceLinks",
    // The ServiceAccount plugin, also in a Pod of which `preview` shows nothing.
    "serviceAccount",
    "serviceAccountName",
    // The StatefulSet controller.
    "hostname",
    "subdomain",
    // The DaemonSet controller, for its node.
    "affinity",
    "nodeName",
];

/// Letters that the API server puts into names.
const LETTERS: &str = "bcdfghjklmnpqrstvwxz2456789";

/// The rest of the spec, with the same end of each name of a default token volume.
pub(super) fn comparable(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let fields = spec.as_object_mut().unwrap();
    for field in OF_OTHERS {
        fields.remove(field);
    }
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
