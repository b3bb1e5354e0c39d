//! Admission reviews as an API server sends them.

use serde_json::{Value, json};

/// The `uid` of every review that is built here.
pub(crate) const UID: &str = "ffdc3593-51e0-4dfe-ab0e-2be3842e7529";

/// The captured reviews of Pods that are created.
pub(crate) const CREATIONS: [&str; 10] = [
    "pod-plain",
    "pod-many",
    "pod-asked-for",
    "pod-opted-out",
    "pod-sa-no-automount",
    "pod-legacy-secret",
    "pod-vault-token",
    "pod-generate-name",
    "pod-of-deployment",
    "pod-of-job",
];

/// An AdmissionReview that a real API server sent.
pub(crate) fn captured(name: &str) -> Value {
    let path = format!("{}/tests/reviews/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

/// The Pod in a captured review.
pub(crate) fn captured_pod(name: &str) -> Value {
    captured(name)["request"]["object"].take()
}

/// A review of the creation of a Pod in its Namespace, or in the Namespace `shop`.
pub(crate) fn review(pod: &Value) -> Value {
    let group = |kind: &str, name: &str| json!({"group": "", "version": "v1", kind: name});
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": UID,
            "kind": group("kind", "Pod"),
            "resource": group("resource", "pods"),
            "requestKind": group("kind", "Pod"),
            "requestResource": group("resource", "pods"),
            "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"].as_str().unwrap_or("shop"),
            "operation": "CREATE",
            "userInfo": {"username": "admin", "groups": ["system:masters"]},
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

/// The text of a review of the Pod `web-1` in the Namespace `web`, with these annotations.
pub(crate) fn web(annotations: &Value) -> String {
    let source = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    let mount = json!({
        "name": "kube-api-access-abcde",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": true,
    });
    // No log line may contain this value.
    let secret = json!({"name": "PASSWORD", "value": "s3cret-marker"});
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "web", "annotations": annotations},
        "spec": {
            "serviceAccountName": "default",
            "containers": [{"name": "web", "image": "web", "volumeMounts": [mount], "env": [secret]}],
            "volumes": [{"name": "kube-api-access-abcde", "projected": {"sources": [source]}}],
        },
    });
    review(&pod).to_string()
}

/// A manifest in which the Namespace `web` has opted in.
pub(crate) const NAMESPACES: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n  labels:\n    boundtoken.dev/webhook: enabled\n";
