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

/// Whether a document is meant to be a Kubernetes object: it has `kind` and `apiVersion`, or one of them and a name in
/// its metadata. The case of letters does not matter.
pub fn is_object(document: &Document) -> bool {
    let has =
        |field: &str| document.root.get(field).is_some() || similar_field(&document.root, field).is_some();
    let has_name = || {
        ["name", "generateName"]
            .iter()
            .any(|name| document.root.get("metadata").is_some_and(|metadata| metadata.get(name).is_some()))
    };
    match ["kind", "apiVersion"].map(has) {
        [true, true] => true,
        [false, false] => false,
        _ => has_name(),
    }
}

/// The field that differs from a missing one in the case of letters only.
fn similar_field<'a>(value: &'a Node, field: &str) -> Option<&'a str> {
    let mut names = value.as_map()?.iter().map(|(name, _)| &**name);
    names.find(|name| name.eq_ignore_ascii_case(field) && *name != field)
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
        reason: with_similar_field(value, reason),
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

/// The reason for which a value is not an object, and the field that is probably meant.
fn with_similar_field(value: &Node, reason: &str) -> String {
    let missing = ["kind", "apiVersion"].into_iter().find(|field| reason.ends_with(field));
    match missing.and_then(|field| similar_field(value, field)) {
        Some(similar) => format!("{reason}, but {similar}; the case of letters matters"),
        None => reason.to_owned(),
    }
}
