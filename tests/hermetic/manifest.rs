//! Manifests of the shapes in use are read as kubectl reads them.

use boundtoken::manifest;
use serde_json::Value;

use crate::support::corpus;

#[test]
fn the_corpus_is_read_as_kubectl_reads_it() {
    let decoded = corpus::decoded();
    let files = corpus::files();
    assert!(files.len() >= 20);
    assert_eq!(files.keys().collect::<Vec<_>>(), decoded.keys().collect::<Vec<_>>());
    for (name, text) in files {
        assert_eq!(objects(&name, &text), decoded[&name], "{name}");
    }
}

fn objects(name: &str, text: &str) -> Vec<Value> {
    let documents = manifest::parse(name, text).unwrap();
    let objects = documents.iter().flat_map(|document| manifest::objects(document).unwrap());
    objects.map(|object| object.value.to_value()).collect()
}
