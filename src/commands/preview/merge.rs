//! Carries the changes of admission over to a manifest, so that all else stays as written.
//!
//! The Pod that admission sees has defaults that the manifest lacks, and lacks empty lists that the manifest has.

use serde_json::{Map, Value};

/// `written` with the changes that lead from `before` to `after`, where `before` is `written` as the API server
/// decodes it.
pub(super) fn merge(written: &Value, before: &Value, after: &Value) -> Value {
    match (written, before, after) {
        (written, before, after) if before == after => written.clone(),
        (Value::Object(written), Value::Object(before), Value::Object(after)) => {
            merge_maps(written, before, after).into()
        }
        (Value::Array(written), Value::Array(before), Value::Array(after))
            if written.len() == before.len() =>
        {
            merge_lists(written, before, after).into()
        }
        _ => after.clone(),
    }
}

fn merge_maps(
    written: &Map<String, Value>,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Map<String, Value> {
    let kept = written.iter().filter_map(|(field, value)| match (before.get(field), after.get(field)) {
        (Some(before), Some(after)) => Some((field, merge(value, before, after))),
        (Some(_), None) => None,
        (None, Some(after)) => Some((field, after.clone())),
        // The API server omits the field when it decodes the object.
        (None, None) => Some((field, value.clone())),
    });
    // A field with the same value before and after is a default.
    let is_new = |(field, value): &(&String, &Value)| {
        !written.contains_key(*field) && before.get(*field) != Some(*value)
    };
    let added = after.iter().filter(is_new).map(|(field, value)| (field, value.clone()));
    kept.chain(added).map(|(field, value)| (field.clone(), value)).collect()
}

/// Admission keeps the order of a list: it changes, removes and adds items.
fn merge_lists(written: &[Value], before: &[Value], after: &[Value]) -> Vec<Value> {
    let mut rest = written.iter().zip(before);
    let merged = after.iter().map(|after| {
        let is_partner = |(_, before): (&Value, &Value)| before == after || is_same_item(before, after);
        let mut following = rest.clone();
        match following.clone().position(is_partner).and_then(|position| following.nth(position)) {
            Some((written, before)) => {
                rest = following;
                merge(written, before, after)
            }
            None => after.clone(),
        }
    });
    merged.collect()
}

/// Whether two items of a list are one container, volume, mount, variable or source with different content.
fn is_same_item(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return false };
    let has_same = |field| before.get(field) == after.get(field);
    let is_named = before.contains_key("name");
    has_same("name") && has_same("mountPath") && (is_named || before.keys().next() == after.keys().next())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admission::simulate;
    use crate::pod::plugin::{self, ServiceAccount};
    use crate::policy::NamespaceSettings;
    use serde_json::json;

    #[test]
    fn only_changes_are_carried_over() {
        for (written, before, after, expected) in [
            (
                json!({"a": [], "b": 1}),
                json!({"b": 1, "c": 2}),
                json!({"b": 1, "c": 2}),
                json!({"a": [], "b": 1}),
            ),
            (
                json!({"a": null, "b": 1}),
                json!({"b": 1}),
                json!({"a": [1], "b": 2}),
                json!({"a": [1], "b": 2}),
            ),
            (
                json!({"a": 1, "b": 1}),
                json!({"a": 1, "b": 1, "c": 1}),
                json!({"b": 1, "c": 2}),
                json!({"b": 1, "c": 2}),
            ),
            (
                json!([{"name": "a", "x": []}, {"name": "b"}, {"name": "c"}]),
                json!([{"name": "a"}, {"name": "b", "d": 0}, {"name": "c", "d": 0}]),
                json!([{"name": "a", "y": 1}, {"name": "c", "d": 0}, {"name": "e", "d": 0}]),
                json!([{"name": "a", "x": [], "y": 1}, {"name": "c"}, {"name": "e", "d": 0}]),
            ),
            (
                json!([{"s": {"path": "a"}}, {"t": {}}]),
                json!([{"s": {"path": "a", "d": 1}}, {"t": {"d": 1}}]),
                json!([{"s": {"path": "b", "d": 1}}, {"t": {"d": 1}}]),
                json!([{"s": {"path": "b"}}, {"t": {}}]),
            ),
        ] {
            assert_eq!(merge(&written, &before, &after), expected, "{written}");
        }
    }

    /// Pods as written: reviews that an API server sent, without the fields that it adds, and one with empty lists.
    fn pods() -> Vec<Value> {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reviews");
        let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
        let reviews =
            files.map(|file| serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap());
        let mut pods: Vec<Value> = reviews.map(|review: Value| review["request"]["object"].clone()).collect();
        pods.retain(|pod| pod["kind"] == "Pod");
        for mount in pods.iter_mut().filter_map(|pod| pod.pointer_mut("/spec/volumes/0/projected")) {
            mount.as_object_mut().unwrap().remove("defaultMode");
        }
        pods.push(json!({"kind": "Pod", "metadata": {}, "spec": {
            "volumes": [{"name": "s", "secret": {}}, {"name": "p", "projected": {"sources": [
                {"serviceAccountToken": {"path": "t"}}, {"downwardAPI": {"items": [{"fieldRef": {}}]}}
            ]}}],
            "imagePullSecrets": [],
            "initContainers": [],
            "containers": [{"name": "a", "env": null}, {"name": "b", "volumeMounts": [], "env": []}],
        }}));
        pods
    }

    #[test]
    fn the_result_means_what_admission_makes() {
        let mut changed = 0;
        for pod in pods() {
            for (key, value) in
                [("mode", "replace"), ("mode", "disable"), ("mode", "add"), ("path", "/a/b"), ("env", "T")]
            {
                let annotations =
                    [(format!("boundtoken.dev/{key}"), value), ("boundtoken.dev/audience".into(), "v")];
                let annotations = annotations.iter().map(|(key, value)| (key.as_str(), *value));
                let settings = NamespaceSettings::parse("a", annotations, &Arc::default());
                let account = ServiceAccount::default();
                let admission = simulate(pod.clone(), &account, Some(&settings)).unwrap();
                let mut before = pod.clone();
                plugin::round_trip(&mut before);
                let mut merged = pod.clone();
                merged["spec"] = merge(&pod["spec"], &before["spec"], &admission.after["spec"]);
                plugin::round_trip(&mut merged);
                assert_eq!(merged["spec"], admission.after["spec"], "{pod} {value}");
                changed += usize::from(admission.changes());
            }
        }
        assert!(changed >= 20, "{changed}");
    }
}
