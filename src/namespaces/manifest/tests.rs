//! Manifests of Namespaces: the settings that they yield, and the errors of invalid ones.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::namespaces::{Lookup, NamespaceStore};
use crate::policy::NamespaceSettings;

fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.yaml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn load_into(namespaces: &Namespaces, text: &str) -> Result<(), String> {
    let (directory, path) = file(text);
    let directory = format!("{}/", directory.path().display());
    load(&path, namespaces).map_err(|error| error.to_string().replace(&directory, ""))
}

/// Loads a manifest. Returns how many Namespaces opted in, or the error.
fn load_text(text: &str) -> Result<usize, String> {
    let namespaces = Namespaces::default();
    load_into(&namespaces, text).map(|()| namespaces.len())
}

fn settings(namespaces: &Namespaces, name: &str) -> Option<Arc<NamespaceSettings>> {
    match namespaces.cached(name) {
        Some(Lookup::Settings(settings)) => Some(settings),
        _ => None,
    }
}

fn namespace(name: &str, label: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    boundtoken.dev/webhook: {label}\n"
    )
}

fn annotated(entry: &str) -> String {
    format!("{}  annotations:\n    boundtoken.dev/{entry}\n", namespace("a", "enabled"))
}

#[test]
fn only_labelled_namespaces_opt_in() {
    let text = format!("{}---\n{}", namespace("a", "enabled"), namespace("b", "disabled"));
    assert_eq!(load_text(&text), Ok(1));
}

