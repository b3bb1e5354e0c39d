//! The Kubernetes objects in a document: the document itself, or the items of a `List`.

use json_patch::jsonptr::{Pointer, PointerBuf};

use super::{Document, EXPECTED, Error, Node, TypeMeta};

/// An object and its position in a document.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// The document.
    pub document: &'a Document,
    /// Its location in the document: the root, or an item of a `List`.
    pub pointer: PointerBuf,
    /// The value.
    pub value: &'a Node,
    type_meta: TypeMeta<'a>,
}

impl<'a> Object<'a> {
    /// `kind`.
    pub fn kind(&self) -> &'a str {
        self.type_meta.kind
    }

    /// The group in `apiVersion`; empty for the core group.
    pub fn group(&self) -> &'a str {
        self.type_meta.group()
    }

    /// Whether this is an object of the core group and of this kind.
    pub fn is_core(&self, kind: &str) -> bool {
        self.group().is_empty() && self.kind() == kind
    }

    /// The value at a pointer (RFC 6901) into the object.
    pub fn get(&self, pointer: &Pointer) -> Option<&'a Node> {
        self.value.at(pointer)
    }

    /// The string at a pointer (RFC 6901) into the object.
    pub fn text(&self, pointer: &'static str) -> Option<&'a str> {
        self.get(Pointer::from_static(pointer))?.as_str()
    }

    /// The line in the file of a part of the object, or of its nearest existing parent.
    pub fn line(&self, within: &Pointer) -> u64 {
        self.document.line(self.nearest(within))
    }

    /// A part of the object, or its nearest existing parent.
    pub fn nearest(&self, within: &Pointer) -> &'a Node {
        nearest(self.value, within)
    }
}

pub(super) fn nearest<'a>(mut node: &'a Node, within: &Pointer) -> &'a Node {
    for token in within.tokens() {
        match node.get(&token.decoded()) {
            Some(child) => node = child,
            None => break,
        }
    }
    node
}

/// Whether a document is meant to be a Kubernetes object: it has `kind` and `apiVersion`.
pub fn is_object(document: &Document) -> bool {
    ["kind", "apiVersion"].iter().all(|field| document.root.get(field).is_some())
}

/// The objects in a document, including the items of a `List`.
///
/// # Errors
/// When something in it is not a Kubernetes object.
pub fn objects(document: &Document) -> Result<Vec<Object<'_>>, Error> {
    let mut found = Vec::new();
    collect(document, PointerBuf::root(), &document.root, None, &mut found)?;
    Ok(found)
}

fn collect<'a>(
    document: &'a Document,
    pointer: PointerBuf,
    value: &'a Node,
    list: Option<TypeMeta<'a>>,
    found: &mut Vec<Object<'a>>,
) -> Result<(), Error> {
    let type_meta = type_of(value, list).map_err(|reason| Error::NotAnObject {
        path: document.file.to_string(),
        line: document.line(value),
        reason: reason.to_owned(),
    })?;
    let items = value.get("items").and_then(Node::as_list);
    let Some(items) = items.filter(|_| type_meta.is_list()) else {
        found.push(Object { document, pointer, value, type_meta });
        return Ok(());
    };
    for (index, value) in items.iter().enumerate() {
        let mut pointer = pointer.clone();
        pointer.push_back("items");
        pointer.push_back(index);
        collect(document, pointer, value, Some(type_meta), found)?;
    }
    Ok(())
}

fn type_of<'a>(value: &'a Node, list: Option<TypeMeta<'a>>) -> Result<TypeMeta<'a>, &'static str> {
    value.as_map().ok_or(EXPECTED)?;
    let text = |field: &str| value.get(field).and_then(Node::as_str);
    TypeMeta::new(text("kind"), text("apiVersion"), list)
}
