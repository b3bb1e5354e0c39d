//! Settings and labels where they have no effect: on the wrong object, or with the wrong value.

use std::collections::HashSet;

use json_patch::jsonptr::{Pointer, PointerBuf};

use super::checks::entries;
use super::place::{CheckedObject, METADATA, field};
use super::report::{Alike, Level, Report};
use super::templates;
use super::workload::{Workload, is_of_kubernetes, similar_kind};
use crate::manifest::{Node, Object};
use crate::namespaces::{opts_in, opts_out};
use crate::policy::diagnostics::Code;
use crate::policy::keys::{
    Key, OPT_IN_LABEL, OPT_IN_VALUE, Scope, corrected_key, has_own_prefix, is_misspelled_label,
};
use crate::policy::{Mode, quote};

/// Warns about labels with boundtoken's prefix or a misspelled one, except for the label that opts in a Namespace.
pub(super) fn check_labels(checked: CheckedObject<'_, '_>, metadata: &Pointer, report: &mut Report) {
    let is_namespace = checked.object.is_core("Namespace");
    for (key, node) in entries(checked.object, metadata, "labels") {
        if has_own_prefix(key) && !(is_namespace && key == OPT_IN_LABEL) {
            let fix = label_fix(key, node.as_str(), is_namespace);
            let text = format_args!("{key}: a label has no effect; {fix}");
            report.add(Level::Warning, Code::LabelIgnored, checked.place_of(node).with_key(key), text);
        }
    }
}

/// Suggests a fix for a label that has no effect.
fn label_fix(key: &str, value: Option<&str>, is_namespace: bool) -> String {
    let is_setting = Key::from_name(key).is_some() || corrected_key(key).is_some();
    match is_namespace {
        true if !is_setting => format!("the one that opts in is {OPT_IN_LABEL}: {OPT_IN_VALUE}"),
        false if is_label(key) && value.is_some_and(opts_out) => {
            format!("to leave a Pod as it is, annotate it with {}: \"{}\"", Key::Mode, Mode::Off)
        }
        false if is_label(key) => {
            format!("the label of its Namespace opts in, {OPT_IN_LABEL}: {OPT_IN_VALUE}")
        }
        _ => "settings are annotations".to_owned(),
    }
}

/// Warns about a value of the label of a Namespace that is probably meant to opt in, but does not. `value` is the
/// label in force, and `is_excluded` says that the webhook is never called for the Namespace.
pub(super) fn check_opt_in(
    checked: CheckedObject<'_, '_>,
    value: Option<&str>,
    is_excluded: bool,
    report: &mut Report,
) {
    let Some(value) = value.filter(|value| !opts_out(value)) else { return };
    let fault = if !opts_in(Some(value)) {
        format!("{} does not opt in; write \"{OPT_IN_VALUE}\"", quote(value))
    } else if is_excluded {
        "no effect on this Namespace: the webhook is never called for it".to_owned()
    } else {
        return;
    };
    let pointer = METADATA.concat(Pointer::from_static("/labels")).with_trailing_token(OPT_IN_LABEL);
    let place = checked.place(&pointer).with_key(OPT_IN_LABEL);
    report.add(Level::Warning, Code::LabelValue, place, format_args!("label {OPT_IN_LABEL}: {fault}"));
}

/// Warns about labels of a workload and its Pods, and about settings outside its Pod template.
pub(super) fn check_workload(workload: &Workload<'_>, report: &mut Report) {
    check_labels(workload.checked(), &workload.template().concat(METADATA), report);
    check_labels(workload.checked(), METADATA, report);
    check_misplaced(workload, report);
    if workload.is_known() {
        check_fields(workload.checked(), workload.template(), workload.misplaced(), report);
    }
}

/// Warns about settings on the object instead of its Pod template, which therefore never reach a Pod.
fn check_misplaced(workload: &Workload<'_>, report: &mut Report) {
    let object = &workload.object;
    let template = workload.annotations();
    let annotations = object.get(&template);
    for metadata in workload.misplaced() {
        for (key, node) in own_annotations(object, metadata) {
            if annotations.and_then(|set| set.get(key)).is_none() {
                let fix = move_fix(key, object, &template);
                let text = format_args!("{key}: no effect on {}; {fix}", with_article(workload.kind()));
                let place = workload.checked().place_of(node).with_key(key);
                report.add(Level::Warning, Code::OutsideTemplate, place, text);
            }
        }
    }
}

