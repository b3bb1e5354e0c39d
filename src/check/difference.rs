//! The difference between a live object and the shipped one, and the command that removes it.

use serde_json::{Value, json};

use super::NAME;
use super::shipped::is_equal;

/// Fields that are not as shipped.
#[derive(Debug)]
pub(super) struct FieldDifference {
    /// The fields, in words.
    pub(super) fields: String,
    /// What they have.
    pub(super) live: String,
    patch: Value,
}

/// The difference in these fields, JSON pointers, if there is any.
pub(super) fn difference(live: &Value, shipped: &Value, fields: &[&str]) -> Option<FieldDifference> {
    let differs = |field: &&&str| !is_equal(live.pointer(field), shipped.pointer(field));
    let fields: Vec<&str> = fields.iter().filter(differs).copied().collect();
    let operation = |field: &&str| match shipped.pointer(field) {
        Some(value) => json!({"op": "add", "path": field, "value": value}),
        None => json!({"op": "remove", "path": field}),
    };
    let value = |field: &&str| live.pointer(field).map_or_else(|| "absent".to_owned(), Value::to_string);
    let words: Vec<String> = fields.iter().copied().map(dotted).collect();
    let values: Vec<String> = fields.iter().map(value).collect();
    (!fields.is_empty()).then(|| FieldDifference {
        fields: words.join(", "),
        live: values.join(", "),
        patch: fields.iter().map(operation).collect(),
    })
}

/// A JSON pointer as a path with dots.
pub(super) fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

impl FieldDifference {
    /// The command that makes the fields of an object in the Namespace of the installation as shipped.
    /// `kubectl apply` would keep what others added to a map.
    pub(super) fn command(&self, resource: &str) -> String {
        format!("kubectl -n {NAME} patch {resource} {NAME} --type=json -p '{}'", self.patch)
    }
}
