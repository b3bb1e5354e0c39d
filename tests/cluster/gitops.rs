//! Argo CD and Flux: their objects in `examples` follow their schemas, and their ways to apply keep the `caBundle`.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::shop::Terminal;
use crate::support::control_plane::api::collection;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::examples::Example;
use crate::support::test_install::configuration;

const DEFINITIONS: &str = include_str!("../gitops/definitions.yaml");

/// Each object is accepted, and with a misspelled field it is not.
pub(crate) async fn every_field_is_known(plane: Arc<ControlPlane>) {
    define_kinds(&plane).await;
    for namespace in ["argocd", "flux-system"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        plane.api.create(&namespace).await.unwrap();
    }
    let mut misspelled = 0;
    for mut object in ["argo-cd.yaml", "flux.yaml"].iter().flat_map(|name| Example::named(name).objects()) {
        let strict = format!("{}?fieldValidation=Strict", collection(&object));
        let answer = plane.api.post(&strict, &object).await;
        assert_eq!((answer.code, answer.warnings.len()), (201, 0), "{answer:?}");
        if object["kind"] != "ConfigMap" {
            object["metadata"]["name"] = "misspelled".into();
            object["spec"]["dependOn"] = json!([]);
            let answer = plane.api.post(&strict, &object).await;
            assert!(answer.message().contains("unknown field \"spec.dependOn\""), "{answer:?}");
            misspelled += 1;
        }
    }
    assert_eq!(misspelled, 5);
}

async fn define_kinds(plane: &ControlPlane) {
    for definition in DEFINITIONS.split("\n---\n") {
        let definition: Value = serde_saphyr::from_str(definition).unwrap();
        plane.api.create(&definition).await.unwrap();
        let spec = &definition["spec"];
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let (group, version) = (word(&spec["group"]), word(&spec["versions"][0]["name"]));
        let path = format!("/apis/{group}/{version}/{}", word(&spec["names"]["plural"]));
        eventually("a kind that is served", async || plane.api.get(&path).await).await;
    }
}

/// `kubectl apply` merges three ways, as Argo CD does; Flux applies on the server.
pub(crate) async fn applying_again_keeps_the_ca_bundle(plane: Arc<ControlPlane>) {
    const NAME: &str = "boundtoken-gitops";
    let terminal = Terminal::of(&plane);
    let authority = BASE64_STANDARD.encode("a certificate");
    let selector = json!({"install": NAME});
    let mut written = configuration(NAME, "pods.boundtoken.dev", &selector, "https://localhost/mutate", b"");
    written["webhooks"][0]["clientConfig"].as_object_mut().unwrap().remove("caBundle");
    let bundle = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": authority}]);
    let flux =
        "kubectl apply --server-side --force-conflicts --field-manager=kustomize-controller -f webhook.json";
    for apply in ["kubectl apply -f webhook.json", flux] {
        for timeout in [5, 6] {
            written["webhooks"][0]["timeoutSeconds"] = timeout.into();
            terminal.write("webhook.json", &written.to_string());
            terminal.type_in(apply);
            if timeout == 5 {
                let kind = "mutatingwebhookconfiguration";
                terminal.type_in(&format!("kubectl patch {kind} {NAME} --type=json -p '{bundle}'"));
            }
        }
        let path = format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}");
        let stored = plane.api.get(&path).await.unwrap();
        let webhook = &stored["webhooks"][0];
        assert_eq!(webhook["timeoutSeconds"], 6, "{apply}: {stored}");
        assert_eq!(webhook["clientConfig"]["caBundle"], authority, "{apply}: {stored}");
        plane.api.delete(&path).await;
    }
}
