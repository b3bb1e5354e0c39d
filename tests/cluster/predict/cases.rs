//! Workloads with their Namespace and service accounts.

use std::collections::BTreeSet;
use std::path::Path;

use boundtoken::manifest;
use serde_json::{Value, json};

use crate::pods::list;
use crate::support::files::files_below;
use crate::support::reviews::{CREATIONS, captured_pod};
use crate::support::test_install::Settings;

/// A workload with its Namespace and service accounts.
pub(super) struct Case {
    pub(super) namespace: Value,
    pub(super) accounts: Vec<Value>,
    pub(super) workload: Value,
}

impl Case {
    /// All objects, the workload last.
    pub(super) fn objects(&self) -> Vec<&Value> {
        std::iter::once(&self.namespace).chain(&self.accounts).chain([&self.workload]).collect()
    }

    /// The Pod, or the first that the owner would create.
    pub(super) fn pod(&self) -> Value {
        let mut pod = self.workload.pointer(template(&self.workload)).unwrap().clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"]["namespace"] = self.workload["metadata"]["namespace"].clone();
        if !template(&self.workload).is_empty() {
            let name = self.workload["metadata"]["name"].as_str().unwrap();
            pod["metadata"]["generateName"] = format!("{name}-").into();
        }
        pod
    }
}

/// The path of the template in an object that creates Pods.
fn template_of(kind: &str) -> Option<&'static str> {
    match kind {
        "Pod" => Some(""),
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => {
            Some("/spec/template")
        }
        _ => None,
    }
}

/// The path of the template in a workload.
pub(super) fn template(workload: &Value) -> &'static str {
    template_of(workload["kind"].as_str().unwrap()).unwrap()
}

/// The name of a Namespace.
pub(super) fn namespace_of(namespace: &Value) -> String {
    namespace["metadata"]["name"].as_str().unwrap().to_owned()
}

/// A Namespace that opted in, with these annotations.
pub(super) fn labelled(name: &str, settings: Settings<'_>) -> Value {
    crate::support::test_install::namespace_of("", name, settings)
}

