//! What `metadata` holds that must be text, since YAML takes `off` and `1.10` for something else.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::Value;

use super::report::{Report, Severity};
use super::shape;
use crate::manifest::{NoString, Object, Place};
use crate::policy::keys::{Key, OPT_IN_LABEL, OPT_IN_VALUE, is_ours, is_slip_of_label, meant};

/// Where the metadata of an object stands.
pub(super) const METADATA: &Pointer = Pointer::from_static("/metadata");

const NAMES: [&str; 3] = ["name", "generateName", "namespace"];

/// What is wrong with the metadata of an object.
pub(super) enum Fault {
    /// The API server takes no such value: the sentence that says so.
    NotText(String),
    /// It cannot be read at all.
    Unreadable,
}

/// Reports metadata of any object that no API server would take.
pub(super) fn check_object(object: &Object<'_>, report: &mut Report) -> Result<(), Fault> {
    if let Some((place, expected)) = shape::OBJECT.fault(object.value) {
        report.add(Severity::Error, object, &place, format_args!("{} must be {expected}", field(&place)));
        return Err(Fault::Unreadable);
    }
    check_text(object, METADATA, report).map_err(Fault::NotText)
}

/// Reports names, annotations and labels that are no strings; returns the first sentence.
pub(super) fn check_text(object: &Object<'_>, metadata: &Pointer, report: &mut Report) -> Result<(), String> {
    let names = NAMES.iter().filter_map(|name| fault_of_name(object, metadata.with_trailing_token(*name)));
    let faults: Vec<_> = names.chain(faults_of_entries(object, metadata)).collect();
    for (place, sentence) in &faults {
        report.add(Severity::Refused, object, place, sentence);
    }
    faults.into_iter().next().map_or(Ok(()), |(_, sentence)| Err(sentence))
}

fn fault_of_name(object: &Object<'_>, place: PointerBuf) -> Option<(PointerBuf, String)> {
    let value = place.resolve(object.value).ok()?;
    let (field, kind) = (field(&place), NoString::of(value)?);
    let fix = match kind {
        NoString::List | NoString::Map => "write a name".to_owned(),
        NoString::Boolean | NoString::Number => {
            // As it is written, unless that is an alias: `1.10` is no 1.1.
            let written = object.document.text(&object.pointer.concat(&place));
            let written = written.filter(|text| !text.starts_with('*')).map(str::to_owned);
            format!("write \"{}\"", written.unwrap_or_else(|| value.to_string()))
        }
    };
    let sentence = format!("{field}: {}, but a name is a string; {fix}", kind.name());
    Some((place, sentence))
}

fn faults_of_entries(object: &Object<'_>, metadata: &Pointer) -> impl Iterator<Item = (PointerBuf, String)> {
    let maps = [(Place::Annotations, ""), (Place::Labels, "label ")];
    maps.into_iter().flat_map(move |(map, prefix)| {
        entries(object, metadata, map.field()).filter_map(move |(key, place, value)| {
            let written = object.document.text(&object.pointer.concat(&place));
            let sentence = NoString::of(value)?.sentence(map, key, written, &value.to_string());
            Some((place, format!("{prefix}{sentence}")))
        })
    })
}

/// Reports labels that are ours, or meant to be, but not the one that opts in.
pub(super) fn check_labels(object: &Object<'_>, metadata: &Pointer, report: &mut Report) {
    for (key, place, _) in entries(object, metadata, "labels") {
        if key != OPT_IN_LABEL && (is_ours(key) || is_slip_of_label(key)) {
            let text = format_args!("{key}: a label has no effect; {}", what_has(key, object));
            report.add(Severity::Warning, object, &place, text);
        }
    }
}

/// What somebody meant with a label that has no effect.
fn what_has(key: &str, object: &Object<'_>) -> String {
    let is_setting = Key::from_name(key).is_some() || meant(key).is_some();
    if object.is_core("Namespace") && !is_setting {
        format!("the one that opts in is {OPT_IN_LABEL}: {OPT_IN_VALUE}")
    } else {
        "settings are annotations".to_owned()
    }
}

/// The entries of a map within a `metadata`, each with its place in the object.
pub(super) fn entries<'a>(
    object: &Object<'a>,
    metadata: &Pointer,
    map: &'static str,
) -> impl Iterator<Item = (&'a str, PointerBuf, &'a Value)> {
    let map = metadata.with_trailing_token(map);
    let entries = map.resolve(object.value).ok().and_then(Value::as_object).into_iter().flatten();
    entries.map(move |(key, value)| (key.as_str(), map.with_trailing_token(key.as_str()), value))
}

/// A place as the API server names it: `spec.template.spec`.
pub(super) fn field(place: &Pointer) -> String {
    place.as_str().trim_start_matches('/').replace('/', ".")
}
