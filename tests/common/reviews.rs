//! Admission reviews as an API server sends them, shortened.

/// The creation of a Pod in Namespace `web`, with this annotation.
pub(crate) fn pod(annotations: &serde_json::Value) -> String {
    let source = serde_json::json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    let mount = serde_json::json!({
        "name": "kube-api-access-abcde",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": true,
    });
    // No log line may repeat it.
    let secret = serde_json::json!({"name": "PASSWORD", "value": "s3cret-marker"});
    serde_json::json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web-1",
            "namespace": "web",
            "operation": "CREATE",
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "web-1", "namespace": "web", "annotations": annotations},
                "spec": {
                    "serviceAccountName": "default",
                    "containers": [{"name": "web", "image": "web", "volumeMounts": [mount], "env": [secret]}],
                    "volumes": [{"name": "kube-api-access-abcde", "projected": {"sources": [source]}}],
                },
            },
        },
    })
    .to_string()
}

/// A manifest in which Namespace `web` opts in.
pub(crate) const NAMESPACES: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n  labels:\n    boundtoken.dev/webhook: enabled\n";
