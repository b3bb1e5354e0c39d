//! `preview` predicts the Pods that the API server stores, its refusals and its warnings.

pub(crate) mod audited;
mod cases;
mod generated;
mod prediction;
mod shapes;
mod spec;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::control_plane::ControlPlane;
use crate::support::control_plane::api::ApiResponse;
use crate::support::guard::guard;
use crate::support::test_install::TestInstall;

use self::cases::{Case, namespace_of, template};
use self::prediction::{Prediction, is_ours, is_pod_refused};
use self::spec::comparable;

/// Every manifest in the test data.
pub(crate) async fn manifests(plane: Arc<ControlPlane>) {
    let cases = cases::manifests("predict-manifests");
    let tally = check(&plane, "predict-manifests", &cases).await;
    assert!(tally.stored >= 8 && tally.denied >= 3 && tally.beside() == 0, "{tally:?}");
}

/// Every captured Pod, as captured and before the plugin, under the settings of the golden tests.
pub(crate) async fn reviews(plane: Arc<ControlPlane>) {
    let cases = cases::reviews("predict-reviews");
    let tally = check(&plane, "predict-reviews", &cases).await;
    assert!(tally.stored >= 150 && tally.denied == 8 && tally.beside() == 0, "{tally:?}");
}

/// Pods of many shapes.
pub(crate) async fn pods_of_many_shapes(plane: Arc<ControlPlane>) {
    let cases = shapes::cases("predict-shapes");
    let tally = check(&plane, "predict-shapes", &cases).await;
    assert!(tally.stored >= 30 && tally.beside() <= 1, "{tally:?}");
}

/// Generated Pods under generated settings.
pub(crate) async fn generated_pods(plane: Arc<ControlPlane>) {
    let cases = generated::cases("predict-generated", 40, 8);
    let tally = check(&plane, "predict-generated", &cases).await;
    assert!(tally.stored >= 120 && tally.denied >= 50 && tally.beside() <= 16, "{tally:?}");
}

/// The number of Pods by outcome.
#[derive(Debug, Default)]
struct Tally {
    /// Pods stored as predicted.
    stored: usize,
    /// Pods stored, though `preview` prints none because their Namespace would be refused.
    allowed: usize,
    denied: usize,
    /// Pods that the API server refuses with and without the webhook.
    invalid: usize,
}

impl Tally {
    /// The number of Pods that were not compared.
    fn beside(&self) -> usize {
        self.allowed + self.invalid
    }
}

/// Compares every case, in a Namespace of its own or one that it shares.
async fn check(plane: &Arc<ControlPlane>, name: &str, cases: &[Case]) -> Tally {
    let install = start(plane, name, &cases.iter().collect::<Vec<_>>()).await;
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for case in cases {
        match compare(&install, case).await {
            Ok(Outcome::Stored) => tally.stored += 1,
            Ok(Outcome::Allowed) => tally.allowed += 1,
            Ok(Outcome::Denied) => tally.denied += 1,
            Ok(Outcome::Invalid) => tally.invalid += 1,
            Err(difference) => failures.push(format!("{difference}\n{}", case.workload)),
        }
    }
    let shown = failures.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{} of {} cases:\n{shown}", failures.len(), cases.len());
    tally
}

/// Creates the Namespaces, each with a twin that has not opted in, and the service accounts of both.
async fn start(plane: &Arc<ControlPlane>, name: &str, cases: &[&Case]) -> TestInstall {
    let mut known = BTreeSet::from(["kube-system".to_owned()]);
    let mut namespaces =
        vec![crate::support::test_install::namespace_of(name, &format!("{name}-probe"), &[])];
    for namespace in cases.iter().map(|case| &case.namespace) {
        if known.insert(namespace_of(namespace)) {
            namespaces.push(acceptable(plane, name, namespace).await);
        }
    }
    let install = TestInstall::of("pods.boundtoken.dev", plane, name, namespaces).await;
    for namespace in &known {
        let twin = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": twin(namespace)}});
        // Another test may have created the twin of kube-system.
        let _ = install.create(&twin).await;
        plane.wait_for_service_account(&self::twin(namespace)).await;
    }
    let mut created = BTreeSet::new();
    for account in cases.iter().flat_map(|case| &case.accounts) {
        if created.insert(account.to_string()) {
            install.create(account).await.unwrap();
            install
                .create(&moved(account, &twin(account["metadata"]["namespace"].as_str().unwrap())))
                .await
                .unwrap();
        }
    }
    // The guard refuses no Pod that the webhook admits.
    guard(plane, name).await;
    install
}

/// A Namespace that the API server accepts: like `preview`, it refuses annotations that are not strings.
async fn acceptable(plane: &ControlPlane, install: &str, namespace: &Value) -> Value {
    let mut namespace = namespace.clone();
    namespace["metadata"]["labels"]["install"] = install.into();
    let answer = plane.api.post("/api/v1/namespaces?dryRun=All", &namespace).await;
    if answer.code == 400 {
        assert!(!Prediction::of(&[&namespace]).refusals.is_empty(), "{}", answer.message());
        namespace["metadata"].as_object_mut().unwrap().remove("annotations");
    }
    namespace
}

enum Outcome {
    Stored,
    Allowed,
    Denied,
    Invalid,
}

