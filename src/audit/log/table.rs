//! Rows of the tables `AKSAudit` and `AKSAuditAdmin` of Azure Monitor.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The columns that matter, with the fields of an event that they hold
/// (<https://learn.microsoft.com/azure/azure-monitor/reference/tables/AKSAudit>).
const COLUMNS: [(&str, &str); 13] = [
    ("AuditId", "auditID"),
    ("Stage", "stage"),
    ("Verb", "verb"),
    ("User", "user"),
    ("SourceIps", "sourceIPs"),
    ("UserAgent", "userAgent"),
    ("ObjectRef", "objectRef"),
    ("ResponseStatus", "responseStatus"),
    ("RequestReceivedTime", "requestReceivedTimestamp"),
    // Older rows lack the more exact time, which replaces the other one.
    ("TimeGenerated", "stageTimestamp"),
    ("StageReceivedTime", "stageTimestamp"),
    ("PodName", "logStreamName"),
    ("Annotations", "annotations"),
];

/// The event in a row, as JSON. Some tools write the columns of type `dynamic` as strings that contain JSON.
// The other columns are not parsed: the object of a request may be nested more deeply than the parser allows.
pub(super) fn event(row: &[u8]) -> serde_json::Result<String> {
    let row: BTreeMap<String, &RawValue> = serde_json::from_slice(row)?;
    let value = |column: &str| serde_json::from_str(row.get(column)?.get()).ok().map(parsed);
    let mut event = Map::new();
    for (column, field) in COLUMNS {
        if let Some(value) = value(column).filter(|value: &Value| !value.is_null()) {
            event.insert(field.to_owned(), value);
        }
    }
    serde_json::to_string(&event)
}

fn parsed(value: Value) -> Value {
    match value.as_str() {
        Some("") => Value::Null,
        Some(text) if text.starts_with(['{', '[']) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    }
}
