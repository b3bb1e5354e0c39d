//! Reinvocation by the API server, beside other webhooks that change the Pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::other_webhook::OtherWebhook;
use crate::pods::{CONTAINERS, DEFAULT, held, list, pod};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{Settings, TestInstall};

/// The tokens of every container in a mode, also of one that another webhook adds.
const MODES: [(&str, Settings<'_>, &[&str]); 3] = [
    ("replace", &[("audience", "vault")], &["DEFAULT/token vault 3600"]),
    ("disable", &[("mode", "disable")], &[]),
    (
        "add",
        &[("mode", "add"), ("audience", "vault")],
        &["DEFAULT/token - 3600", "/var/run/secrets/tokens/token vault 3600"],
    ),
];

/// A container that is added after our call gets the same tokens as the others.
pub(crate) async fn a_container_appended_after_us(plane: Arc<ControlPlane>) {
    // In mode `add`, the mount in the new container can only come from a second call.
    beside(plane, "z-container", container, &["injected"], &["add"]).await;
}

/// A container that is added before our call is treated like the others.
pub(crate) async fn a_container_appended_before_us(plane: Arc<ControlPlane>) {
    beside(plane, "a-container", container, &["injected"], &[]).await;
}

/// A volume that is added after our call moves none of ours.
pub(crate) async fn a_volume_appended_after_us(plane: Arc<ControlPlane>) {
    beside(plane, "z-volume", volume, &[], &[]).await;
}

/// A volume that is added before our call is not mistaken for a token volume.
pub(crate) async fn a_volume_appended_before_us(plane: Arc<ControlPlane>) {
    beside(plane, "a-volume", volume, &[], &[]).await;
}

/// Creates a Pod in each mode beside the other webhook; `changing` are the modes in which our second call
/// patches the Pod.
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

/// For each call of a webhook for the stored Pod `bare`, whether it changed the Pod.
pub(crate) async fn calls(plane: &ControlPlane, namespace: &str, webhook: &str) -> Vec<bool> {
    let event = eventually("the creation of the Pod in the audit log", async || {
        let events = plane.audit_events(namespace);
        let found = events.iter().find(|event| event["objectRef"]["name"] == "bare").cloned();
        found.ok_or(events)
    })
    .await;
    let annotations = event["annotations"].as_object().unwrap();
    // The names sort in the order of the calls: round_0_index_1, round_1_index_0 …
    let rounds = annotations.iter().filter(|(key, _)| key.starts_with("mutation.webhook.admission.k8s.io/"));
    let calls = rounds.map(|(_, call)| serde_json::from_str::<Value>(call.as_str().unwrap()).unwrap());
    calls.filter(|call| call["webhook"] == webhook).map(|call| call["mutated"].as_bool().unwrap()).collect()
}

/// Appends a container and a volume for it, unless they exist.
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

/// Appends a volume, unless it exists.
fn volume(pod: &Value) -> Value {
    if list(&pod["spec"]["volumes"]).any(|volume| volume["name"] == "scratch") {
        return json!([]);
    }
    let path = if pod["spec"]["volumes"].is_array() { "/spec/volumes/-" } else { "/spec/volumes" };
    let volume = json!({"name": "scratch", "emptyDir": {}});
    let value = if path.ends_with('-') { volume } else { json!([volume]) };
    json!([{"op": "add", "path": path, "value": value}])
}
