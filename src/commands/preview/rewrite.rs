//! Documents with the Pods that would result, fit for `kubectl apply`.

use std::ptr;

use json_patch::jsonptr::Pointer;
use serde_json::{Map, Value};

use super::workload::annotate;
use super::{Preview, Trial};
use crate::manifest::{Document, Object};

/// A document with its Pods and Pod templates replaced. What does not change stays as it is written.
pub(super) fn rewrite(
    document: &Document,
    objects: &[Object<'_>],
    previews: &[Preview<'_>],
    trial: &Trial<'_>,
) -> Value {
    let mut value = document.value.clone();
    for Preview { workload, admission, settings: _ } in previews {
        let Some(pod) = object_at(&mut value, document, &workload.object, workload.template()) else {
            continue;
        };
        annotate(pod, &trial.pod);
        if let Some(spec) = admission.with.get("spec").filter(|_| admission.changes()) {
            pod.insert("spec".to_owned(), spec.clone());
        }
    }
    for namespace in objects.iter().filter(|object| object.is_core("Namespace")) {
        if let Some(namespace) = object_at(&mut value, document, namespace, Pointer::root()) {
            annotate(namespace, &trial.namespace);
        }
    }
    value
}

/// The copy in `value` of a part of an object, if the object is of this document.
fn object_at<'v>(
    value: &'v mut Value,
    document: &Document,
    object: &Object<'_>,
    part: &Pointer,
) -> Option<&'v mut Map<String, Value>> {
    if !ptr::eq(object.document, document) {
        return None;
    }
    object.pointer.concat(part).resolve_mut(value).ok()?.as_object_mut()
}
