//! kubectl decodes the manifests of `tests/corpus` into the objects recorded there.

use std::sync::Arc;

use serde_json::Value;

use crate::support::control_plane::ControlPlane;
use crate::support::corpus;

/// An annotation that kubectl adds, so that it has something to do without an API server.
const MARK: &str = "decoded-by";

/// Every manifest.
pub(crate) async fn manifests_in_use(plane: Arc<ControlPlane>) {
    let decoded = corpus::decoded();
    for name in corpus::files().keys() {
        let (file, mark) = (format!("--filename={}", corpus::path(name)), format!("{MARK}=kubectl"));
        let output = plane.kubectl(&["annotate", "--local", &file, &mark, "--output=json"], "");
        assert!(output.status.success(), "{name}: {output:?}");
        let objects = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
        let objects: Vec<_> = objects.map(|object| without_mark(object.unwrap())).collect();
        assert_eq!(objects, decoded[name], "{name}");
    }
}

fn without_mark(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    let annotations = metadata["annotations"].as_object_mut().unwrap();
    annotations.remove(MARK).unwrap();
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    object
}
