//! Writes an RFC 6902 patch, operation by operation.

use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

/// Most operations of a patch, as the API server allows them to its own clients
/// (`maxJSONPatchOperations` in `k8s.io/apiserver/pkg/endpoints/handlers/patch.go`): each costs it a
/// copy of the list.
const MAX_OPERATIONS: usize = 10_000;

/// Largest patch, in bytes of its strings: no Pod that fits into etcd needs more.
const MAX_BYTES: usize = 1 << 20;

/// The patch so far.
///
/// Whoever creates a Pod chooses how many containers and how long paths it has: what grows beyond
/// the limits is dropped while it grows.
#[derive(Debug, Default)]
pub(super) struct Patcher {
    operations: Vec<PatchOperation>,
    bytes: usize,
    too_large: bool,
}

impl Patcher {
    /// Sets a member of an object: `replace` if it `exists`, else `add`.
    pub(super) fn set(&mut self, path: PointerBuf, exists: bool, value: Value) {
        let bytes = path.as_str().len() + size(&value);
        let operation = if exists {
            PatchOperation::Replace(ReplaceOperation { path, value })
        } else {
            PatchOperation::Add(AddOperation { path, value })
        };
        self.push(operation, bytes);
    }

    /// Removes a member or an element. Elements of one list are removed from the highest index down.
    pub(super) fn remove(&mut self, path: PointerBuf) {
        let bytes = path.as_str().len();
        self.push(PatchOperation::Remove(RemoveOperation { path }), bytes);
    }

    /// Appends to a list; one that is absent is created with its first `values`.
    pub(super) fn append(&mut self, list: &Pointer, exists: bool, values: Vec<Value>) {
        if exists {
            for value in values {
                self.set(join(list, ["-"]), false, value);
            }
        } else {
            self.set(list.to_buf(), false, Value::Array(values));
        }
    }

    fn push(&mut self, operation: PatchOperation, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.too_large |= self.operations.len() == MAX_OPERATIONS || self.bytes > MAX_BYTES;
        if !self.too_large {
            self.operations.push(operation);
        }
    }

    /// Whether the patch went beyond a limit: it is no use to go on.
    pub(super) fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// The finished document; `None` if it is too large.
    pub(super) fn finish(self) -> Option<Patch> {
        (!self.too_large).then_some(Patch(self.operations))
    }
}

/// Bytes of the strings in a value.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// A pointer (RFC 6901) below another one.
pub(super) fn join<'t>(base: &Pointer, tokens: impl IntoIterator<Item: Into<Token<'t>>>) -> PointerBuf {
    let mut pointer = base.to_buf();
    for token in tokens {
        pointer.push_back(token);
    }
    pointer
}

/// An object. `json!` would copy each value on its way in.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
