//! A file of manifests, as `preview` reads it: documents with positions in the file, or an error with one.

#![no_main]

use boundtoken::manifest::{Error, Node, objects, parse, to_yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A carriage return is a line break of YAML.
    let lines = text.matches(['\n', '\r']).count() as u64 + 1;
    let documents = match parse("fuzz.yaml", text) {
        Ok(documents) => documents,
        Err(Error::Syntax { line, .. }) => return assert!(line <= lines, "line {line} of {lines}"),
        Err(_) => return,
    };
    for document in &documents {
        walk(&document.root, &mut |node| {
            assert!((1..=lines).contains(&document.line(node)), "{node:?}");
            assert!(document.column(node) > 0, "{node:?}");
            document.text(node);
        });
        let value = document.root.to_value();
        if let Ok(yaml) = to_yaml(&value) {
            let again = parse("again.yaml", &yaml).expect("what was written is YAML");
            if let [again] = &again[..] {
                assert_eq!(again.root.to_value(), value, "{yaml}");
            }
        }
        let _ = objects(document);
    }
});

fn walk(node: &Node, visit: &mut impl FnMut(&Node)) {
    visit(node);
    for item in node.as_list().unwrap_or_default() {
        walk(item, visit);
    }
    for (_, value) in node.as_map().unwrap_or_default() {
        walk(value, visit);
    }
}
