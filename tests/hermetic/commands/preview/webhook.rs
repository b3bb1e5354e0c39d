//! `preview` reports what the webhook answers to the API server: the same patches, warnings and refusals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boundtoken::namespaces::Namespaces;
use boundtoken::pod::plugin::ServiceAccount;
use boundtoken::policy::NamespaceSettings;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_rustls::client::TlsStream;

use crate::commands::command_line::run;
use crate::support::http::HttpClient;
use crate::support::pods::{after_plugin_of, apply, operations};
use crate::support::previews::as_kubectl_shows;
use crate::support::reviews::{CREATIONS, captured_pod, review};
use crate::support::server::start;

/// Settings of Namespaces, right and wrong.
const SETTINGS: [&[(&str, &str)]; 12] = [
    &[],
    &[("audience", "vault"), ("ttl", "2h"), ("env", "TOKEN_FILE")],
    &[("path", "/var/run/secrets/api/api-token"), ("ttl", "30m")],
    &[("containers", "app,setup")],
    &[("skip-containers", "mesh"), ("mod", "add")],
    &[("mode", "disable"), ("audience", "vault")],
    &[("mode", "add"), ("audience", "vault"), ("env", "VAULT_TOKEN_FILE")],
    &[("mode", "off")],
    &[("mode", "disable"), ("tokens", "[{audience: vault, path: /var/run/secrets/vault/token}]")],
    &[("max-ttl", "30m"), ("allowed-audiences", "vault"), ("pod-overrides", "deny")],
    &[("dry-run", "true"), ("max-ttl", "30m"), ("mode", "add")],
    &[("mode", "replce"), ("ttl", "5m"), ("tokens", "[{path: x}]")],
];

/// Patches, refusals and warnings.
type Answers = (Vec<Vec<Value>>, BTreeSet<String>, BTreeSet<String>);

#[tokio::test]
async fn preview_reports_the_answers_of_the_webhook() {
    let names: Vec<String> = (0..SETTINGS.len()).map(|index| format!("shop-{index}")).collect();
    let settings = names.iter().zip(SETTINGS).map(|(name, pairs)| {
        let annotations: Vec<_> = pairs.iter().map(|(key, value)| (key_of(key), *value)).collect();
        let annotations = annotations.iter().map(|(key, value)| (key.as_str(), *value));
        (name.as_str().into(), Arc::new(NamespaceSettings::parse(name, annotations, &Arc::default())))
    });
    let server = start(Arc::new(Namespaces::new(settings.collect())), 512);
    let mut client = server.connect().await;
    let mut compared = 0;
    for (name, pairs) in names.iter().zip(SETTINGS) {
        let namespace = namespace(name, pairs);
        let pods = CREATIONS.map(|review| pod(name, review));
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": false,
            "metadata": {"name": account_of(&pods[4]), "namespace": name}});
        let mut predicted = preview([&namespace, &account].into_iter().chain(&pods));
        let of_namespace = validate(&mut client, &namespace).await;
        assert_eq!(predicted.remove(&1).unwrap_or_default(), of_namespace, "{pairs:?}");
        for (line, (review, pod)) in (3..).zip(CREATIONS.iter().zip(pods)) {
            let automount = (*review == "pod-sa-no-automount").then_some(false);
            let account = ServiceAccount { automount, ..ServiceAccount::default() };
            let (patches, mut refusals, mut warnings) = admit(&mut client, pod, &account).await;
            // What the Namespace is reported for is not repeated.
            refusals.retain(|text| !of_namespace.1.contains(text));
            warnings.retain(|text| !of_namespace.2.contains(text));
            let predicted = predicted.remove(&line).unwrap_or_default();
            assert_eq!(predicted, (patches, refusals, warnings), "{review} under {pairs:?}");
            compared += 1;
        }
        assert_eq!(predicted, BTreeMap::new());
    }
    assert_eq!(compared, 120);
}

fn key_of(key: &str) -> String {
    format!("boundtoken.dev/{key}")
}

