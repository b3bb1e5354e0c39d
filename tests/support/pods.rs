//! Settings and Pods, the webhook's decisions on them, and readers of the results.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::admission::{Request, mutate};
use boundtoken::pod::plugin::{self, ServiceAccount};
use boundtoken::policy::{Defaults, NamespaceSettings};
use json_patch::Patch;
use serde_json::{Value, json};

use super::reviews::review;

/// Where the ServiceAccount admission plugin mounts the default token.
pub const DEFAULT_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The volume of the plugin's first run.
pub const DEFAULT_VOLUME: &str = "kube-api-access-x7k2b";

/// Suffixes of the plugin's first and second run.
pub const SUFFIXES: [&str; 2] = ["x7k2b", "q9w4z"];

/// Annotations as pairs; a key without `/` gets our prefix.
pub type Pairs<'a> = &'a [(&'a str, &'a str)];

pub fn full_key(key: &str) -> String {
    if key.contains('/') { key.to_owned() } else { format!("boundtoken.dev/{key}") }
}

pub fn namespace(pairs: Pairs<'_>) -> NamespaceSettings {
    namespace_with(pairs, Defaults::default())
}

pub fn namespace_with(pairs: Pairs<'_>, defaults: Defaults) -> NamespaceSettings {
    let pairs: Vec<(String, &str)> = pairs.iter().map(|(key, value)| (full_key(key), *value)).collect();
    let annotations = pairs.iter().map(|(key, value)| (key.as_str(), *value));
    NamespaceSettings::parse("shop", annotations, &Arc::new(defaults))
}

/// A Pod with these settings.
pub fn annotated(mut pod: Value, pairs: Pairs<'_>) -> Value {
    for (key, value) in pairs {
        pod["metadata"]["annotations"][full_key(key)] = (*value).into();
    }
    pod
}

/// A Pod with these containers, as the API server sends it after the ServiceAccount plugin.
pub fn pod(containers: &[&str]) -> Value {
    let containers: Vec<Value> =
        containers.iter().map(|name| json!({"name": name, "image": "busybox"})).collect();
    after_plugin(json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "web-5d9c7b6f44-pqx8n", "namespace": "shop"},
        "spec": {"containers": containers},
    }))
}

