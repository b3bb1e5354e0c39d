//! Reads a manifest that contains only Namespaces.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use json_patch::jsonptr::Pointer;
use serde::Deserialize;

use super::error::Error;
use super::store::UpdateSource;
use super::{Namespace, Namespaces};
use crate::files;
use crate::manifest::{self, Document, MetadataMap, Node, NotString, Object};
use crate::policy::keys::has_own_prefix;

/// The part of a Namespace that is read.
const METADATA: &Pointer = Pointer::from_static("/metadata");

/// Replaces all Namespaces with those of a manifest, if it is valid.
///
/// # Errors
/// When the manifest cannot be read or is not valid. The Namespaces stay as they are then.
pub(super) fn load(path: &Path, namespaces: &Namespaces) -> Result<(), Error> {
    let documents = read(path)?;
    let read = read_all(&path.display().to_string(), &documents)?;
    namespaces.begin_list();
    for namespace in &read {
        namespaces.apply(namespace, UpdateSource::List);
    }
    namespaces.complete_list();
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Document>, Error> {
    let name = path.display().to_string();
    let content = files::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
        _ => manifest::Error::Io { path: name.clone(), source }.into(),
    })?;
    match manifest::decode(content) {
        Some(text) => Ok(manifest::parse(&name, &text)?),
        None => Err(manifest::Error::NotText { path: name }.into()),
    }
}

fn read_all<'a>(file: &str, documents: &'a [Document]) -> Result<Vec<Namespace<'a>>, Error> {
    let (mut seen, mut namespaces) = (HashSet::new(), Vec::new());
    for document in documents {
        // `objects` returns an empty list as one object of the list's own kind.
        for object in manifest::objects(document)?.iter().filter(|object| !object.kind().ends_with("List")) {
            let namespace = read_one(object)?;
            let name = object.text("/metadata/name").unwrap_or_default();
            if !seen.insert(name) {
                return Err(Error::Duplicate {
                    place: place(object, Pointer::root()),
                    name: name.to_owned(),
                });
            }
            namespaces.push(namespace);
        }
    }
    if seen.is_empty() {
        return Err(manifest::Error::Empty { path: file.to_owned() }.into());
    }
    Ok(namespaces)
}

fn read_one<'a>(object: &Object<'a>) -> Result<Namespace<'a>, Error> {
    if !object.is_core("Namespace") {
        let kind = object.kind().to_owned();
        return Err(Error::Kind { place: place(object, Pointer::root()), kind });
    }
    for map in [MetadataMap::Annotations, MetadataMap::Labels] {
        check_strings(object, map)?;
    }
    // The parser's message would quote values.
    let unreadable = |_| manifest::Error::NotAnObject {
        path: object.document.file.to_string(),
        line: object.line(METADATA),
        reason: "expected a name, labels and annotations in metadata".to_owned(),
    };
    let namespace = Namespace::deserialize(object.value).map_err(unreadable)?;
    if namespace.name().is_empty() {
        return Err(Error::Nameless { place: place(object, Pointer::root()) });
    }
    Ok(namespace)
}

/// Rejects an entry with our prefix that is not a string, as the API server would.
fn check_strings(object: &Object<'_>, map: MetadataMap) -> Result<(), Error> {
    let pointer = METADATA.with_trailing_token(map.field());
    let entries = object.get(&pointer).and_then(Node::as_map).into_iter().flatten();
    for (key, node) in entries.filter(|(key, _)| has_own_prefix(key)) {
        let Some(kind) = NotString::of(node) else { continue };
        let read = node.to_value().to_string();
        let sentence = kind.sentence(map, key, object.document.text(node), &read);
        return Err(Error::NotAString {
            place: place(object, &pointer.with_trailing_token(&**key)),
            sentence,
        });
    }
    Ok(())
}

/// File and line of a field of an object.
fn place(object: &Object<'_>, within: &Pointer) -> String {
    format!("{}:{}", object.document.file, object.line(within))
}

#[cfg(test)]
mod tests;