fn namespace(name: &str, pairs: &[(&str, &str)]) -> Value {
    let annotations: BTreeMap<_, _> = pairs.iter().map(|(key, value)| (key_of(key), *value)).collect();
    let labels = json!({"boundtoken.dev/webhook": "enabled"});
    let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

fn pod(namespace: &str, review: &str) -> Value {
    let mut pod = captured_pod(review);
    pod["metadata"]["namespace"] = namespace.into();
    pod
}

fn account_of(pod: &Value) -> &str {
    pod["spec"]["serviceAccountName"].as_str().unwrap()
}

/// What `preview` reports about each line of a file with one object per line.
fn preview<'o>(objects: impl Iterator<Item = &'o Value>) -> BTreeMap<usize, Answers> {
    let lines: Vec<String> = objects.map(Value::to_string).collect();
    let printed = run("preview -o patch -f -", &lines.join("\n"));
    let mut patches = serde_json::Deserializer::from_str(&printed.out).into_iter::<Vec<Value>>();
    let mut answers: BTreeMap<usize, Answers> = BTreeMap::new();
    for line in printed.err.lines().filter(|line| !line.starts_with("note: ")) {
        let (before, rest) = line.split_once("stdin:").unwrap();
        let (number, text) = rest.split_once([':', ',']).unwrap_or((rest, ""));
        let (new_patches, refusals, warnings) = answers.entry(number.parse().unwrap()).or_default();
        if !before.is_empty() {
            new_patches.push(patches.next().unwrap().unwrap());
        } else if let Some(text) = text.strip_prefix(" refused: ") {
            refusals.insert(text.to_owned());
        } else {
            warnings.insert(as_kubectl_shows(text.strip_prefix(" warning: ").unwrap()));
        }
    }
    assert!(patches.next().is_none(), "{}", printed.err);
    answers
}

type Client = HttpClient<TlsStream<DuplexStream>>;

/// Validates a Namespace as the API server does.
async fn validate(client: &mut Client, namespace: &Value) -> Answers {
    let mut review = review(namespace);
    review["request"]["resource"]["resource"] = "namespaces".into();
    let (_, refusals, warnings) = post(client, "/validate", &review).await;
    (Vec::new(), refusals, warnings)
}

/// Admits a Pod as the API server does: the plugin, then the webhook, and both again after a change.
async fn admit(client: &mut Client, pod: Value, account: &ServiceAccount) -> Answers {
    let (mut patches, mut refusals, mut warnings) = Answers::default();
    let mut pod = pod;
    for suffix in ["xxxxx", "zzzzz"] {
        pod = after_plugin_of(pod, account, suffix);
        let (patch, new_refusals, new_warnings) = post(client, "/mutate", &review(&pod)).await;
        refusals.extend(new_refusals);
        warnings.extend(new_warnings);
        if patch.is_empty() {
            break;
        }
        pod = apply(&pod, &patch);
        patches.push(patch);
    }
    (patches, refusals, warnings)
}

/// Sends a review; returns the patch, the refusals as `preview` writes them, and the warnings.
async fn post(
    client: &mut Client,
    path: &str,
    review: &Value,
) -> (Vec<Value>, BTreeSet<String>, BTreeSet<String>) {
    let answer = client.post(path, "application/json", review.to_string()).await;
    let response = serde_json::from_str::<Value>(&answer.body).unwrap()["response"].take();
    let causes = response["status"]["details"]["causes"].as_array().into_iter().flatten().map(|cause| {
        let (field, message) = (cause["field"].as_str().unwrap(), cause["message"].as_str().unwrap());
        let key = field.strip_prefix("metadata.annotations[").and_then(|rest| rest.strip_suffix(']'));
        format!("{}: {message}", key.unwrap_or(field))
    });
    let warnings = response["warnings"].as_array().into_iter().flatten();
    let warnings = warnings.map(|warning| warning.as_str().unwrap().to_owned()).collect();
    (operations(&response), causes.collect(), warnings)
}
