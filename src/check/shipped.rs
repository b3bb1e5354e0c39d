//! The manifests of this version, with which an installation is compared.

use serde_json::Value;

use crate::manifest;

/// A file of `manifests`, by default in `base`, built into the program.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShippedFile {
    /// `guard/policy.yaml`.
    Guard,
    /// `guard-namespaces/policy.yaml`.
    GuardNamespaces,
    /// `monitoring/prometheus-rule.yaml`.
    AlertRules,
    /// `disruption.yaml`.
    Disruption,
    /// `network-policy.yaml`.
    NetworkPolicy,
    /// `rbac.yaml`.
    Rights,
    /// `service.yaml`.
    Service,
    /// `webhook.yaml`.
    Webhook,
}

/// The first object of a file.
pub(super) fn shipped(file: ShippedFile) -> Value {
    objects(file).into_iter().next().unwrap_or_default()
}

/// Every object of a file.
pub(super) fn objects(file: ShippedFile) -> Vec<Value> {
    let text = match file {
        ShippedFile::Guard => include_str!("../../manifests/guard/policy.yaml"),
        ShippedFile::GuardNamespaces => include_str!("../../manifests/guard-namespaces/policy.yaml"),
        ShippedFile::AlertRules => include_str!("../../manifests/monitoring/prometheus-rule.yaml"),
        ShippedFile::Rights => include_str!("../../manifests/base/rbac.yaml"),
        ShippedFile::Disruption => include_str!("../../manifests/base/disruption.yaml"),
        ShippedFile::NetworkPolicy => include_str!("../../manifests/base/network-policy.yaml"),
        ShippedFile::Service => include_str!("../../manifests/base/service.yaml"),
        ShippedFile::Webhook => include_str!("../../manifests/base/webhook.yaml"),
    };
    // A test parses each file.
    let documents = manifest::parse("", text).unwrap_or_default();
    documents.iter().map(|document| document.root.to_value()).collect()
}

/// Whether a live field equals the shipped one. The API server writes an absent field as `{}`, `[]` or `null`, and the
/// scope of a rule as `*`.
pub(super) fn is_equal(live: Option<&Value>, shipped: Option<&Value>) -> bool {
    match (live, shipped) {
        (None, None) => true,
        (Some(one), None) | (None, Some(one)) => is_default(one),
        (Some(Value::Object(live)), Some(Value::Object(shipped))) => {
            live.keys().chain(shipped.keys()).all(|key| is_equal(live.get(key), shipped.get(key)))
        }
        (Some(Value::Array(live)), Some(Value::Array(shipped))) => {
            live.len() == shipped.len()
                && live.iter().zip(shipped).all(|(live, shipped)| is_equal(Some(live), Some(shipped)))
        }
        // Programs that write YAML fold long expressions in other places.
        (Some(Value::String(live)), Some(Value::String(shipped))) => {
            live.split_whitespace().eq(shipped.split_whitespace())
        }
        (Some(live), Some(shipped)) => live == shipped,
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text == "*",
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::keys;

    /// The keys are not found by a loop over those of an object, which takes the API server quadratic time.
    #[test]
    fn the_guard_of_namespaces_names_each_setting() {
        let policy = shipped(ShippedFile::GuardNamespaces);
        let variables = policy.pointer("/spec/variables").and_then(Value::as_array).unwrap();
        let settings = variables.iter().find(|variable| variable["name"] == "settings").unwrap();
        let named: Vec<String> = serde_json::from_str(settings["expression"].as_str().unwrap()).unwrap();
        assert!(named.iter().map(String::as_str).eq(keys::all().map(|entry| entry.name)), "{named:?}");
    }

    #[test]
    fn each_file_has_its_object() {
        for (file, kind) in [
            (ShippedFile::Guard, "ValidatingAdmissionPolicy"),
            (ShippedFile::GuardNamespaces, "ValidatingAdmissionPolicy"),
            (ShippedFile::AlertRules, "PrometheusRule"),
            (ShippedFile::Disruption, "PodDisruptionBudget"),
            (ShippedFile::Rights, "ClusterRole"),
            (ShippedFile::NetworkPolicy, "NetworkPolicy"),
            (ShippedFile::Service, "Service"),
            (ShippedFile::Webhook, "MutatingWebhookConfiguration"),
        ] {
            assert_eq!(shipped(file)["kind"], kind);
        }
    }

    #[test]
    fn defaults_of_the_api_server_are_no_difference() {
        let written = serde_json::json!({"rules": [{"resources": ["pods"]}]});
        let live = serde_json::json!({"rules": [{"resources": ["pods"], "scope": "*"}], "selector": {}});
        assert!(is_equal(Some(&live), Some(&written)));
        for live in [
            serde_json::json!({"rules": [{"resources": ["pods"], "scope": "Cluster"}]}),
            serde_json::json!({"rules": [{"resources": ["*"]}]}),
            serde_json::json!({"rules": [{"resources": ["pods"]}, {}]}),
            serde_json::json!({"rules": []}),
            serde_json::json!({"rules": [{"resources": ["pods"]}], "selector": {"matchLabels": {"a": "b"}}}),
        ] {
            assert!(!is_equal(Some(&live), Some(&written)), "{live}");
        }
    }
}
