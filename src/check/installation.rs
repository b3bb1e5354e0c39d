//! What was read of a cluster.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;

use super::part::Part;

/// A part of the cluster, read or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// It does not exist, or was not asked for.
    #[default]
    Absent,
    /// The user may not read it, for this reason.
    Forbidden(String),
    /// The API server did not answer, or with this error.
    Failed(String),
    /// The object, or an array of objects.
    Known(Value),
}

/// A cluster with an installation of boundtoken, healthy or not.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The current time.
    pub now: OffsetDateTime,
    cells: BTreeMap<Part, Cell>,
}

impl Installation {
    /// An installation of which nothing was read yet.
    pub fn new(now: OffsetDateTime) -> Self {
        Self { now, cells: BTreeMap::new() }
    }

    /// Sets what was read of a part.
    pub fn set(&mut self, part: Part, cell: Cell) {
        self.cells.insert(part, cell);
    }

    /// What was read of a part.
    pub fn get(&self, part: Part) -> &Cell {
        self.cells.get(&part).unwrap_or(&Cell::Absent)
    }

    /// The content of a part, if it exists and was read.
    pub(super) fn known(&self, part: Part) -> Option<&Value> {
        match self.get(part) {
            Cell::Known(value) => Some(value),
            Cell::Absent | Cell::Failed(_) | Cell::Forbidden(_) => None,
        }
    }

    /// The objects of a list; none if there is no list.
    pub(super) fn list(&self, part: Part) -> &[Value] {
        self.known(part).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Why a part is not known: the missing right, or the failure.
    pub(super) fn missing(&self, part: Part) -> Option<String> {
        match self.get(part) {
            Cell::Absent | Cell::Known(_) => None,
            Cell::Forbidden(reason) => Some(format!("{reason}: needs the right to {}", part.needs())),
            Cell::Failed(reason) => Some(format!("failed to {}: {reason}", part.needs())),
        }
    }
}

/// The text at a JSON pointer; empty if there is none.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer; 0 if there is none.
pub(super) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The items at a JSON pointer; none if there is no array.
pub(super) fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether an object is being deleted.
pub(super) fn is_terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}
