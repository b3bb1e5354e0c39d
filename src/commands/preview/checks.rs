//! What can be said of a Pod and its annotations before any webhook sees them.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::Value;

use super::metadata::{entries, field};
use super::report::{Report, Severity};
use super::shape;
use super::workload::Workload;
use crate::manifest::Object;
use crate::policy::keys::{Key, PREFIX};

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

/// Notes an object with a Pod template that is none of Kubernetes' own workloads.
pub(super) fn check_kind(object: &Object<'_>, report: &mut Report) {
    let containers = object.value.pointer("/spec/template/spec/containers");
    if containers.is_some_and(Value::is_array) {
        let text = format_args!(
            "{} of {} is no kind that preview knows; admission treats its Pods as others, but they are not shown",
            object.kind(),
            object.group()
        );
        report.add(Severity::Note, object, Pointer::root(), text);
    }
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

fn has_containers(pod: &Value) -> bool {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    containers.is_some_and(|list| !list.is_empty() && list.iter().all(is_container))
}

fn is_container(value: &Value) -> bool {
    value.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty())
}

/// The place of the setting that a sentence of the webhook is about, if it can be told.
pub(super) fn place_of(sentence: &str, object: &Object<'_>, annotations: &Pointer) -> Option<PointerBuf> {
    let start = if sentence.starts_with('"') { 1 } else { sentence.find(PREFIX)? };
    let (_, rest) = sentence.split_at_checked(start)?;
    let end = rest.find([':', ' ', '=', ',', ']', '"']).unwrap_or(rest.len());
    let (key, _) = rest.split_at_checked(end)?;
    let pointer = annotations.with_trailing_token(key);
    pointer.resolve(object.value).is_ok().then_some(pointer)
}
