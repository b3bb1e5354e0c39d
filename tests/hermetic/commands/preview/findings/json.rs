//! `-o findings`: JSON that follows its published schema.

use boundtoken::policy::diagnostics::Code;
use serde_json::{Value, json};

use super::{HOSTILE, findings, hostile, hostile_file, hostile_key};
use crate::commands::command_line::run;

/// Checks a document against `docs/findings.schema.json`.
fn is_valid(document: &Value) -> bool {
    let schema = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings.schema.json"));
    let schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap().is_valid(document)
}

#[test]
fn a_finding_names_object_place_and_key() {
    let found = findings("-f mistakes.yaml -n shop", "");
    assert_eq!(found.len(), 4, "{found:?}");
    let unknown = found.iter().find(|finding| finding["code"] == "BT050").unwrap();
    let expected = json!({
        "code": "BT050",
        "severity": "warning",
        "object": {"kind": "StatefulSet", "namespace": "shop", "name": "db"},
        "file": "mistakes.yaml",
        "line": 11,
        "column": 34,
        "key": "boundtoken.dev/audiense",
        "text": "\"boundtoken.dev/audiense\" on the Pod is unknown; did you mean boundtoken.dev/audience?",
        "help": Code::UnknownKey.help_url(),
    });
    assert_eq!(*unknown, expected);
    let assumed = found.iter().find(|finding| finding["code"] == "BT075").unwrap();
    assert_eq!([&assumed["file"], &assumed["line"], &assumed["column"]], [&Value::Null; 3]);
    assert_eq!(assumed["object"], json!({"kind": "Namespace", "namespace": null, "name": "shop"}));
}

#[test]
fn the_output_follows_its_schema() {
    for words in ["-f mistakes.yaml -f untouched.yaml -f unquoted.yaml", "-f shop.yaml", "-f ../../examples"]
    {
        let printed = run(&format!("preview -o findings {words}"), "");
        let document: Value = serde_json::from_str(&printed.out).unwrap();
        assert!(is_valid(&document), "{}", printed.out);
    }
    let mut document: Value = serde_json::from_str(&hostile("findings").out).unwrap();
    assert!(is_valid(&document));
    document["findings"][0]["severity"] = "fatal".into();
    assert!(!is_valid(&document));
}

#[test]
fn the_results_of_pods_are_counted() {
    let input = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n";
    let printed = run("preview -o findings -f - -f shop.yaml -f mistakes.yaml -f untouched.yaml", input);
    let document: Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(document["pods"], json!({"changed": 1, "unchanged": 3, "refused": 1, "failed": 1}));
}

#[test]
fn a_text_is_exact_and_not_cut() {
    let document: Value = serde_json::from_str(&hostile("findings").out).unwrap();
    let found = document["findings"].as_array().unwrap();
    let mode = found.iter().find(|finding| finding["code"] == "BT001").unwrap();
    assert_eq!(mode["object"], json!({"kind": "Pod", "namespace": HOSTILE, "name": HOSTILE}));
    assert_eq!(mode["file"], hostile_file());
    assert_eq!((&mode["line"], &mode["column"]), (&json!(8), &json!(26)));
    assert!(found.iter().any(|finding| finding["key"] == hostile_key()), "{found:?}");
    let found = findings("-f mistakes.yaml --annotate boundtoken.dev/dry-run=true", "");
    let ttl = found.iter().find(|finding| finding["code"] == "BT004").unwrap();
    let text = ttl["text"].as_str().unwrap();
    assert!(text.chars().count() > 120 && text.ends_with("did you mean \"10m\"?"), "{text}");
}
