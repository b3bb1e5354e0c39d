//! Writes an RFC 6902 patch, operation by operation.

use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

/// The patch so far.
#[derive(Debug, Default)]
pub(super) struct Patcher(Vec<PatchOperation>);

impl Patcher {
    /// Sets a member of an object: `replace` if it `exists`, else `add`.
    pub(super) fn set(&mut self, path: PointerBuf, exists: bool, value: Value) {
        self.0.push(if exists {
            PatchOperation::Replace(ReplaceOperation { path, value })
        } else {
            PatchOperation::Add(AddOperation { path, value })
        });
    }

    /// Removes a member or an element. Elements of one list are removed from the highest index down.
    pub(super) fn remove(&mut self, path: PointerBuf) {
        self.0.push(PatchOperation::Remove(RemoveOperation { path }));
    }

    /// Appends to a list; one that is absent is created with its first `values`.
    pub(super) fn append(&mut self, list: &Pointer, exists: bool, values: Vec<Value>) {
        if exists {
            for value in values {
                self.set(join(list, ["-"]), false, value);
            }
        } else if !values.is_empty() {
            self.set(list.to_buf(), false, Value::Array(values));
        }
    }

    /// The finished document.
    pub(super) fn finish(self) -> Patch {
        Patch(self.0)
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
