//! The JSON schema of the findings.

use serde_json::{Value, json};

use super::json::VERSION;
use crate::commands::preview::report::Level;
use crate::policy::diagnostics;

/// The schema (draft 2020-12) of the output of `boundtoken preview -o findings`.
pub fn schema() -> Value {
    let count = |description: &str| json!({"description": description, "type": "integer", "minimum": 0});
    let pods = json!({
        "changed": count("Pods that would change"),
        "unchanged": count("Pods that would not change"),
        "refused": count("Pods that would be refused"),
        "failed": count("Pods that cannot be previewed"),
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Findings of boundtoken preview",
        "description": "The output of `boundtoken preview -o findings`. Later versions may add fields.",
        "type": "object",
        "required": ["version", "pods", "findings"],
        "properties": {
            "version": {"description": "The version of the format", "const": VERSION},
            "pods": {
                "description": "How many Pods, one for each workload, have which result",
                "type": "object",
                "required": ["changed", "unchanged", "refused", "failed"],
                "properties": pods,
            },
            "findings": {"type": "array", "items": finding()},
        },
    })
}

fn finding() -> Value {
    let text = |description: &str| json!({"description": description, "type": "string"});
    let text_or_null = |description: &str| json!({"description": description, "type": ["string", "null"]});
    let position =
        |description: &str| json!({"description": description, "type": ["integer", "null"], "minimum": 1});
    let codes: Vec<&str> = diagnostics::of_pods().map(|diagnostic| diagnostic.name).collect();
    json!({
        "type": "object",
        "required": ["code", "severity", "object", "file", "line", "column", "key", "text", "help"],
        "properties": {
            "code": {"description": "The code, which `boundtoken explain` explains", "enum": codes},
            "severity": {
                "description": "refused: by the webhook or the API server; error: no result",
                "enum": Level::ALL.map(Level::word),
            },
            "object": {
                "type": "object",
                "required": ["kind", "namespace", "name"],
                "properties": {
                    "kind": text("The kind, such as Deployment"),
                    "namespace": text_or_null("The Namespace, if the object has one"),
                    "name": text_or_null("The name, or metadata.generateName"),
                },
            },
            "file": text_or_null("The path as given, or stdin; null if the object is not in the input"),
            "line": position("The line"),
            "column": position("The column, in characters"),
            "key": text_or_null("The annotation or label that the finding is about, of its object or else of the Namespace"),
            "text": text("The message"),
            "help": {
                "description": "The page that explains the code; null in a build without a public repository",
                "type": ["string", "null"],
                "format": "uri",
            },
        },
    })
}