/// The workloads of each manifest in the test data, in Namespaces named after the file.
pub(super) fn manifests(install: &str) -> Vec<Case> {
    let mut files = files_below(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests")));
    files.retain(|file| file.extension().is_some_and(|extension| extension != "md"));
    assert!(files.len() >= 11, "{files:?}");
    files.iter().flat_map(|file| cases_in(install, file)).collect()
}

fn cases_in(install: &str, file: &Path) -> Vec<Case> {
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let documents = manifest::parse(stem, &text).unwrap();
    let objects = documents.iter().flat_map(|document| manifest::objects(document).unwrap());
    // Volcano has kinds with the names of built-in ones, which this API server does not know.
    let objects = objects.filter(|object| !object.group().contains("volcano"));
    let objects: Vec<Value> =
        objects.map(|object| complete(&format!("{install}-{stem}"), &object.value.to_value())).collect();
    let workloads = objects.iter().filter(|object| template_of(object["kind"].as_str().unwrap()).is_some());
    workloads.map(|workload| surround(&objects, workload)).collect()
}

/// Finds the Namespace and the service accounts of a workload; missing ones are created without settings.
fn surround(objects: &[Value], workload: &Value) -> Case {
    let name = workload["metadata"]["namespace"].as_str().unwrap();
    let of_kind = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let namespace = of_kind("Namespace").find(|object| object["metadata"]["name"] == name);
    let accounts = of_kind("ServiceAccount").filter(|object| object["metadata"]["namespace"] == name);
    let mut accounts: Vec<Value> = accounts.cloned().collect();
    let used = workload.pointer(template(workload)).unwrap()["spec"]["serviceAccountName"].as_str();
    if let Some(used) = used
        && !accounts.iter().any(|account| account["metadata"]["name"] == used)
    {
        accounts.push(account(name, used, json!({})));
    }
    let namespace = namespace.cloned().unwrap_or_else(|| labelled(name, &[]));
    Case { namespace, accounts, workload: workload.clone() }
}

/// A service account with these fields.
pub(super) fn account(namespace: &str, name: &str, fields: Value) -> Value {
    let mut account = fields;
    account["apiVersion"] = "v1".into();
    account["kind"] = "ServiceAccount".into();
    account["metadata"] = json!({"name": name, "namespace": namespace});
    account
}

/// An object of a manifest, in a Namespace of its own, and with the fields that only the API server requires.
fn complete(prefix: &str, object: &Value) -> Value {
    let mut object = object.clone();
    let rename = |name: Option<&str>| match name.unwrap_or("default") {
        "kube-system" => "kube-system".to_owned(),
        name => format!("{prefix}-{name}"),
    };
    let kind = object["kind"].as_str().unwrap().to_owned();
    if kind == "Namespace" {
        object["metadata"]["name"] = rename(object["metadata"]["name"].as_str()).into();
        return object;
    }
    object["metadata"]["namespace"] = rename(object["metadata"]["namespace"].as_str()).into();
    let Some(pod) = template_of(&kind).and_then(|template| object.pointer_mut(template)) else {
        return object;
    };
    for container in pod["spec"]["containers"].as_array_mut().into_iter().flatten() {
        if container.get("image").is_none() {
            container["image"] = "busybox".into();
        }
    }
    if kind != "Pod" {
        select(&kind, &mut object);
    }
    object
}

/// Adds the selector with which an owner finds its Pods.
fn select(kind: &str, owner: &mut Value) {
    let labels = json!({"app": owner["metadata"]["name"]});
    let template = template_of(kind).unwrap();
    owner.pointer_mut(template).unwrap()["metadata"]["labels"]["app"] = labels["app"].clone();
    match kind {
        "Job" | "CronJob" => {}
        "ReplicationController" => owner["spec"]["selector"] = labels,
        _ => owner["spec"]["selector"] = json!({"matchLabels": labels}),
    }
}

/// The settings of the golden tests.
const GOLDEN: [(&str, Settings<'_>); 11] = [
    ("label-alone", &[]),
    ("audience", &[("audience", "vault"), ("ttl", "2h"), ("env", "TOKEN_FILE")]),
    ("path", &[("path", "/var/run/secrets/api/api-token"), ("ttl", "30m")]),
    (
        "path-for-vault",
        &[
            ("audience", "vault"),
            ("path", "/var/run/secrets/tokens/vault-token"),
            ("env", "VAULT_TOKEN_FILE"),
        ],
    ),
    ("containers", &[("containers", "app,setup")]),
    ("skip-containers", &[("skip-containers", "mesh"), ("ttl", "2h")]),
    ("disable", &[("mode", "disable")]),
    ("add", &[("mode", "add"), ("audience", "vault"), ("env", "VAULT_TOKEN_FILE")]),
    (
        "tokens",
        &[
            ("mode", "disable"),
            (
                "tokens",
                "[{audience: vault, path: /var/run/secrets/vault/token}, {audience: sts, path: /var/run/secrets/sts/token, ttl: 24h, containers: app, env: STS}]",
            ),
        ],
    ),
    ("off", &[("mode", "off")]),
    ("guardrails", &[("max-ttl", "1h"), ("allowed-audiences", "sts"), ("pod-overrides", "deny")]),
];

/// Each captured Pod under each of these settings, and under those of the demo.
pub(super) fn reviews(install: &str) -> Vec<Case> {
    let golden = GOLDEN.map(|(name, settings)| labelled(&format!("{install}-{name}"), settings));
    let demo = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/namespaces.yaml"));
    let documents = manifest::parse("demo", &std::fs::read_to_string(demo).unwrap()).unwrap();
    let demo =
        documents.iter().map(|document| complete(&format!("{install}-demo"), &document.root.to_value()));
    let namespaces = golden.into_iter().chain(demo);
    namespaces
        .flat_map(|namespace| {
            let pods = CREATIONS
                .iter()
                .flat_map(|review| [captured_pod(review), before_plugin(captured_pod(review))]);
            pods.enumerate().map(|(index, pod)| review(&namespace, index, pod)).collect::<Vec<_>>()
        })
        .collect()
}

fn review(namespace: &Value, index: usize, mut pod: Value) -> Case {
    let name = namespace_of(namespace);
    let metadata = pod["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| matches!(field.as_str(), "labels" | "annotations"));
    metadata.insert("name".to_owned(), format!("review-{index}").into());
    metadata.insert("namespace".to_owned(), name.clone().into());
    let used = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default").to_owned();
    let silent = json!({"automountServiceAccountToken": false});
    let accounts = if used == "default" { vec![] } else { vec![account(&name, &used, silent)] };
    Case { namespace: namespace.clone(), accounts, workload: pod }
}

/// A captured Pod without the changes of the plugin.
fn before_plugin(mut pod: Value) -> Value {
    let spec = &mut pod["spec"];
    let is_of_plugin = |entry: &Value| entry["name"].as_str().unwrap().starts_with("kube-api-access-");
    let names: BTreeSet<String> =
        list(&spec["volumes"]).filter(|volume| is_of_plugin(volume)).map(Value::to_string).collect();
    if names.is_empty() {
        return pod;
    }
    spec["volumes"].as_array_mut().unwrap().retain(|volume| !is_of_plugin(volume));
    for field in ["initContainers", "containers"] {
        for container in spec.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
            container["volumeMounts"].as_array_mut().unwrap().retain(|mount| !is_of_plugin(mount));
        }
    }
    pod
}
