//! Simulates the ServiceAccount admission plugin and the API's defaults, for the fields that concern tokens.
//!
//! `preview` and the tests use it to predict the Pod that the API server would send to the webhook. The
//! source is `plugin/pkg/admission/serviceaccount/admission.go` of Kubernetes.

use serde_json::{Map, Value, json};

use super::api_access::api_access;
use super::token::{DEFAULT_DIRECTORY, DEFAULT_FILE, DEFAULT_PREFIX, Ttl};

/// `defaultMode` of projected and secret volumes: 0644.
const DEFAULT_MODE: u32 = 0o644;

/// The lists of the containers into which the plugin mounts tokens. Ephemeral containers get none.
const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// Lists that a patch may empty and that the API server omits when they are empty (`omitempty`).
const OPTIONAL_LISTS: [&str; 5] = ["env", "imagePullSecrets", "initContainers", "volumeMounts", "volumes"];

/// The fields of a ServiceAccount that the plugin reads.
#[derive(Clone, Debug, Default)]
pub struct ServiceAccount {
    /// `automountServiceAccountToken`.
    pub automount: Option<bool>,
    /// Names in `imagePullSecrets`.
    pub image_pull_secrets: Vec<String>,
}

impl ServiceAccount {
    /// Reads a ServiceAccount object. Fields that are absent or malformed are left empty.
    pub fn from_object(object: &Value) -> Self {
        let secrets = object.get("imagePullSecrets").and_then(Value::as_array).into_iter().flatten();
        Self {
            automount: object.get("automountServiceAccountToken").and_then(Value::as_bool),
            image_pull_secrets: secrets
                .filter_map(|secret| secret.get("name")?.as_str().map(str::to_owned))
                .collect(),
        }
    }
}

/// The name of the Pod's ServiceAccount; `serviceAccount` is the deprecated alias of the field.
pub fn service_account_name(pod: &Value) -> &str {
    ["/spec/serviceAccountName", "/spec/serviceAccount"]
        .iter()
        .filter_map(|field| pod.pointer(field)?.as_str())
        .find(|name| !name.is_empty())
        .unwrap_or("default")
}

/// Decodes and encodes the relevant fields of a Pod like the API server: it omits empty lists and sets
/// defaults (`pkg/apis/core/v1/defaults.go`).
pub fn round_trip(pod: &mut Value) {
    if let Some(spec) = member(pod, "spec") {
        for field in CONTAINER_LISTS {
            let containers = spec.get_mut(field).and_then(Value::as_array_mut);
            containers.into_iter().flatten().filter_map(Value::as_object_mut).for_each(omit_empty_lists);
        }
        omit_empty_lists(spec);
    }
    let volumes = pod.pointer_mut("/spec/volumes").and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten() {
        if let Some(secret) = member(volume, "secret") {
            set_default(secret, "defaultMode", DEFAULT_MODE.into());
        }
        if let Some(projected) = member(volume, "projected") {
            let sources = projected.get_mut("sources").and_then(Value::as_array_mut);
            sources.into_iter().flatten().for_each(set_source_defaults);
            set_default(projected, "defaultMode", DEFAULT_MODE.into());
        }
    }
}

fn omit_empty_lists(object: &mut Map<String, Value>) {
    let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    object.retain(|field, value| !(OPTIONAL_LISTS.contains(&field.as_str()) && is_empty(value)));
}

fn set_source_defaults(source: &mut Value) {
    if let Some(token) = member(source, "serviceAccountToken") {
        set_default(token, "expirationSeconds", Ttl::HOUR.seconds().into());
    }
    let items = source.pointer_mut("/downwardAPI/items").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        if let Some(field) = member(item, "fieldRef") {
            set_default(field, "apiVersion", "v1".into());
        }
    }
}

/// Runs the plugin on a new Pod. The name of a volume that it adds ends with `suffix`.
pub fn admit(pod: &mut Value, account: &ServiceAccount, suffix: &str) {
    if is_mirror(pod) {
        return;
    }
    let name = service_account_name(pod).to_owned();
    let Some(spec) = member(pod, "spec") else { return };
    spec.insert("serviceAccountName".to_owned(), name.clone().into());
    spec.insert("serviceAccount".to_owned(), name.into());
    let own = spec.get("automountServiceAccountToken").and_then(Value::as_bool);
    if own.or(account.automount).unwrap_or(true) {
        mount_token(spec, suffix);
    }
    add_image_pull_secrets(spec, account);
}

fn is_mirror(pod: &Value) -> bool {
    pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some()
}

fn mount_token(spec: &mut Map<String, Value>, suffix: &str) {
    let existing = spec.get("volumes").and_then(|volumes| first_token_volume(volumes.as_array()?));
    let name = existing.clone().unwrap_or_else(|| format!("{DEFAULT_PREFIX}{suffix}"));
    let mut mounted = false;
    for field in CONTAINER_LISTS {
        let containers = spec.get_mut(field).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            mounted |= add_mount(container, &name);
        }
    }
    if mounted && existing.is_none() {
        append(spec, "volumes", token_volume(&name));
    }
}

/// The first volume whose name has the plugin's prefix. The plugin checks nothing but the name.
fn first_token_volume(volumes: &[Value]) -> Option<String> {
    let mut names = volumes.iter().filter_map(|volume| volume.get("name")?.as_str());
    names.find(|name| name.starts_with(DEFAULT_PREFIX)).map(str::to_owned)
}

/// Mounts the volume in a container unless something is mounted at [`DEFAULT_DIRECTORY`]; returns whether it did.
fn add_mount(container: &mut Value, volume: &str) -> bool {
    let Some(container) = container.as_object_mut() else { return false };
    let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
    let mut paths = mounts.filter_map(|mount| mount.get("mountPath")?.as_str());
    let missing = !paths.any(|path| path == DEFAULT_DIRECTORY);
    missing
        && append(
            container,
            "volumeMounts",
            json!({"name": volume, "readOnly": true, "mountPath": DEFAULT_DIRECTORY}),
        )
}

fn token_volume(name: &str) -> Value {
    let seconds = Ttl::YEAR_LONG_REQUEST.seconds();
    let token = json!({"serviceAccountToken": {"expirationSeconds": seconds, "path": DEFAULT_FILE}});
    let sources: Vec<Value> = std::iter::once(token).chain(api_access()).collect();
    json!({"name": name, "projected": {"sources": sources, "defaultMode": DEFAULT_MODE}})
}

fn add_image_pull_secrets(spec: &mut Map<String, Value>, account: &ServiceAccount) {
    let has_own = spec.get("imagePullSecrets").and_then(Value::as_array).is_some_and(|own| !own.is_empty());
    if !has_own {
        for name in &account.image_pull_secrets {
            append(spec, "imagePullSecrets", json!({"name": name}));
        }
    }
}

fn member<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    object.get_mut(name)?.as_object_mut()
}

fn set_default(object: &mut Map<String, Value>, field: &str, value: Value) {
    if object.get(field).is_none_or(Value::is_null) {
        object.insert(field.to_owned(), value);
    }
}

/// Appends to a list that may be absent or `null`; returns `false` if the field is not a list.
fn append(object: &mut Map<String, Value>, field: &str, value: Value) -> bool {
    set_default(object, field, Value::Array(Vec::new()));
    let list = object.get_mut(field).and_then(Value::as_array_mut);
    list.map(|list| list.push(value)).is_some()
}

#[cfg(test)]
mod tests;
