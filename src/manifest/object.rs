//! The Kubernetes objects in a document: itself, or the items of a `List`.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::Value;

use super::{Document, EXPECTED, Error, TypeMeta};

/// An object and where in its document it stands.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// The document.
    pub document: &'a Document,
    /// Where in the document; the root unless it is an item of a `List`.
    pub pointer: PointerBuf,
    /// The object.
    pub value: &'a Value,
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

    /// The string at a pointer (RFC 6901) into the object.
    pub fn text(&self, pointer: &str) -> Option<&'a str> {
        self.value.pointer(pointer)?.as_str()
    }

    /// The line in the file of something in the object.
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
    collect(document, PointerBuf::root(), &document.value, None, &mut found)?;
    Ok(found)
}

fn collect<'a>(
    document: &'a Document,
    pointer: PointerBuf,
    value: &'a Value,
    list: Option<TypeMeta<'a>>,
    found: &mut Vec<Object<'a>>,
) -> Result<(), Error> {
    let type_meta = type_of(value, list).map_err(|reason| Error::NotAnObject {
        path: document.file.to_string(),
        line: document.line(&pointer),
        reason: reason.to_owned(),
    })?;
    let items = value.get("items").and_then(Value::as_array);
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

fn type_of<'a>(value: &'a Value, list: Option<TypeMeta<'a>>) -> Result<TypeMeta<'a>, &'static str> {
    let fields = value.as_object().ok_or(EXPECTED)?;
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    TypeMeta::new(text("kind"), text("apiVersion"), list)
}
