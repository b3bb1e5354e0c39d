//! What `metadata` holds that must be text, since YAML takes `off` and `1.10` for something else.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::Value;

use super::report::{Report, Severity};
use super::shape;
use crate::manifest::Object;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE, PREFIX};

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
    let names = NAMES.iter().filter_map(|name| {
        let place = metadata.with_trailing_token(*name);
        Some((field(&place), place.resolve(object.value).ok()?, place, "a name"))
    });
    let annotations = entries(object, metadata, "annotations")
        .map(|(key, place, value)| (key.to_owned(), value, place, "an annotation"));
    let labels = entries(object, metadata, "labels")
        .map(|(key, place, value)| (format!("label {key}"), value, place, "a label"));
    let mut result = Ok(());
    for (what, value, place, noun) in names.chain(annotations).chain(labels) {
        if !matches!(value, Value::String(_) | Value::Null) {
            let (kind, fix) = (kind(value), fix(object, &place, value, noun));
            let sentence = format!("{what}: {kind}, but {noun} is a string; {fix}");
            report.add(Severity::Refused, object, &place, &sentence);
            result = result.and(Err(sentence));
        }
    }
    result
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::Array(_) => "a list",
        _ => "a map",
    }
}

fn fix(object: &Object<'_>, place: &Pointer, value: &Value, noun: &str) -> String {
    if place.last().is_some_and(|token| token.decoded() == OPT_IN_LABEL) {
        let otherwise = if value == &Value::Bool(true) { "" } else { ", or leave it out" };
        return format!("write \"{OPT_IN_VALUE}\"{otherwise}");
    }
    match (value, noun) {
        (Value::Array(_) | Value::Object(_), "an annotation") => "write it as text after `|`".to_owned(),
        (Value::Array(_) | Value::Object(_), noun) => format!("write {noun}"),
        _ => format!("write \"{}\"", written(object, place, value)),
    }
}

/// A value as it is written, unless that is an alias: `0644` is no 420 once it is quoted.
fn written(object: &Object<'_>, place: &Pointer, value: &Value) -> String {
    let text = object.document.text(&object.pointer.concat(place));
    text.filter(|text| !text.starts_with('*')).map_or_else(|| value.to_string(), str::to_owned)
}

/// Reports settings that are labels.
pub(super) fn check_labels(object: &Object<'_>, metadata: &Pointer, report: &mut Report) {
    for (key, place, _) in entries(object, metadata, "labels") {
        if key.starts_with(PREFIX) && key != OPT_IN_LABEL {
            let text = format_args!("{key}: a label has no effect; settings are annotations");
            report.add(Severity::Warning, object, &place, text);
        }
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
