//! The shipped manifests, as an API server and its Pod Security take them.

use std::sync::Arc;

use serde_json::json;

use crate::control_plane::ControlPlane;

/// Those that need no other product.
const KUSTOMIZATIONS: [&str; 3] = ["manifests", "manifests/hostnetwork", "manifests/static-tls"];

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `install.yaml` is what the base renders to.
pub(crate) async fn install_is_rendered_from_the_base(plane: Arc<ControlPlane>) {
    let rendered = kubectl(&plane, &["kustomize", &format!("{ROOT}/manifests")]);
    let shipped = std::fs::read_to_string(format!("{ROOT}/manifests/install.yaml")).unwrap();
    assert!(
        shipped == rendered,
        "manifests/install.yaml is not what manifests/base says: run `make manifests`"
    );
}

/// No unknown field, no missing one, and nothing that Pod Security would refuse.
pub(crate) async fn every_field_is_known_and_allowed(plane: Arc<ControlPlane>) {
    let labels = json!({"pod-security.kubernetes.io/warn": "restricted"});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "boundtoken", "labels": labels}});
    plane.api.create(&namespace).await.unwrap();
    for kustomization in KUSTOMIZATIONS {
        let directory = format!("{ROOT}/{kustomization}");
        let arguments = ["apply", "--dry-run=server", "--validate=strict", "-k", &directory];
        let output = plane.kubectl(&arguments, "");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{kustomization}: {stderr}");
        let warns = stderr.contains("would violate PodSecurity");
        assert_eq!(warns, kustomization == "manifests/hostnetwork", "{kustomization}: {stderr}");
    }
    // It stands on top of the same objects, beside kinds that this API server does not know.
    let rendered = kubectl(&plane, &["kustomize", &format!("{ROOT}/manifests/cert-manager")]);
    assert!(rendered.contains("cert-manager.io/inject-ca-from: boundtoken/boundtoken"), "{rendered}");
}

/// What kubectl prints when all is well.
fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> String {
    let output = plane.kubectl(arguments, "");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