/// A Pod with this spec, after the plugin.
pub fn pod_of_spec(spec: &Value) -> Value {
    after_plugin(json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": spec}))
}

/// A Pod whose one container mounts `volume` at `path`, after the plugin.
pub fn pod_with_volume(volume: &Value, path: &str) -> Value {
    let mount = json!({"name": volume["name"], "mountPath": path});
    pod_of_spec(&json!({"volumes": [volume], "containers": [{"name": "app", "volumeMounts": [mount]}]}))
}

/// The plugin's mount of the default token after its first run.
pub fn default_mount() -> Value {
    json!({"name": DEFAULT_VOLUME, "readOnly": true, "mountPath": DEFAULT_DIRECTORY})
}

/// A Pod after the API's defaults and the plugin's first run, with a ServiceAccount that sets nothing.
pub fn after_plugin(pod: Value) -> Value {
    after_plugin_of(pod, &ServiceAccount::default(), SUFFIXES[0])
}

pub fn after_plugin_of(mut pod: Value, account: &ServiceAccount, suffix: &str) -> Value {
    plugin::round_trip(&mut pod);
    plugin::admit(&mut pod, account, suffix);
    pod
}

/// The response of the webhook, and the Pod with its patch applied.
#[derive(Debug)]
pub struct Admission {
    pub response: Value,
    pub operations: Vec<Value>,
    pub pod: Value,
}

impl Admission {
    pub fn allowed(&self) -> bool {
        self.response["allowed"] == true
    }

    pub fn warnings(&self) -> Vec<&str> {
        self.response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub fn message(&self) -> &str {
        self.response["status"]["message"].as_str().unwrap_or_default()
    }

    pub fn warns(&self, code: &str) -> bool {
        self.warnings().iter().any(|warning| warning.contains(code))
    }
}

/// Sends a review through the webhook and applies the patch.
pub fn answer(review: &Value, namespace: &NamespaceSettings) -> Admission {
    let body = review.to_string();
    let request = Request::parse(&body).expect("an AdmissionReview");
    let verdict = mutate(&request, namespace);
    let answer: Value = serde_json::from_slice(&verdict.into_body()).expect("JSON");
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let response = answer["response"].clone();
    assert_eq!(response["uid"], review["request"]["uid"]);
    let operations = operations(&response);
    assert!(operations.is_empty() || response["allowed"] == true, "a refused Pod carries a patch");
    let pod = apply(&review["request"]["object"], &operations);
    Admission { response, operations, pod }
}

/// The webhook on a Pod.
pub fn decide(pod: &Value, namespace: &NamespaceSettings) -> Admission {
    answer(&review(pod), namespace)
}

/// The patch on the wire: base64, present together with its type or not at all.
pub fn operations(response: &Value) -> Vec<Value> {
    let Some(patch) = response.get("patch") else {
        assert!(response.get("patchType").is_none(), "patchType without patch");
        return Vec::new();
    };
    assert_eq!(response["patchType"], "JSONPatch");
    let json = STANDARD.decode(patch.as_str().expect("a string")).expect("base64");
    let operations: Vec<Value> = serde_json::from_slice(&json).expect("a list");
    assert!(!operations.is_empty(), "an empty patch");
    operations
}

/// Applies operations strictly by RFC 6902; the API server is more lenient.
pub fn apply(document: &Value, operations: &[Value]) -> Value {
    let patch: Patch = serde_json::from_value(Value::Array(operations.to_vec())).expect("a patch");
    let mut document = document.clone();
    json_patch::patch(&mut document, &patch).expect("a patch that applies");
    document
}

/// The whole admission chain: the webhook, then `later`, then the plugin and the webhook again.
pub fn chain(pod: &Value, namespace: &NamespaceSettings, later: impl Fn(&mut Value)) -> Admission {
    let mut between = decide(pod, namespace).pod;
    later(&mut between);
    let again = after_plugin_of(between, &ServiceAccount::default(), SUFFIXES[1]);
    decide(&again, namespace)
}

/// Asserts that neither the plugin's second run nor the webhook changes an admitted Pod.
pub fn assert_settled(pod: &Value, namespace: &NamespaceSettings, account: &ServiceAccount) {
    let again = after_plugin_of(pod.clone(), account, SUFFIXES[1]);
    let second = decide(&again, namespace);
    let third = decide(&second.pod, namespace);
    assert_eq!(as_stored(&second.pod), as_stored(pod), "the second run changes the Pod");
    assert_eq!(third.operations, Vec::<Value>::new(), "the third run changes the Pod");
}

/// A Pod as the API server stores it, without the fields that only the plugin sets.
pub fn as_stored(pod: &Value) -> Value {
    let mut pod = pod.clone();
    plugin::round_trip(&mut pod);
    if let Some(spec) = pod["spec"].as_object_mut() {
        spec.remove("serviceAccount");
        spec.remove("serviceAccountName");
        spec.remove("imagePullSecrets");
    }
    pod
}

/// The lists of containers that a Pod can have when it is created.
pub const LISTS: [&str; 2] = ["initContainers", "containers"];

pub fn containers(pod: &Value) -> Vec<&Value> {
    LISTS.iter().filter_map(|list| pod["spec"][*list].as_array()).flatten().collect()
}

pub fn container<'p>(pod: &'p Value, name: &str) -> &'p Value {
    containers(pod).into_iter().find(|container| container["name"] == name).expect("a container")
}

pub fn volumes(pod: &Value) -> Vec<&Value> {
    pod["spec"]["volumes"].as_array().into_iter().flatten().collect()
}

pub fn volume<'p>(pod: &'p Value, name: &str) -> Option<&'p Value> {
    volumes(pod).into_iter().find(|volume| volume["name"] == name)
}

pub fn names(list: &[&Value]) -> Vec<String> {
    list.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}

pub fn mounts(container: &Value) -> Vec<(&str, &str)> {
    let text = |mount: &'_ Value, field: &str| mount[field].as_str().map(str::len);
    let list = container["volumeMounts"].as_array().into_iter().flatten();
    list.filter(|mount| text(mount, "name").is_some())
        .map(|mount| (mount["name"].as_str().unwrap(), mount["mountPath"].as_str().unwrap_or_default()))
        .collect()
}

/// Every `serviceAccountToken` source with the name of its volume.
pub fn tokens(pod: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for volume in volumes(pod) {
        for source in volume["projected"]["sources"].as_array().into_iter().flatten() {
            if !source["serviceAccountToken"].is_null() {
                let name = volume["name"].as_str().unwrap_or_default().to_owned();
                found.push((name, source["serviceAccountToken"].clone()));
            }
        }
    }
    found
}

/// Whether the audience of a source is empty or a default name of the API server.
pub fn is_for_api(token: &Value) -> bool {
    matches!(
        token["audience"].as_str().unwrap_or_default(),
        "" | "https://kubernetes.default.svc" | "https://kubernetes.default.svc.cluster.local"
    )
}

/// Whether the API server would issue a token of a year for this source if the audience were its own.
pub fn is_year_long(token: &Value) -> bool {
    token["expirationSeconds"] == 3607
}