#[test]
fn lists_and_json_are_read_as_kubectl_and_the_api_server_write_them() {
    let item = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","labels":{"boundtoken.dev/webhook":"enabled"}}}"#;
    let untyped = item.replace(r#""apiVersion":"v1","kind":"Namespace","#, "");
    for text in [
        item.to_owned(),
        format!("{{\n\t\"apiVersion\": \"v1\",\n\t\"items\": [{item}],\n\t\"kind\": \"List\"\n}}\n"),
        format!(r#"{{"apiVersion":"v1","items":[{untyped}],"kind":"NamespaceList"}}"#),
    ] {
        assert_eq!(load_text(&text), Ok(1), "{text}");
    }
}

#[test]
fn utf_16_with_a_byte_order_mark_is_read() {
    let text = format!("\u{feff}{}", namespace("a", "enabled"));
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_directory, path) = file(bytes);
    let namespaces = Namespaces::default();
    load(&path, &namespaces).unwrap();
    assert_eq!(namespaces.len(), 1);
}

/// The errors are those of [`manifest::objects`].
#[test]
fn text_without_objects_is_reported_with_its_line() {
    for (text, expected) in [
        ("a: b: c\n", "f.yaml:1:5: not YAML: mapping values are not allowed in this context"),
        ("a: 1\na: 2\n", "f.yaml:2:1: not YAML: duplicate mapping key `a` is not allowed here"),
        ("hello\n", "f.yaml:1: not a Kubernetes object: expected a map with apiVersion and kind"),
        ("\n- a\n", "f.yaml:2: not a Kubernetes object: expected a map with apiVersion and kind"),
        ("a: b\n", "f.yaml:1: not a Kubernetes object: it has no kind"),
        ("kind: Namespace\n", "f.yaml:1: not a Kubernetes object: it has no apiVersion"),
        (
            "apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n",
            "f.yaml:4: not a Kubernetes object: it has no kind",
        ),
    ] {
        assert_eq!(load_text(text), Err(expected.to_owned()), "{text:?}");
        let documents = manifest::parse("f.yaml", text).map_err(|error| error.to_string());
        let objects = documents.and_then(|documents| {
            manifest::objects(&documents[0]).map(|_| ()).map_err(|error| error.to_string())
        });
        assert_eq!(objects, Err(expected.to_owned()), "{text:?}");
    }
}

#[test]
fn each_mistake_is_reported_with_its_line() {
    let twice = format!("{}---\n{}", namespace("a", "enabled"), namespace("a", "enabled"));
    for (text, expected) in [
        ("", "f.yaml: no object in it; expected a Kubernetes manifest"),
        ("# nothing\n---\n", "f.yaml: no object in it; expected a Kubernetes manifest"),
        (
            "apiVersion: v1\nkind: List\n---\n{apiVersion: v1, kind: Pod}\n",
            "f.yaml:4: unexpected Pod: this file may contain only Namespaces",
        ),
        (
            "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {}\n",
            "f.yaml:4: unexpected Pod: this file may contain only Namespaces",
        ),
        ("apiVersion: v1\nkind: Namespace\n", "f.yaml:1: a Namespace must have a metadata.name"),
        (&twice, "f.yaml:8: duplicate Namespace a: remove one of the two"),
    ] {
        assert_eq!(load_text(text), Err(expected.to_owned()), "{text:?}");
    }
}

#[test]
fn values_that_are_not_strings_are_reported_with_a_fix() {
    for (entry, what, fix) in [
        ("ttl: 3600", "a number", "write \"3600\""),
        ("ttl: 0700", "a number", "write \"0700\""),
        ("max-ttl: 1.50", "a number", "write \"1.50\""),
        ("dry-run: yes", "a boolean", "write \"yes\""),
        ("mode: off", "a boolean", "write \"off\""),
        ("tokens:\n    - path: /a", "a list", "write it as text after `|`"),
        ("tokens: {a: b}", "a map", "write it as text after `|`"),
    ] {
        let key = entry.split(':').next().unwrap();
        let error = load_text(&annotated(entry)).unwrap_err();
        let sentence = format!(": boundtoken.dev/{key}: {what}, but an annotation is a string; {fix}");
        assert!(error.starts_with("f.yaml:") && error.ends_with(&sentence), "{error}");
    }
    let label = load_text(&namespace("a", "yes"));
    let sentence = "boundtoken.dev/webhook: a boolean, but a label is a string; write \"enabled\"";
    assert_eq!(label, Err(format!("f.yaml:6: {sentence}")));
}

#[test]
fn null_is_the_empty_string_as_for_the_api_server() {
    for (entry, mistakes) in [("mode:", 1), ("audience: ~", 0)] {
        let namespaces = Namespaces::default();
        load_into(&namespaces, &annotated(entry)).unwrap();
        assert_eq!(settings(&namespaces, "a").unwrap().violations().len(), mistakes, "{entry}");
    }
}

#[test]
fn a_reload_parses_only_changes_and_drops_removed_namespaces() {
    let namespaces = Namespaces::default();
    let text = format!("{}---\n{}", namespace("a", "enabled"), namespace("b", "enabled"));
    load_into(&namespaces, &text).unwrap();
    let first = ["a", "b"].map(|name| settings(&namespaces, name).unwrap());
    assert!(!Arc::ptr_eq(&first[0], &first[1]), "two names share nothing");
    load_into(&namespaces, &format!("{text}  annotations:\n    boundtoken.dev/ttl: 2h\n")).unwrap();
    let second = ["a", "b"].map(|name| settings(&namespaces, name).unwrap());
    assert!(Arc::ptr_eq(&first[0], &second[0]) && !Arc::ptr_eq(&first[1], &second[1]));
    load_into(&namespaces, &namespace("b", "enabled")).unwrap();
    assert!(settings(&namespaces, "a").is_none() && settings(&namespaces, "b").is_some());
}

#[test]
fn other_annotations_may_have_any_type() {
    let text = namespace("a", "enabled") + "  annotations:\n    other.example/count: 3\n";
    assert_eq!(load_text(&text), Ok(1));
}

#[test]
fn alias_expansion_and_nesting_are_limited() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    text.extend((1..9).map(|level| {
        let before = format!("*a{},", level - 1).repeat(9);
        format!("a{level}: &a{level} [{before}]\n")
    }));
    let nested = |depth: usize| format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    for text in [text, nested(100_000), nested(200)] {
        let error = load_text(&text).unwrap_err();
        assert!(error.contains("not YAML: "), "{error}");
    }
    assert_eq!(load_text(&nested(98)), Err("f.yaml:1: not a Kubernetes object: it has no kind".to_owned()));
    let lists = |depth: usize| {
        let list = r#"{"apiVersion": "v1", "kind": "List", "items": ["#;
        format!("{}{}", list.repeat(depth), "]}".repeat(depth))
    };
    assert!(load_text(&lists(49)).unwrap_err().contains("no object in it"));
}

#[test]
fn errors_never_quote_values() {
    for metadata in ["{name: [marker]}", "marker", "[marker]", "{name: a, labels: marker}"] {
        let error = load_text(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {metadata}\n"));
        let error = error.unwrap_err();
        assert!(
            error.contains(":3: not a Kubernetes object: expected ") && !error.contains("marker"),
            "{error}"
        );
    }
}
