//! Tests of the parser, its line numbers and its errors.

use json_patch::jsonptr::Pointer;
use serde_json::{Value, json};

use super::*;

fn values(text: &str) -> Vec<Value> {
    parse("f.yaml", text).unwrap().into_iter().map(|document| document.root.to_value()).collect()
}

/// The line of a part of the document's object, or of its nearest existing parent.
fn line(document: &Document, pointer: &'static str) -> u64 {
    document.line(crate::manifest::object::nearest(&document.root, Pointer::from_static(pointer)))
}

/// The column of the same part.
fn column(document: &Document, pointer: &'static str) -> u64 {
    document.column(crate::manifest::object::nearest(&document.root, Pointer::from_static(pointer)))
}

fn error(text: &str) -> String {
    parse("f.yaml", text).unwrap_err().to_string()
}

#[test]
fn scalars_are_read_as_kubernetes_reads_yaml() {
    for (text, value) in [
        ("0644", json!(420)),
        ("0o644", json!(420)),
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("2026-01-01", json!("2026-01-01")),
        ("1e3", json!(1e3)),
        ("'3600'", json!("3600")),
        ("!!str 3600", json!("3600")),
        ("~", json!(null)),
    ] {
        assert_eq!(values(&format!("a: {text}")), [json!({ "a": value })], "{text}");
    }
}

#[test]
fn empty_documents_are_skipped() {
    assert_eq!(
        values("---\n# nothing\n---\na: 1\n---\n...\n---\nb: 2\n---\n"),
        [json!({"a": 1}), json!({"b": 2})]
    );
    assert!(values("").is_empty() && values("\u{feff}# only a comment\n").is_empty());
}

#[test]
fn aliases_and_merges_are_resolved() {
    let text = "a: &a {k: 1, l: 2}\nb: *a\nc:\n  <<: *a\n  k: 3\n";
    assert_eq!(values(text), [json!({"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 2}, "c": {"k": 3, "l": 2}})]);
}

#[test]
fn json_documents_may_follow_each_other() {
    let text = "\n{\"a\": \"\\ud83d\\ude00\"}{\n\t\"b\": 1}\n";
    let documents = parse("f.json", text).unwrap();
    let values: Vec<_> = documents.iter().map(|document| document.root.to_value()).collect();
    assert_eq!(values, [json!({"a": "😀"}), json!({"b": 1})]);
    assert_eq!(line(&documents[1], "/b"), 3);
}

#[test]
fn json_between_yaml_document_markers_is_read() {
    let text = "{\"a\": 1}\n---\n{\"b\": 1}\n---\nc: 1\n---\n";
    let documents = parse("f.json", text).unwrap();
    let values: Vec<_> = documents.iter().map(|document| document.root.to_value()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": 1}), json!({"c": 1})]);
    assert_eq!(line(&documents[1], "/b"), 3);
    assert_eq!(line(&documents[2], "/c"), 5);
}

#[test]
fn every_part_has_its_column_in_characters() {
    let documents = parse("f.yaml", "a:\n  größe: {b: 1, ü: 2}\n  d: [3]\n").unwrap();
    let columns = ["/a/größe/b", "/a/größe/ü", "/a/d/0"].map(|pointer| column(&documents[0], pointer));
    assert_eq!(columns, [14, 20, 7]);
    let documents = parse("f.json", "{\"ü\": 1} {\"a\": 2}\n  {\"b\":\n3}").unwrap();
    assert_eq!([column(&documents[0], "/ü"), column(&documents[1], "/a")], [7, 16]);
    assert_eq!((line(&documents[2], "/b"), column(&documents[2], "/b")), (3, 1));
    assert_eq!(column(&documents[2], ""), 3);
}

#[test]
fn every_part_has_its_line_and_text() {
    let text = "a: 1\n---\nkind: Pod\nmetadata:\n  annotations:\n    x/y: 1.10\n    z: |\n      text\n";
    let documents = parse("f.yaml", text).unwrap();
    let at = |pointer: &'static str| line(&documents[1], pointer);
    assert_eq!([at(""), at("/metadata/annotations/x~1y"), at("/metadata/annotations/absent")], [3, 6, 6]);
    let annotation = documents[1].root.at(Pointer::from_static("/metadata/annotations/x~1y")).unwrap();
    assert_eq!(documents[1].text(annotation), Some("1.10"));
}

#[test]
fn errors_name_file_line_and_column() {
    for (text, message) in [
        ("a: 1\nb: c: d", "f.yaml:2:5: not YAML: mapping values are not allowed in this context"),
        ("a: 1\na: 2", "f.yaml:2:1: not YAML: duplicate mapping key `a` is not allowed here"),
        ("{\"a\": 1,\n}", "f.yaml:2:1: not JSON: key must be a string"),
        ("\n{\"a\": 1}\n{\"a\" 1}", "f.yaml:3:6: not JSON: expected `:`"),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn a_template_is_recognised() {
    for text in ["a: {{ .Values.x }}", "{{ if .Values.x }}\na: 1\n{{ end }}"] {
        assert!(error(text).ends_with("render it first, such as with `helm template`"), "{}", error(text));
    }
}

#[test]
fn hostile_texts_end_in_an_error() {
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let block: Vec<String> = (0..5000).map(|depth| format!("{}a:", " ".repeat(depth))).collect();
    let bomb: Vec<String> = (1..9)
        .map(|level| {
            let item = if level == 1 { "x".to_owned() } else { format!("*a{}", level - 1) };
            format!("a{level}: &a{level} [{}]", vec![item; 10].join(", "))
        })
        .collect();
    let json = format!("{{\"a\": {nested}}}");
    for text in [
        nested,
        block.join("\n"),
        bomb.join("\n"),
        json,
        "a: *a".to_owned(),
        "a: &a [*a]".to_owned(),
        "\0".to_owned(),
    ] {
        assert!(error(&text).starts_with("f.yaml:"), "{}", error(&text));
    }
}
