//! The JSON schema of the annotations agrees with the parser.

use boundtoken::policy::{keys, schema};
use regex::Regex;
use serde_json::Value;

use crate::support::mistakes::{BOTH, NAMESPACE_ONLY};
use crate::support::pods::{annotated, decide, namespace, pod};

/// Whether the schema accepts a value of a key without prefix.
fn accepts(schema: &Value, key: &str, value: &str) -> bool {
    let property = &schema["properties"][format!("boundtoken.dev/{key}")];
    let has_word = |words: &Vec<Value>| words.iter().any(|word| word == value);
    let fits = |max: u64| value.chars().count() as u64 <= max;
    let matches = |pattern: &str| Regex::new(pattern).unwrap().is_match(value);
    property["type"] == "string"
        && property["enum"].as_array().is_none_or(has_word)
        && property["maxLength"].as_u64().is_none_or(fits)
        && property["pattern"].as_str().is_none_or(matches)
}

#[test]
fn the_schema_accepts_valid_values() {
    let schema = schema::annotations();
    let examples = keys::all().map(|entry| (entry.short_name(), entry.example));
    let others = [
        ("mode", "replace"),
        ("mode", "off"),
        ("audience", ""),
        ("audience", "https://größe.example.com/a b"),
        ("ttl", "7200"),
        ("ttl", "0600"),
        ("ttl", "1h30m"),
        ("ttl", "20m5s"),
        ("ttl", "600s"),
        ("path", "/a//b"),
        ("path", "/t/./größe"),
        ("path", "/t/.x"),
        ("containers", ", a ,\n b,,"),
        ("skip-containers", "a-1"),
        ("env", "-x"),
        ("env", ".5"),
        ("tokens", "- path: /t/a\n- path: /t/b\n"),
        ("allowed-audiences", " a, b,"),
        ("max-ttl", "2h"),
        ("dry-run", "false"),
        ("pod-overrides", "allow"),
    ];
    for (key, value) in examples.chain(others) {
        let answer = decide(&pod(&["app"]), &namespace(&[(key, value)]));
        assert!(answer.allowed(), "{key}: {value:?}: {}", answer.message());
        assert!(accepts(&schema, key, value.trim()), "{key}: {value:?}");
    }
}

#[test]
fn the_schema_refuses_invalid_values_as_far_as_it_describes_them() {
    let schema = schema::annotations();
    let is_described = |key: &str, value: &str, code: &str| {
        let is_beyond_a_pattern = value.contains("..") && key == "path" || value.starts_with("/.");
        !matches!(code, "BT004" | "BT005")
            && !is_beyond_a_pattern
            && (key != "tokens" || value.is_empty())
            && (key != "allowed-audiences" || !value.contains("vault"))
    };
    for (key, value, code, _) in BOTH.iter().chain(NAMESPACE_ONLY) {
        if is_described(key, value, code) {
            assert!(!accepts(&schema, key, value.trim()), "{key}: {value:?}");
        }
    }
}

#[test]
fn the_schema_names_every_key_and_the_lists_that_exclude_each_other() {
    let schema = schema::annotations();
    let names: Vec<&str> = keys::all().map(|entry| entry.name).collect();
    assert_eq!(schema["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), names);
    assert_eq!(schema["propertyNames"]["then"]["enum"], serde_json::json!(names));
    let lists = ["boundtoken.dev/containers", "boundtoken.dev/skip-containers"];
    assert_eq!(schema["allOf"], serde_json::json!([{"not": {"required": lists}}]));
    let both = [("containers", "app"), ("skip-containers", "log")];
    assert!(!decide(&annotated(pod(&["app"]), &both), &namespace(&[])).allowed());
}
