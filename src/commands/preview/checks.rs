//! Checks of an object and its Pod template that need no webhook.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_path_to_error::Segment;

use super::place::{CheckedObject, METADATA, field};
use super::report::{Level, Report};
use super::workload::Workload;
use crate::manifest::{MetadataMap, Node, NotString, Object};
use crate::pod::view::PodSpec;
use crate::policy::diagnostics::Code;

const NAMES: [&str; 3] = ["name", "generateName", "namespace"];

/// The two maps of strings in metadata, each with the prefix for its keys in messages.
const MAPS: [(MetadataMap, &str); 2] = [(MetadataMap::Annotations, ""), (MetadataMap::Labels, "label ")];

/// An error in the metadata of an object.
#[derive(Clone)]
pub(super) enum MetadataError {
    /// A value is not a string, so the API server refuses the object; with the message.
    NotString(String),
    /// The metadata cannot be parsed at all.
    Unreadable,
}

/// Reports metadata that the API server refuses in an object of any kind.
pub(super) fn check_object(checked: CheckedObject<'_, '_>, report: &mut Report) -> Result<(), MetadataError> {
    if let Some(pointer) = not_a_map(checked.object.value) {
        let text = format_args!("{} must be a map", field(&pointer));
        report.add(Level::Error, Code::Undecodable, checked.place(&pointer), text);
        return Err(MetadataError::Unreadable);
    }
    check_strings(checked, METADATA, report).map_err(MetadataError::NotString)
}

/// The first part of an object's metadata that must be a map but is not.
fn not_a_map(object: &Node) -> Option<PointerBuf> {
    let maps = ["/metadata", "/metadata/annotations", "/metadata/labels"].map(Pointer::from_static);
    let is_map = |node: &Node| node.is_null() || node.as_map().is_some();
    maps.into_iter().find(|map| object.at(map).is_some_and(|node| !is_map(node))).map(Pointer::to_owned)
}

/// Reports names, annotations and labels that are not strings; the error is the first message.
pub(super) fn check_strings(
    checked: CheckedObject<'_, '_>,
    metadata: &Pointer,
    report: &mut Report,
) -> Result<(), String> {
    let object = checked.object;
    let names = NAMES.iter().filter_map(|name| name_error(object, &metadata.with_trailing_token(*name)));
    let names = names.map(|(node, sentence)| (checked.place_of(node), sentence));
    let maps = map_errors(object, metadata);
    let maps = maps.map(|(key, node, sentence)| (checked.place_of(node).with_key(key), sentence));
    let mut first = Ok(());
    for (place, sentence) in names.chain(maps) {
        report.add(Level::Refused, Code::NotText, place, &sentence);
        first = first.and(Err(sentence));
    }
    first
}

fn name_error<'a>(object: &Object<'a>, name: &Pointer) -> Option<(&'a Node, String)> {
    let node = object.get(name)?;
    let kind = NotString::of(node)?;
    let fix = match kind {
        NotString::List | NotString::Map => "write a name".to_owned(),
        NotString::Boolean | NotString::Number => {
            // As written, unless that is an alias: `1.10` is not 1.1.
            let written = object.document.text(node).filter(|text| !text.starts_with('*'));
            format!("write \"{}\"", written.map_or_else(|| node.to_value().to_string(), str::to_owned))
        }
    };
    Some((node, format!("{}: {}, but a name is a string; {fix}", field(name), kind.name())))
}

/// The entries that are not strings: key, value and message.
fn map_errors<'a>(
    object: &Object<'a>,
    metadata: &Pointer,
) -> impl Iterator<Item = (&'a str, &'a Node, String)> {
    MAPS.into_iter().flat_map(move |(map, prefix)| {
        entries(object, metadata, map.field()).filter_map(move |(key, node)| {
            let written = object.document.text(node);
            let sentence = NotString::of(node)?.sentence(map, key, written, &node.to_value().to_string());
            Some((key, node, format!("{prefix}{sentence}")))
        })
    })
}

/// Reports a Pod that the API server cannot decode; returns whether the Pod is well-formed.
pub(super) fn check_pod(workload: &Workload<'_>, report: &mut Report) -> bool {
    let Some((pointer, fault)) = pod_error(workload) else { return true };
    let pointer = workload.template().concat(&pointer);
    let text = format_args!("{}: {} {fault}", workload.title(), field(&pointer));
    report.add(Level::Error, Code::Undecodable, workload.checked().place(&pointer), text);
    false
}

/// The first part of a Pod that the API server cannot decode, and the error.
fn pod_error(workload: &Workload<'_>) -> Option<(PointerBuf, String)> {
    let Some(pod) = workload.object.get(workload.template()) else {
        return Some((PointerBuf::root(), "must be a Pod template".to_owned()));
    };
    if let Some(pointer) = not_a_map(pod) {
        return Some((pointer, "must be a map".to_owned()));
    }
    let containers = || Some((PointerBuf::from_tokens(["spec", "containers"]), NO_CONTAINERS.to_owned()));
    let Some(spec) = pod.get("spec") else { return containers() };
    match serde_path_to_error::deserialize::<_, Option<PodSpec<'_>>>(spec) {
        // A controller of another kind may name a container itself, as that of Knative does.
        Ok(Some(spec)) if has_containers(&spec) || !workload.is_known() => None,
        Ok(_) => containers(),
        Err(error) => Some((pointer(error.path()), error.inner().to_string())),
    }
}

const NO_CONTAINERS: &str = "must be a list of containers with names";

fn has_containers(spec: &PodSpec<'_>) -> bool {
    let mut names = spec.containers.iter().map(|container| container.name.as_str());
    !spec.containers.is_empty() && names.all(|name| !name.is_empty())
}

/// The pointer to a part of the spec, relative to the Pod.
fn pointer(path: &serde_path_to_error::Path) -> PointerBuf {
    let mut pointer = PointerBuf::from_tokens(["spec"]);
    for segment in path {
        match segment {
            Segment::Map { key } => pointer.push_back(key),
            Segment::Seq { index } => pointer.push_back(*index),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// The entries of a map within a `metadata`.
pub(super) fn entries<'a>(
    object: &Object<'a>,
    metadata: &Pointer,
    map: &'static str,
) -> impl Iterator<Item = (&'a str, &'a Node)> {
    let map = object.get(metadata).and_then(|metadata| metadata.get(map)?.as_map());
    map.into_iter().flatten().map(|(key, node)| (&**key, node))
}
