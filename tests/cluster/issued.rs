//! The tokens that the API server issues for stored Pods.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::pods::{list, pod, token_volumes};
use crate::support::control_plane::ControlPlane;
use crate::support::test_install::{Settings, TestInstall};

/// 365 days.
const A_YEAR: i64 = 31_536_000;

/// The audience of the API server in these tests.
const API_SERVER: &str = "https://kubernetes.default.svc.cluster.local";

/// `ca.crt` and `namespace` stay beside the token, and the volume keeps its name.
pub(crate) async fn replace_keeps_the_rest_of_the_volume(plane: Arc<ControlPlane>) {
    let install =
        TestInstall::start(&plane, "kept", &[("kept", &[("audience", "vault"), ("ttl", "20m")])]).await;
    let stored = install.create(&pod("kept", "bare", &[])).await.unwrap();
    let volumes = token_volumes(&stored);
    let (name, sources) = volumes.iter().next().unwrap();
    assert!(name.starts_with("kube-api-access-") && name.len() == "kube-api-access-".len() + 5, "{name}");
    let expected = json!([
        {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 1200, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        ]}},
    ]);
    assert_eq!(sources, &expected);
    assert_eq!(volumes.len(), 1);
}

/// The lifetime `exp - iat` is as requested, except that a request of 3607 s yields a year.
pub(crate) async fn tokens_live_as_long_as_asked_for(plane: Arc<ControlPlane>) {
    let cases: [(&str, Settings<'_>, i64, &str); 4] = [
        ("issued-by-default", &[], 3600, API_SERVER),
        ("issued-for-long", &[("ttl", "3h")], 10_800, API_SERVER),
        ("issued-for-vault", &[("audience", "vault"), ("ttl", "10m")], 600, "vault"),
        ("issued-as-before", &[("mode", "off")], A_YEAR, API_SERVER),
    ];
    let namespaces = cases.map(|(name, settings, ..)| (name, settings));
    let install = TestInstall::start(&plane, "issued", &namespaces).await;
    for (namespace, _, seconds, audience) in cases {
        let stored = install.create(&pod(namespace, "bare", &[])).await.unwrap();
        let claims = issue(&install, &stored).await;
        let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!((lifetime, &claims["aud"]), (seconds, &json!([audience])), "{namespace}");
    }
}

/// Requests the token as the kubelet does (`pkg/volume/projected/projected.go`), and returns its claims.
async fn issue(install: &TestInstall, pod: &Value) -> Value {
    let volumes = token_volumes(pod);
    let sources = volumes.values().next().unwrap();
    let source = list(sources).find(|source| source["serviceAccountToken"].is_object()).unwrap();
    let token = &source["serviceAccountToken"];
    let audiences: Vec<&str> = token["audience"].as_str().into_iter().collect();
    let metadata = &pod["metadata"];
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
        "audiences": audiences,
        "expirationSeconds": token["expirationSeconds"],
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
    }});
    let namespace = metadata["namespace"].as_str().unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default/token");
    let answer = install.plane.api.post(&path, &request).await.ok().unwrap();
    let payload = answer["status"]["token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
