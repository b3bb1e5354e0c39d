//! The shipped manifests, checked by an API server and its Pod Security admission.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::MutexGuard;

use crate::shop::alone;
use crate::support::control_plane::{ControlPlane, eventually};

/// The kustomizations that need no other product.
const KUSTOMIZATIONS: [&str; 7] = [
    "manifests",
    "manifests/client-ca",
    "manifests/guard",
    "manifests/guard-audit",
    "manifests/guard-namespaces",
    "manifests/hostnetwork",
    "manifests/static-tls",
];

pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `install.yaml` is the rendered base.
pub(crate) async fn install_is_rendered_from_the_base(plane: Arc<ControlPlane>) {
    let rendered = kubectl(&plane, &["kustomize", &format!("{ROOT}/manifests")]);
    let shipped = std::fs::read_to_string(format!("{ROOT}/manifests/install.yaml")).unwrap();
    assert!(
        shipped == rendered,
        "manifests/install.yaml is not what manifests/base says: run `make manifests`"
    );
}

/// The manifests have no unknown field and lack none, and Pod Security rejects nothing.
pub(crate) async fn every_field_is_known_and_allowed(plane: Arc<ControlPlane>) {
    let _alone = install_namespace(&plane).await;
    for kustomization in KUSTOMIZATIONS {
        let directory = format!("{ROOT}/{kustomization}");
        let arguments = ["apply", "--dry-run=server", "--validate=strict", "-k", &directory];
        let output = plane.kubectl(&arguments, "");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{kustomization}: {stderr}");
        let warns = stderr.contains("would violate PodSecurity");
        assert_eq!(warns, kustomization == "manifests/hostnetwork", "{kustomization}: {stderr}");
    }
    // These add kinds that the API server does not know, so they are only rendered.
    let rendered = kubectl(&plane, &["kustomize", &format!("{ROOT}/manifests/cert-manager")]);
    assert!(rendered.contains("cert-manager.io/inject-ca-from: boundtoken/boundtoken"), "{rendered}");
    let rendered = kubectl(&plane, &["kustomize", &format!("{ROOT}/manifests/monitoring")]);
    assert!(rendered.contains("kind: PrometheusRule"), "{rendered}");
}

/// The ServiceAccount has exactly the rights that the manifests grant.
pub(crate) async fn rights_of_the_service_account(plane: Arc<ControlPlane>) {
    let _alone = install_namespace(&plane).await;
    for file in ["service-account.yaml", "rbac.yaml"] {
        let file = format!("{ROOT}/manifests/base/{file}");
        kubectl(&plane, &["apply", "--namespace=boundtoken", "-f", &file]);
    }
    eventually("a role that is bound", async || may(&plane, "patch", OWN_SECRET).await.then_some(())).await;
    let configurations = "admissionregistration.k8s.io/mutatingwebhookconfigurations";
    let validating = "admissionregistration.k8s.io/validatingwebhookconfigurations";
    let granted = [
        ("//namespaces/", "get list watch"),
        ("//namespaces/shop", "get"),
        (&format!("/{configurations}/boundtoken"), "list watch patch"),
        (OWN_SECRET, "get list watch patch"),
    ];
    let of_nobody = [
        ("//namespaces/", "create delete deletecollection patch update"),
        (&format!("/{configurations}/"), "create delete deletecollection get list patch update watch"),
        (&format!("/{configurations}/boundtoken"), "create delete get update"),
        (&format!("/{configurations}/other"), "get list patch watch"),
        (&format!("/{validating}/boundtoken"), "get list patch watch"),
        (OWN_SECRET, "create delete update"),
        ("boundtoken//secrets/", "create get list patch watch"),
        ("boundtoken//secrets/other", "get list patch watch"),
        ("shop//secrets/boundtoken-certificates", "get list patch watch"),
        ("boundtoken//serviceaccounts/boundtoken", "get impersonate"),
        ("boundtoken//serviceaccounts/boundtoken/token", "create"),
        ("//pods/", "create get list watch"),
        ("shop//pods/", "create get list watch"),
        ("boundtoken/rbac.authorization.k8s.io/roles/boundtoken", "bind escalate patch"),
    ];
    for (rights, expected) in [(&granted[..], true), (&of_nobody, false)] {
        for (object, verb) in
            rights.iter().flat_map(|(object, verbs)| verbs.split(' ').map(move |verb| (*object, verb)))
        {
            assert_eq!(may(&plane, verb, object).await, expected, "{verb} {object}");
        }
    }
}

/// The Secret of the certificates, as `NAMESPACE/GROUP/RESOURCE/NAME`.
const OWN_SECRET: &str = "boundtoken//secrets/boundtoken-certificates";

/// Whether boundtoken is authorized for a verb on `NAMESPACE/GROUP/RESOURCE/NAME/SUBRESOURCE`.
async fn may(plane: &ControlPlane, verb: &str, object: &str) -> bool {
    let mut parts = object.split('/').chain(std::iter::repeat(""));
    let [namespace, group, resource, name, subresource] = std::array::from_fn(|_| parts.next());
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "system:serviceaccount:boundtoken:boundtoken",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:boundtoken", "system:authenticated"],
            "resourceAttributes": {
                "verb": verb, "namespace": namespace, "group": group, "resource": resource, "name": name,
                "subresource": subresource,
            },
        },
    });
    let answer = plane.api.create(&review).await.unwrap();
    answer["status"]["allowed"].as_bool().unwrap()
}

/// Locks the Namespace of the install for one test at a time, since kubectl reads the objects before it
/// applies them.
pub(crate) async fn install_namespace(plane: &ControlPlane) -> MutexGuard<'static, ()> {
    let alone = alone(plane).await;
    let labels = json!({"pod-security.kubernetes.io/warn": "restricted"});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "boundtoken", "labels": labels}});
    let answer = plane.api.post("/api/v1/namespaces", &namespace).await;
    assert!(matches!(answer.code, 201 | 409), "{answer:?}");
    alone
}

/// The output of kubectl, which must succeed.
pub(crate) fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> String {
    let output = plane.kubectl(arguments, "");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
