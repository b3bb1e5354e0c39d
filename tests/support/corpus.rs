//! Manifests in the shapes that projects around Kubernetes use (`tests/corpus`), and the objects that kubectl decodes.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

/// The file with the objects of all others. `tests/cluster/decoder.rs` checks it.
const DECODED: &str = "decoded.json";

/// The manifests: name and text.
pub(crate) fn files() -> BTreeMap<String, String> {
    let files = fs::read_dir(DIRECTORY).unwrap().map(|entry| entry.unwrap());
    let names = files.map(|file| file.file_name().into_string().unwrap()).filter(|name| name != DECODED);
    names.map(|name| (name.clone(), fs::read_to_string(path(&name)).unwrap())).collect()
}

/// The objects of each manifest.
pub(crate) fn decoded() -> BTreeMap<String, Vec<Value>> {
    serde_json::from_str(&fs::read_to_string(path(DECODED)).unwrap()).unwrap()
}

/// The path of a file.
pub(crate) fn path(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}