/// Warns about settings in other fields than annotations and labels, such as `spec.template.annotations`: the API
/// server refuses such a field or drops it. A key among the annotations of `template` is in force, so a copy of it is not
/// reported. The metadata of the object, of `template` and in `others` is checked elsewhere.
pub(super) fn check_fields<'m>(
    checked: CheckedObject<'_, '_>,
    template: &Pointer,
    others: impl Iterator<Item = &'m Pointer>,
    report: &mut Report,
) {
    let checked_metadata: Vec<PointerBuf> =
        others.map(Pointer::to_owned).chain([template.concat(METADATA), METADATA.to_owned()]).collect();
    let is_checked = |map: &Pointer| {
        map.split_back().is_some_and(|(metadata, name)| {
            matches!(name.encoded(), "annotations" | "labels")
                && checked_metadata.iter().any(|known| known == metadata)
        })
    };
    let annotations = template.concat(METADATA).with_trailing_token("annotations");
    let in_force = checked.object.get(&annotations);
    for (map, key, node) in templates::find_keys(checked.object.value, has_own_prefix) {
        if is_checked(&map) || in_force.is_some_and(|set| set.get(key).is_some()) {
            continue;
        }
        let fix = move_fix(key, checked.object, &annotations);
        let map = if map.is_root() { "the object itself".to_owned() } else { field(&map) };
        let text = format_args!("{key}: no effect in {map}; {fix}");
        report.add(Level::Warning, Code::OutsideTemplate, checked.place_of(node).with_key(key), text);
    }
}

/// Suggests where a key in the wrong place of an object belongs. `annotations` is the pointer to those that are read.
fn move_fix(key: &str, object: &Object<'_>, annotations: &Pointer) -> String {
    let scope = Key::from_name(corrected_key(key).unwrap_or(key)).map(Key::scope);
    let is_label = is_label(key);
    if !object.is_core("Namespace") && (is_label || scope == Some(Scope::Namespace)) {
        "it is read on Namespaces only".to_owned()
    } else if is_label {
        "move it to metadata.labels".to_owned()
    } else {
        format!("move it to {}", field(annotations))
    }
}

/// Whether a key is the label that opts in a Namespace, or that with a misspelled prefix.
fn is_label(key: &str) -> bool {
    key == OPT_IN_LABEL || is_misspelled_label(key)
}

/// Warns about labels and settings of objects that neither are Namespaces nor create Pods.
///
/// A setting that a Pod template has as well is not reported: `commonAnnotations` of Kustomize are copied to every
/// object. Neither are settings in kinds that Kubernetes does not have, whose controllers may copy them to Pods.
pub(super) fn check_others<'a>(others: &[&Object<'a>], workloads: &[Workload<'a>], report: &mut Report) {
    let of_kubernetes = others.iter().filter(|object| is_of_kubernetes(object.group()));
    let settings: Vec<_> = of_kubernetes.flat_map(|object| own_annotations(object, METADATA)).collect();
    let common: HashSet<_> = if settings.is_empty() {
        HashSet::new()
    } else {
        let of_template = |workload: &Workload<'a>| {
            own_annotations(&workload.object, &workload.template().concat(METADATA)).collect::<Vec<_>>()
        };
        workloads.iter().flat_map(of_template).map(|(key, node)| (key, node.as_str())).collect()
    };
    for object in others {
        let checked = CheckedObject::new(object);
        check_labels(checked, METADATA, report);
        check_similar_kind(checked, report);
        if is_of_kubernetes(object.group()) {
            check_other(checked, &common, report);
        }
    }
}

fn check_other(checked: CheckedObject<'_, '_>, common: &HashSet<(&str, Option<&str>)>, report: &mut Report) {
    let kind = with_article(checked.object.kind());
    for (key, node) in own_annotations(checked.object, METADATA) {
        if !common.contains(&(key, node.as_str())) {
            let text = format_args!(
                "{key}: no effect on {kind}; settings belong to Namespaces, Pods and Pod templates"
            );
            report.add(Level::Warning, Code::OutsideTemplate, checked.place_of(node).with_key(key), text);
        }
    }
}

/// The annotations with boundtoken's prefix or a misspelled one in a `metadata`.
fn own_annotations<'a>(object: &Object<'a>, metadata: &Pointer) -> impl Iterator<Item = (&'a str, &'a Node)> {
    entries(object, metadata, "annotations").filter(|(key, _)| has_own_prefix(key))
}

/// A kind with its indefinite article.
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Adds a note about an object whose kind or `apiVersion` is probably misspelled; returns whether it is.
fn check_similar_kind(checked: CheckedObject<'_, '_>, report: &mut Report) -> bool {
    let Some(similar) = similar_kind(checked.object) else { return false };
    let kind = checked.object.kind();
    let text = match checked.object.text("/apiVersion").filter(|_| similar.starts_with("apiVersion")) {
        Some(version) => {
            format!("preview does not know the kind {kind} of {version}; did you mean {similar}?")
        }
        None => format!("preview does not know the kind {kind}; did you mean {similar}?"),
    };
    report.add(Level::Note, Code::UnknownKind, checked.place(Pointer::root()), text);
    true
}

/// Adds a note about an object of another kind, whose Pod templates were found by their structure.
pub(super) fn check_kind(checked: CheckedObject<'_, '_>, report: &mut Report) {
    let (kind, group) = (checked.object.kind(), checked.object.group());
    let place = checked.place(Pointer::root());
    if check_similar_kind(checked, report) {
        return;
    }
    let of_group = if group.is_empty() { String::new() } else { format!(" of {group}") };
    let alike = Alike {
        name: place.object.to_string(),
        sentence: format!(
            "preview does not know the kind {kind}{of_group}: its Pod templates are shown as written"
        ),
        many: "objects have kinds that preview does not know: their Pod templates are shown as written",
    };
    report.add_note(Code::UnknownKind, place, alike);
}
