//! The place of a finding: an object, and a position in a file.

use std::fmt;
use std::sync::Arc;

use json_patch::jsonptr::Pointer;
use serde::Serialize;

use crate::manifest::{Node, Object};

/// The pointer to the metadata of an object.
pub(super) const METADATA: &Pointer = Pointer::from_static("/metadata");

/// A position in a file.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Location {
    /// The path of the file as given, or `stdin`.
    pub(super) file: Arc<str>,
    /// The line, counted from 1.
    pub(super) line: u64,
    /// The column, counted from 1 in characters.
    pub(super) column: u64,
}

impl Location {
    /// The location of a part of an object, or of its nearest existing parent.
    pub(super) fn of(object: &Object<'_>, within: &Pointer) -> Self {
        Self::of_node(object, object.nearest(within))
    }

    /// The location of a node within an object.
    fn of_node(object: &Object<'_>, node: &Node) -> Self {
        let document = object.document;
        Self { file: Arc::clone(&document.file), line: document.line(node), column: document.column(node) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// The kind and the name of an object.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
pub(super) struct ObjectName {
    /// The kind, such as `Deployment`.
    kind: Box<str>,
    /// The Namespace; `None` if the object is not namespaced or does not say.
    namespace: Option<Box<str>>,
    /// The name, or the prefix of a generated name; `None` if it has neither.
    name: Option<Box<str>>,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(formatter, "{namespace}/")?;
        }
        formatter.write_str(self.name.as_deref().unwrap_or("unnamed"))
    }
}

/// An object that is checked, with the Namespace that it is created in.
#[derive(Clone, Copy)]
pub(super) struct CheckedObject<'o, 'a> {
    /// The object.
    pub(super) object: &'o Object<'a>,
    namespace: Option<&'a str>,
}

impl<'o, 'a> CheckedObject<'o, 'a> {
    /// An object in the Namespace that it names, if any.
    pub(super) fn new(object: &'o Object<'a>) -> Self {
        Self { object, namespace: name(object, "/metadata/namespace") }
    }

    /// An object in a Namespace.
    pub(super) fn in_namespace(object: &'o Object<'a>, namespace: &'a str) -> Self {
        Self { object, namespace: Some(namespace) }
    }

    /// The place of a part of the object, or of its nearest existing parent.
    pub(super) fn place(self, within: &Pointer) -> Place {
        self.place_of(self.object.nearest(within))
    }

    /// The place of a node within the object.
    pub(super) fn place_of(self, node: &Node) -> Place {
        Place { object: self.name(), location: Some(Location::of_node(self.object, node)), key: None }
    }

    fn name(self) -> ObjectName {
        let written = name(self.object, "/metadata/name");
        ObjectName {
            kind: self.object.kind().into(),
            namespace: self.namespace.map(Box::from),
            name: written.or_else(|| name(self.object, "/metadata/generateName")).map(Box::from),
        }
    }
}

/// The object that a finding is about, and where in it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Place {
    /// The object.
    pub(super) object: ObjectName,
    /// The position; `None` if the object is not in the input.
    pub(super) location: Option<Location>,
    /// The annotation or label.
    pub(super) key: Option<Box<str>>,
}

impl Place {
    /// A position in a file whose objects are not known, because it cannot be read.
    pub(super) fn of_file(path: &str, line: u64, column: u64) -> Self {
        let object = ObjectName { kind: "File".into(), namespace: None, name: Some(path.into()) };
        Self { object, location: Some(Location { file: path.into(), line, column }), key: None }
    }

    /// An object that is not in the input.
    pub(super) fn absent(kind: &str, namespace: Option<&str>, name: &str) -> Self {
        let object =
            ObjectName { kind: kind.into(), namespace: namespace.map(Box::from), name: Some(name.into()) };
        Self { object, location: None, key: None }
    }

    /// The place with the annotation or label that the finding is about.
    pub(super) fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.into()), ..self }
    }
}

/// A name in an object. One that is not a string, which the API server refuses, is shown as written.
pub(super) fn name<'a>(object: &Object<'a>, pointer: &'static str) -> Option<&'a str> {
    let node = object.get(Pointer::from_static(pointer)).filter(|node| !node.is_null())?;
    match node.as_str() {
        Some(name) => Some(name).filter(|name| !name.is_empty()),
        None => object.document.text(node).or(Some("?")),
    }
}

/// The name of a field in messages of the API server, such as `spec.template.spec`.
pub(super) fn field(pointer: &Pointer) -> String {
    pointer.as_str().trim_start_matches('/').replace('/', ".")
}
