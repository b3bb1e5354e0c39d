//! The Kubernetes objects in a document: itself, or the items of a `List`.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::Value;

use super::{Document, Error};

/// An object and where in its document it stands.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// The document.
    pub document: &'a Document,
    /// Where in the document; the root unless it is an item of a `List`.
    pub pointer: PointerBuf,
    /// The object.
    pub value: &'a Value,
}

impl<'a> Object<'a> {
    /// `kind`.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.text("/kind").unwrap_or_default()
    }

    /// The group in `apiVersion`; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &'a str {
        self.text("/apiVersion").and_then(|version| version.split_once('/')).map_or("", |(group, _)| group)
    }

    /// Whether this is an object of the core group and of this kind.
    #[must_use]
    pub fn is_core(&self, kind: &str) -> bool {
        self.group().is_empty() && self.kind() == kind
    }

    /// The string at a pointer (RFC 6901) into the object.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&'a str> {
        self.value.pointer(pointer)?.as_str()
    }

    /// The line in the file of something in the object.
    #[must_use]
    pub fn line(&self, within: &Pointer) -> u64 {
        self.document.line(&self.pointer.concat(within))
    }
}

/// The objects in a document, `List`s opened.
///
/// # Errors
/// When something in it is not a Kubernetes object.
pub fn objects(document: &Document) -> Result<Vec<Object<'_>>, Error> {
    let mut found = Vec::new();
    let root = Object { document, pointer: PointerBuf::root(), value: &document.value };
    collect(root, &mut found)?;
    Ok(found)
}

fn collect<'a>(object: Object<'a>, found: &mut Vec<Object<'a>>) -> Result<(), Error> {
    if let Some(reason) = fault(&object) {
        let line = object.line(Pointer::root());
        return Err(Error::NotAnObject { path: object.document.file.to_string(), line, reason });
    }
    let items = object.value.get("items").and_then(Value::as_array);
    match items.filter(|_| object.kind().ends_with("List")) {
        None => found.push(object),
        Some(items) => {
            for (index, value) in items.iter().enumerate() {
                let mut pointer = object.pointer.clone();
                pointer.push_back("items");
                pointer.push_back(index);
                collect(Object { document: object.document, pointer, value }, found)?;
            }
        }
    }
    Ok(())
}

fn fault(object: &Object<'_>) -> Option<&'static str> {
    if !object.value.is_object() {
        Some("not a Kubernetes object: expected a map with apiVersion and kind")
    } else if object.kind().is_empty() {
        Some("not a Kubernetes object: it has no kind")
    } else if object.text("/apiVersion").is_none_or(str::is_empty) {
        Some("not a Kubernetes object: it has no apiVersion")
    } else {
        None
    }
}