/// Compares the prediction for one workload with the behaviour of the API server.
async fn compare(install: &TestInstall, case: &Case) -> Result<Outcome, String> {
    let prediction = Prediction::of(&case.objects());
    let pod = case.pod();
    let is_pod = template(&case.workload).is_empty();
    let answer =
        if is_pod { post(install, &pod, "").await } else { post(install, &pod, "&dryRun=All").await };
    let is_denial = answer.message().contains("denied the request");
    if answer.code >= 300 && !is_denial {
        return agree_on_refusal(install, &pod, &prediction, &answer).await;
    }
    let of_namespace = Prediction::of(&[&case.namespace]);
    same("warnings", &prediction.warnings, &of_namespace.warnings, &ours(&answer))?;
    same("refusals", &prediction.refusals, &of_namespace.refusals, &causes(&answer))?;
    if is_denial {
        let reason = answer.body["reason"].as_str().unwrap_or_default();
        let is_known = matches!((answer.code, reason), (422, "Invalid") | (403, "Forbidden"));
        return is_known.then_some(Outcome::Denied).ok_or_else(|| format!("{} {reason}", answer.code));
    }
    if !of_namespace.refusals.is_empty() {
        // `preview` prints no Pods for a Namespace that it refuses. This one was created before the webhook.
        let is_refused = is_pod_refused(&case.objects());
        return if is_refused { Err("stored, not refused".to_owned()) } else { Ok(Outcome::Allowed) };
    }
    let expected = expected(install, case, &prediction).await?;
    let kind = case.workload["kind"].as_str().unwrap();
    let stored = if is_pod { vec![answer.body] } else { pods_of(install, case).await };
    for pod in stored {
        let expected = comparable(kind, &expected["metadata"], &expected["spec"]);
        let stored = comparable(kind, &pod["metadata"], &pod["spec"]);
        if expected != stored {
            return Err(format!("predicted {expected:#}\nstored {stored:#}"));
        }
    }
    Ok(Outcome::Stored)
}

/// The API server refused without a message of ours: it also does so without the webhook, or `preview`
/// refuses too.
async fn agree_on_refusal(
    install: &TestInstall,
    pod: &Value,
    prediction: &Prediction,
    answer: &ApiResponse,
) -> Result<Outcome, String> {
    if answer.code == 400 && prediction.is_refused() {
        return Ok(Outcome::Denied);
    }
    let without =
        post(install, &moved(pod, &twin(pod["metadata"]["namespace"].as_str().unwrap())), "&dryRun=All")
            .await;
    if without.code == answer.code {
        return Ok(Outcome::Invalid);
    }
    Err(format!("with the webhook {} {}, without it {}", answer.code, answer.message(), without.code))
}

/// The predicted labels, annotations and spec, with the API's defaults.
async fn expected(install: &TestInstall, case: &Case, prediction: &Prediction) -> Result<Value, String> {
    let written = case.pod();
    let predicted = prediction.pod(case).ok_or("no prediction")?;
    let namespace = written["metadata"]["namespace"].as_str().unwrap();
    if predicted["spec"] == written["spec"] {
        // The webhook changes nothing here, so the Pod is compared with its twin.
        let plain = post(install, &moved(&written, &twin(namespace)), "&dryRun=All").await;
        return plain.ok();
    }
    // A `PodTemplate` gets the defaults, but neither the plugin nor the webhook handles it.
    let template = json!({
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"generateName": "predicted-", "namespace": namespace},
        "template": {"metadata": predicted["metadata"], "spec": predicted["spec"]},
    });
    let defaulted = post(install, &template, "&dryRun=All").await.ok();
    defaulted.map(|mut defaulted| defaulted["template"].take())
}

/// Creates the owner and waits for its Pods.
async fn pods_of(install: &TestInstall, case: &Case) -> Vec<Value> {
    let owner = install.create(&case.workload).await.unwrap();
    let namespace = owner["metadata"]["namespace"].as_str().unwrap();
    let name = owner["metadata"]["name"].as_str().unwrap();
    if owner["kind"] == "CronJob" {
        install.run_now(namespace, name).await;
    }
    install.pods_of(namespace, name, 1).await
}

/// Creates an object, without warnings about unknown fields.
async fn post(install: &TestInstall, object: &Value, more: &str) -> ApiResponse {
    let path = crate::support::control_plane::api::collection(object);
    install.plane.api.post(&format!("{path}?fieldValidation=Ignore{more}"), object).await
}

/// The warnings of the webhook.
fn ours(answer: &ApiResponse) -> BTreeSet<String> {
    answer.warnings.iter().filter(|text| is_ours(text)).cloned().collect()
}

/// The causes of a refusal, in the format of `preview`.
fn causes(answer: &ApiResponse) -> BTreeSet<String> {
    let causes = answer.body["details"]["causes"].as_array().into_iter().flatten();
    causes
        .map(|cause| {
            let (field, message) = (cause["field"].as_str().unwrap(), cause["message"].as_str().unwrap());
            let key = field.strip_prefix("metadata.annotations[").and_then(|rest| rest.strip_suffix(']'));
            format!("{}: {message}", key.unwrap_or(field))
        })
        .collect()
}

/// Compares texts. `preview` may report more about the Namespace than the webhook does for a Pod.
fn same(
    what: &str,
    predicted: &BTreeSet<String>,
    of_namespace: &BTreeSet<String>,
    seen: &BTreeSet<String>,
) -> Result<(), String> {
    let missing: Vec<_> = seen.difference(predicted).collect();
    let invented: Vec<_> = predicted.difference(seen).filter(|text| !of_namespace.contains(*text)).collect();
    if missing.is_empty() && invented.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{what} without a prediction: {missing:#?}; predictions that did not come true: {invented:#?}"
    ))
}

/// The name of the twin of a Namespace, which has not opted in.
fn twin(namespace: &str) -> String {
    format!("{namespace}-plain")
}

/// The same object in another Namespace.
fn moved(object: &Value, namespace: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = namespace.into();
    object
}
