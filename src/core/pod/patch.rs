//! Builds an RFC 6902 patch of bounded size.

use json_patch::jsonptr::{PointerBuf, Token};
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

/// Most operations of a patch: the limit of the API server for its own clients
/// (`maxJSONPatchOperations` in `k8s.io/apiserver/pkg/endpoints/handlers/patch.go`). Each operation
/// copies a list.
const MAX_OPERATIONS: usize = 10_000;

/// Largest patch, in bytes of its strings. A Pod that fits into etcd needs less.
const MAX_BYTES: usize = 1 << 20;

/// A patch under construction.
///
/// The author of a Pod chooses its number of containers and the lengths of its paths, so the limits apply
/// while the patch grows.
#[derive(Debug, Default)]
pub(super) struct PatchBuilder {
    operations: Vec<PatchOperation>,
    bytes: usize,
    too_large: bool,
}

impl PatchBuilder {
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

    /// Appends `values` to a list, or creates the list with them unless it `exists`.
    pub(super) fn append(&mut self, list: PointerBuf, exists: bool, values: Vec<Value>) {
        if exists {
            for value in values {
                self.set(join(list.clone(), ["-"]), false, value);
            }
        } else {
            self.set(list, false, Value::Array(values));
        }
    }

    fn push(&mut self, operation: PatchOperation, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.too_large |= self.operations.len() == MAX_OPERATIONS || self.bytes > MAX_BYTES;
        if !self.too_large {
            self.operations.push(operation);
        }
    }

    /// Whether the patch exceeds a limit, so that building the rest is pointless.
    pub(super) fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// The finished document; `None` if it is too large.
    pub(super) fn finish(self) -> Option<Patch> {
        (!self.too_large).then_some(Patch(self.operations))
    }
}

/// The size of the strings in a value, in bytes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Appends tokens to a pointer (RFC 6901).
pub(super) fn join<'t>(
    mut pointer: PointerBuf,
    tokens: impl IntoIterator<Item: Into<Token<'t>>>,
) -> PointerBuf {
    for token in tokens {
        pointer.push_back(token);
    }
    pointer
}

/// A JSON object. Unlike `json!`, it does not clone its values.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
