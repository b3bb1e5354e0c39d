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
        ("1e3", json!(1000)),
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
fn merges_apply_in_the_order_of_the_file() {
    let maps = "a: &a {k: 1, l: 2}\nb: &b {k: 3, m: 4}\n";
    let merged = |text: &str| values(&format!("{maps}c:\n{text}"))[0]["c"].clone();
    assert_eq!(merged("  k: 0\n  <<: *a\n"), json!({"k": 1, "l": 2}));
    assert_eq!(merged("  <<: [*a, *b]\n"), json!({"k": 1, "l": 2, "m": 4}));
    assert_eq!(merged("  <<: *a\n  k: 0\n"), json!({"k": 0, "l": 2}));
    assert_eq!(merged("  \"<<\": *a\n"), json!({"<<": {"k": 1, "l": 2}}));
    let error = error(&format!("{maps}c:\n  <<: 1\n"));
    assert_eq!(error, "f.yaml:4:7: not YAML: the value of << must be a map or a list of maps");
}

#[test]
fn keys_become_strings() {
    assert_eq!(
        values("yes: 1\n0644: 2\n1.50: 3\n2026-01-01: 4\n"),
        [json!({
            "true": 1, "420": 2, "1.5": 3, "2026-01-01": 4
        })]
    );
    let many = (0..100).map(|key| format!("k{key}: {key}\n")).collect::<Vec<_>>().concat();
    assert_eq!(values(&many)[0]["k99"], json!(99));
    assert_eq!(
        error(&format!("{many}k7: 0\n")),
        "f.yaml:101:1: not YAML: duplicate mapping key `k7` is not allowed here"
    );
    assert_eq!(error("~: 1\n"), "f.yaml:1:1: not YAML: a key must not be null");
    assert_eq!(error("[a]: 1\n"), "f.yaml:1:1: not YAML: a key must not be a list or map");
}

#[test]
fn any_number_of_comments_may_precede_a_value() {
    let comments = "  # a\n".repeat(500);
    for text in
        [format!("a:\n{comments}  b: 1\n"), format!("a:\n{comments}  - b\n"), format!("-\n{comments}  b\n")]
    {
        assert_eq!(values(&text).len(), 1, "{text}");
    }
}

#[test]
fn lists_in_flow_style_are_read_as_kubernetes_reads_them() {
    for (text, value) in [
        ("[kubectl, apply, -f, -]", json!(["kubectl", "apply", "-f", "-"])),
        ("[-, a]", json!(["-", "a"])),
        ("[echo, Done:]", json!(["echo", "Done:"])),
        ("[2001:db8::, fe80::]", json!(["2001:db8::", "fe80::"])),
        ("[a:, 'b:', \"c:]\", \"-,\"]", json!(["a:", "b:", "c:]", "-,"])),
        ("{a: b:, c: -}", json!({"a": "b:", "c": "-"})),
        ("{\"a\":[1],\"b\":{\"c\":-1}}", json!({"a": [1], "b": {"c": -1}})),
        ("[{a: 1}, b: 2]", json!([{"a": 1}, {"b": 2}])),
        ("|-\n    [a:, -]", json!("[a:, -]")),
        ("[\"\u{e000}\", a]", json!(["\u{e000}", "a"])),
    ] {
        assert_eq!(values(&format!("a:\n  {text}\n")), [json!({ "a": value })], "{text}");
    }
    let documents = parse("f.yaml", "a: [x:, -, [b:, c]]\n").unwrap();
    assert_eq!(column(&documents[0], "/a/2/1"), 17);
}

#[test]
fn yaml_may_start_with_a_bracket() {
    for text in [
        "{a: 1, b: [x]}",
        "{a: 1, b: [x],}",
        "{\"a\": 1, \"b\": [\"x\",],}",
        "{ # comment\n  a: 1, b: [x]}",
        " \u{feff}{a: 1, b: [x]}",
    ] {
        assert_eq!(values(text), [json!({"a": 1, "b": ["x"]})], "{text}");
    }
    assert_eq!(
        values("{\"a\": 1}\n{b: 1}\n---\nc: 1\n"),
        [json!({"a": 1}), json!({"b": 1}), json!({"c": 1})]
    );
}

#[test]
fn a_byte_order_mark_may_start_a_document() {
    let documents =
        parse("f.yaml", "\u{feff}a: 1\n---\n\u{feff}b: {c: 1}\n---\n\u{feff}{\"d\": 1}\n").unwrap();
    let values: Vec<_> = documents.iter().map(|document| document.root.to_value()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": {"c": 1}}), json!({"d": 1})]);
    assert_eq!((line(&documents[1], "/b/c"), column(&documents[1], "/b/c")), (3, 8));
}

#[test]
fn only_a_comment_may_follow_a_separator() {
    assert_eq!(values("--- # a\na: 1\n---# b\n---  \r\nb: 1\n"), [json!({"a": 1}), json!({"b": 1})]);
    for text in ["a: 1\n--- b\n", "a: 1\n---b\n"] {
        let expected = "f.yaml:2:1: not YAML: after --- at the start of a line, only a comment may follow";
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn tags_decide_the_type() {
    for (text, value) in [
        ("!!str 1", json!("1")),
        ("!!int \"0x10\"", json!(16)),
        ("!!float 1", json!(1)),
        ("!!bool 'yes'", json!(true)),
        ("!!null ''", json!(null)),
        ("!!binary aGk=", json!("hi")),
        ("!local 1", json!("1")),
        ("!!map {b: 1}", json!({"b": 1})),
    ] {
        assert_eq!(values(&format!("a: {text}")), [json!({ "a": value })], "{text}");
    }
    assert_eq!(error("a: !!int b\n"), "f.yaml:1:10: not YAML: the value is not a valid !!int");
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
        ("{\"a\": 1,\n\"b\" 1}", "f.yaml:2:5: not JSON: expected `:`"),
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
    let long = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), vec!["*a"; 20].join(", "));
    for text in [
        long,
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
