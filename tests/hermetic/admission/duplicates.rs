//! Fields that occur twice in a Pod: programs differ in which of the two they take.

use boundtoken::admission::Pod;
use serde_json::{Value, json};

use crate::support::drivers::DRIVERS;

/// A Pod with every field that is read, and no other one.
fn read_fields() -> Value {
    let items = json!([{"path": "a"}]);
    let containers = json!([{
        "name": "a",
        "volumeMounts": [{"name": "a", "mountPath": "/a", "subPath": "a", "subPathExpr": "a", "readOnly": true}],
        "volumeDevices": [{"devicePath": "/a"}],
        "terminationMessagePath": "/a",
        "env": [{"name": "A", "value": "a"}],
    }]);
    let sources = json!([
        {"serviceAccountToken": {"audience": "a", "expirationSeconds": 3607, "path": "a"}},
        {"configMap": {"name": "a", "items": items}},
        {"downwardAPI": {"items": items}},
        {"secret": {"name": "a", "items": items}},
        {"clusterTrustBundle": {"path": "a"}},
    ]);
    let mut volumes = vec![
        json!({"name": "a", "projected": {"sources": sources, "defaultMode": 420}}),
        json!({"secret": {"secretName": "a", "defaultMode": 420, "items": items}}),
        json!({"configMap": {"items": items}}),
        json!({"downwardAPI": {"items": items}}),
        json!({"hostPath": {"type": "File"}}),
        json!({"image": {}}),
    ];
    volumes.extend(DRIVERS.map(|driver| json!({driver: {"readOnly": true}})));
    json!({
        "metadata": {
            "generateName": "a",
            "annotations": {"boundtoken.dev/ttl": "2h", "boundtoken.io/webhook": "a"},
            "labels": {"boundtoken.dev/webhook": "a"},
        },
        "spec": {
            "serviceAccountName": "a",
            "automountServiceAccountToken": true,
            "os": {"name": "linux"},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "initContainers": containers,
            "containers": containers,
            "volumes": volumes,
        },
    })
}

/// A Pod with fields that are not read.
fn other_fields() -> Value {
    json!({
        "status": {"phase": "a"},
        "metadata": {"name": "a", "annotations": {"a": "b"}, "labels": {"a": "b"}},
        "spec": {
            "hostNetwork": true,
            "nodeSelector": {"a": "b"},
            "containers": [{"image": "a", "env": [{"valueFrom": {}}]}],
            "volumes": [{"emptyDir": {"medium": "a"}}, {"hostPath": {"path": "/"}}, {"image": {"reference": "a"}}],
        },
    })
}

/// The path of each field.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = format!("{path}.{name}");
                paths(field, &path, found);
                found.push(path);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| paths(item, &format!("{path}.{index}"), found));
        }
        _ => {}
    }
}

/// The JSON of a value in which the field with a path occurs twice. The first time it is `first`.
fn with_double(value: &Value, double: &str, first: &str, path: &str) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().flat_map(|(name, field)| {
                let path = format!("{path}.{name}");
                let text = format!("{}:{}", json!(name), with_double(field, double, first, &path));
                let before = (path == double).then(|| format!("{}:{first}", json!(name)));
                before.into_iter().chain([text])
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let items =
                items.map(|(index, item)| with_double(item, double, first, &format!("{path}.{index}")));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[test]
fn each_field_that_is_read_may_occur_once() {
    let pod = read_fields();
    serde_json::from_str::<Pod<'_>>(&pod.to_string()).unwrap();
    let mut fields = Vec::new();
    paths(&pod, "", &mut fields);
    assert!(fields.len() > 100, "{}", fields.len());
    for field in fields {
        let text = with_double(&pod, &field, "null", "");
        let error = serde_json::from_str::<Pod<'_>>(&text).err();
        let message = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(message.starts_with("duplicate "), "{field}: {message}");
    }
}

#[test]
fn other_fields_may_occur_twice() {
    let pod = other_fields();
    let mut fields = Vec::new();
    paths(&pod, "", &mut fields);
    let is_read = |field: &&String| {
        let name = field.rsplit('.').next().unwrap_or_default();
        [
            "metadata",
            "annotations",
            "labels",
            "spec",
            "containers",
            "nodeSelector",
            "env",
            "volumes",
            "hostPath",
        ]
        .contains(&name)
            || name == "image" && field.contains(".volumes.")
    };
    for field in fields.iter().filter(|field| !is_read(field)) {
        let text = with_double(&pod, field, "[1, {\"a\": null}]", "");
        assert!(serde_json::from_str::<Pod<'_>>(&text).is_ok(), "{text}");
    }
}
