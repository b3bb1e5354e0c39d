//! Pods and their owners for the tests, and readers of stored Pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::test_install::{Settings, annotations};

/// Where the ServiceAccount plugin mounts the default token.
pub(crate) const DEFAULT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The containers of [`spec`]: init, native sidecar, regular.
pub(crate) const CONTAINERS: [&str; 4] = ["setup", "proxy", "app", "helper"];

/// Every kind of container.
pub(crate) fn spec() -> Value {
    json!({
        "initContainers": [
            {"name": "setup", "image": "busybox"},
            {"name": "proxy", "image": "busybox", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "app", "image": "busybox"}, {"name": "helper", "image": "busybox"}],
    })
}

/// A Pod without an owner.
pub(crate) fn pod(namespace: &str, name: &str, settings: Settings<'_>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "labels": {"app": name}, "annotations": annotations(settings),
        },
        "spec": spec(),
    })
}

/// A Pod with a `generateName`.
pub(crate) fn generated(namespace: &str, name: &str, settings: Settings<'_>) -> Value {
    let mut pod = pod(namespace, name, settings);
    let metadata = pod["metadata"].as_object_mut().unwrap();
    metadata.remove("name");
    metadata.insert("generateName".to_owned(), format!("{name}-").into());
    pod
}

/// The kinds that create Pods.
pub(crate) const OWNERS: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"];

/// An owner whose template has these settings; its Pods carry the label `app`.
pub(crate) fn owner(kind: &str, namespace: &str, name: &str, settings: Settings<'_>) -> Value {
    owner_of(kind, namespace, name, &annotations(settings), &spec())
}

/// An owner of Pods with this spec.
pub(crate) fn owner_of(kind: &str, namespace: &str, name: &str, annotations: &Value, spec: &Value) -> Value {
    let mut template =
        json!({"metadata": {"labels": {"app": name}, "annotations": annotations}, "spec": spec});
    let selector = json!({"matchLabels": {"app": name}});
    let is_batch = matches!(kind, "Job" | "CronJob");
    if is_batch {
        template["spec"]["restartPolicy"] = "Never".into();
    }
    let spec = match kind {
        "StatefulSet" => json!({"serviceName": name, "selector": selector, "template": template}),
        "Job" => json!({"template": template}),
        "CronJob" => json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}),
        _ => json!({"selector": selector, "template": template}),
    };
    json!({
        "apiVersion": if is_batch { "batch/v1" } else { "apps/v1" },
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// The service account tokens of each container, as `FILE audience seconds` or `DIRECTORY Secret NAME`.
pub(crate) fn held(pod: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let volumes: BTreeMap<&str, &Value> =
        list(&pod["spec"]["volumes"]).map(|volume| (volume["name"].as_str().unwrap(), volume)).collect();
    let containers = list(&pod["spec"]["initContainers"]).chain(list(&pod["spec"]["containers"]));
    containers
        .map(|container| {
            let mounts = list(&container["volumeMounts"]);
            let files = mounts.flat_map(|mount| files(volumes[mount["name"].as_str().unwrap()], mount));
            (container["name"].as_str().unwrap().to_owned(), files.collect())
        })
        .collect()
}

fn files(volume: &Value, mount: &Value) -> Vec<String> {
    let directory = mount["mountPath"].as_str().unwrap();
    if let Some(secret) = volume["secret"]["secretName"].as_str() {
        return vec![format!("{directory} Secret {secret}")];
    }
    let tokens =
        list(&volume["projected"]["sources"]).filter_map(|source| source["serviceAccountToken"].as_object());
    tokens
        .map(|token| {
            let audience = token.get("audience").and_then(Value::as_str).unwrap_or("-");
            format!(
                "{directory}/{} {audience} {}",
                token["path"].as_str().unwrap(),
                token["expirationSeconds"]
            )
        })
        .collect()
}

/// Every container of [`spec`] with the same files.
pub(crate) fn all_hold(files: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeSet<String> = files.iter().map(|file| file.replace("DEFAULT", DEFAULT)).collect();
    CONTAINERS.into_iter().map(|container| (container.to_owned(), files.clone())).collect()
}

/// Each volume that holds a service account token, mounted or not, with its sources.
pub(crate) fn token_volumes(pod: &Value) -> BTreeMap<String, Value> {
    list(&pod["spec"]["volumes"])
        .filter(|volume| {
            list(&volume["projected"]["sources"]).any(|source| source["serviceAccountToken"].is_object())
        })
        .map(|volume| (volume["name"].as_str().unwrap().to_owned(), volume["projected"]["sources"].clone()))
        .collect()
}

/// The items of a list, which may be absent.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
