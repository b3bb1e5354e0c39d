//! What can be said of annotations before any webhook sees them.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::Value;

use super::report::{Report, Severity};
use super::shape;
use super::workload::Workload;
use crate::manifest::{NoString, Object, Place};
use crate::policy::keys::PREFIX;
use crate::policy::keys::{Key, OPT_IN_LABEL};

/// Reports annotations and labels that are no strings, which no API server takes, and settings that are
/// labels. Returns the first key whose value is no string.
pub(super) fn check_metadata<'a>(
    object: &Object<'a>,
    metadata: &Pointer,
    report: &mut Report,
) -> Result<(), &'a str> {
    let mut result = Ok(());
    for place in [Place::Annotations, Place::Labels] {
        for (key, pointer, value) in entries(object, metadata, place.field()) {
            if let Some(no_string) = NoString::of(value) {
                result = result.and(Err(key));
                let written = object.document.text(&object.pointer.concat(&pointer));
                let sentence = no_string.sentence(place, key, written, &value.to_string());
                report.add(Severity::Refused, object, &pointer, sentence);
            } else if place == Place::Labels && key.starts_with(PREFIX) && key != OPT_IN_LABEL {
                let text = format_args!("{key}: a label has no effect; settings are annotations");
                report.add(Severity::Warning, object, &pointer, text);
            }
        }
    }
    result
}

/// Reports settings that stand on the object instead of its Pod template and therefore reach no Pod.
pub(super) fn check_astray(workload: &Workload<'_>, report: &mut Report) {
    let object = &workload.object;
    let template = workload.annotations();
    let right = template.resolve(object.value).ok();
    for metadata in workload.astray() {
        for (key, pointer, _) in entries(object, metadata, "annotations") {
            if Key::from_name(key).is_some() && right.and_then(|right| right.get(key)).is_none() {
                let place = field(&template);
                let kind = workload.kind();
                let text = format_args!("{key}: no effect on a {kind}; move it to {place}");
                report.add(Severity::Warning, object, &pointer, text);
            }
        }
    }
}

/// Reports a Namespace that no API server would take; tells whether the webhook can read it.
pub(super) fn check_namespace(namespace: &Object<'_>, report: &mut Report) -> bool {
    let Some((place, expected)) = shape::NAMESPACE.fault(namespace.value) else { return true };
    let text = format_args!("{} must be {expected}", field(&place));
    report.add(Severity::Error, namespace, &place, text);
    false
}

/// Reports a Pod that no API server would take; tells whether plugin and webhook can read it.
pub(super) fn check_pod(workload: &Workload<'_>, report: &mut Report) -> bool {
    let Some((place, expected)) = pod_fault(workload) else { return true };
    let place = workload.template().concat(&place);
    let text = format_args!("{}: {} must be {expected}", workload.title(), field(&place));
    report.add(Severity::Error, &workload.object, &place, text);
    false
}

fn pod_fault(workload: &Workload<'_>) -> Option<(PointerBuf, &'static str)> {
    let Ok(pod) = workload.template().resolve(workload.object.value) else {
        return Some((PointerBuf::root(), "a Pod template"));
    };
    let nobody = || (PointerBuf::from_tokens(["spec", "containers"]), "a list of containers with names");
    shape::POD.fault(pod).or_else(|| (!has_containers(pod)).then(nobody))
}

/// A place as the API server names it: `spec.template.spec`.
fn field(place: &Pointer) -> String {
    place.as_str().trim_start_matches('/').replace('/', ".")
}

fn has_containers(pod: &Value) -> bool {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    containers.is_some_and(|list| !list.is_empty() && list.iter().all(is_container))
}

fn is_container(value: &Value) -> bool {
    value.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty())
}

/// The entries of a map within a `metadata`, each with its place in the object.
fn entries<'a>(
    object: &Object<'a>,
    metadata: &Pointer,
    map: &'static str,
) -> impl Iterator<Item = (&'a str, PointerBuf, &'a Value)> {
    let map = metadata.with_trailing_token(map);
    let entries = map.resolve(object.value).ok().and_then(Value::as_object).into_iter().flatten();
    entries.map(move |(key, value)| (key.as_str(), map.with_trailing_token(key.as_str()), value))
}

/// The place of the setting that a sentence of the webhook is about, if it can be told.
pub(super) fn place_of(sentence: &str, object: &Object<'_>, annotations: &Pointer) -> Option<PointerBuf> {
    let start = sentence.find(PREFIX)?;
    let (_, rest) = sentence.split_at_checked(start)?;
    let end = rest.find([':', ' ', '=', ',', ']', '"']).unwrap_or(rest.len());
    let (key, _) = rest.split_at_checked(end)?;
    let pointer = annotations.with_trailing_token(key);
    pointer.resolve(object.value).is_ok().then_some(pointer)
}
