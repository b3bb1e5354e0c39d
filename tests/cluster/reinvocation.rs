//! The API server's second run, beside other webhooks that change the Pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::other_webhook::OtherWebhook;
use crate::pods::{CONTAINERS, DEFAULT, held, list, pod};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{Settings, TestInstall};

/// The tokens of every container under a mode, also of one that another webhook added.
const MODES: [(&str, Settings<'_>, &[&str]); 3] = [
    ("replace", &[("audience", "vault")], &["DEFAULT/token vault 3600"]),
    ("disable", &[("mode", "disable")], &[]),
    (
        "add",
        &[("mode", "add"), ("audience", "vault")],
        &["DEFAULT/token - 3600", "/var/run/secrets/tokens/token vault 3600"],
    ),
];

/// A container that comes after us gets what the others have.
pub(crate) async fn a_container_appended_after_us(plane: Arc<ControlPlane>) {
    // With `add`, the mount in the new container can only come from a second call.
    beside(plane, "z-container", container, &["injected"], &["add"]).await;
}

/// A container that came before us is one of the Pod's.
pub(crate) async fn a_container_appended_before_us(plane: Arc<ControlPlane>) {
    beside(plane, "a-container", container, &["injected"], &[]).await;
}

/// A volume that comes after us moves none of ours.
pub(crate) async fn a_volume_appended_after_us(plane: Arc<ControlPlane>) {
    beside(plane, "z-volume", volume, &[], &[]).await;
}

/// A volume that came before us is not taken for a token.
pub(crate) async fn a_volume_appended_before_us(plane: Arc<ControlPlane>) {
    beside(plane, "a-volume", volume, &[], &[]).await;
}

/// Creates a Pod in each mode beside the other webhook; `changing`: modes where our second call has work to do.
async fn beside(
    plane: Arc<ControlPlane>,
    name: &str,
    patch: fn(&Value) -> Value,
    injected: &[&str],
    changing: &[&str],
) {
    let names = MODES.map(|(mode, ..)| format!("{name}-{mode}"));
    let namespaces: Vec<_> =
        names.iter().zip(MODES).map(|(namespace, (_, settings, _))| (namespace.as_str(), settings)).collect();
    let install = TestInstall::start(&plane, name, &namespaces).await;
    for (namespace, (mode, _, files)) in names.iter().zip(MODES) {
        let _other = OtherWebhook::start(&plane, namespace, namespace, patch).await;
        let stored = install.create(&pod(namespace, "bare", &[])).await.unwrap();
        let files = files.iter().map(|file| file.replace("DEFAULT", DEFAULT)).collect();
        let expected: BTreeMap<_, std::collections::BTreeSet<String>> = CONTAINERS
            .iter()
            .chain(injected)
            .map(|container| ((*container).to_owned(), Clone::clone(&files)))
            .collect();
        assert_eq!(held(&stored), expected, "{namespace}");
        assert!(list(&stored["spec"]["volumes"]).any(|volume| volume["name"] == "scratch"), "{namespace}");
        let calls = calls(&plane, namespace, "pods.boundtoken.dev").await;
        let expected: Vec<_> =
            if calls.len() == 1 { vec![true] } else { vec![true, changing.contains(&mode)] };
        assert_eq!(calls, expected, "{namespace}: whether each call changed the Pod");
        // A change by a later webhook makes the API server call ours again.
        assert!(calls.len() == 2 || name.starts_with("a-"), "{namespace}: {calls:?}");
    }
}

/// Of each call of a webhook for the stored Pod `bare`, whether it changed something.
pub(crate) async fn calls(plane: &ControlPlane, namespace: &str, webhook: &str) -> Vec<bool> {
    let event = eventually("the creation of the Pod in the audit log", async || {
        let events = plane.audit_events(namespace);
        let found = events.iter().find(|event| event["objectRef"]["name"] == "bare").cloned();
        found.ok_or(events)
    })
    .await;
    let annotations = event["annotations"].as_object().unwrap();
    // Their order is that of the names: round_0_index_1, round_1_index_0 …
    let rounds = annotations.iter().filter(|(key, _)| key.starts_with("mutation.webhook.admission.k8s.io/"));
    let calls = rounds.map(|(_, call)| serde_json::from_str::<Value>(call.as_str().unwrap()).unwrap());
    calls.filter(|call| call["webhook"] == webhook).map(|call| call["mutated"].as_bool().unwrap()).collect()
}

/// Appends a container and the volume that it works on, once.
fn container(pod: &Value) -> Value {
    let mut patch = volume(pod);
    if patch != json!([]) {
        let container = json!({
            "name": "injected", "image": "busybox", "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        });
        patch
            .as_array_mut()
            .unwrap()
            .push(json!({"op": "add", "path": "/spec/containers/-", "value": container}));
    }
    patch
}

/// Appends a volume, once.
fn volume(pod: &Value) -> Value {
    if list(&pod["spec"]["volumes"]).any(|volume| volume["name"] == "scratch") {
        return json!([]);
    }
    let path = if pod["spec"]["volumes"].is_array() { "/spec/volumes/-" } else { "/spec/volumes" };
    let volume = json!({"name": "scratch", "emptyDir": {}});
    let value = if path.ends_with('-') { volume } else { json!([volume]) };
    json!([{"op": "add", "path": path, "value": value}])
}
