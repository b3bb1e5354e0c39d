//! `audit` predicts the tokens of the Pods that the API server stores after the webhook.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::cases::{self, Case};
use super::{post, start};
use crate::audit::{audit, tokens};
use crate::pods::list;
use crate::support::control_plane::ControlPlane;
use crate::support::test_install::TestInstall;

/// Every manifest in the test data.
pub(crate) async fn manifests(plane: Arc<ControlPlane>) {
    let cases = cases::manifests("audit-manifests");
    let [compared, denied] = check(&plane, "audit-manifests", &cases).await;
    assert!(compared >= 8 && denied >= 2, "{compared} compared, {denied} denied");
}

/// Every captured Pod under the settings of the golden tests.
pub(crate) async fn reviews(plane: Arc<ControlPlane>) {
    let cases = cases::reviews("audit-reviews");
    let [compared, denied] = check(&plane, "audit-reviews", &cases).await;
    assert!(compared >= 150 && denied >= 8, "{compared} compared, {denied} denied");
}

/// A template without Pods, and the Pod that was stored from it, unless it was refused.
struct Pair {
    namespace: String,
    template: String,
    pod: Option<String>,
}

/// Compares every case. Returns the numbers of Pods that were stored, and that the webhook refused.
async fn check(plane: &Arc<ControlPlane>, name: &str, cases: &[Case]) -> [usize; 2] {
    // The webhook is not called in kube-system, and other tests have workloads there.
    let cases: Vec<&Case> = cases.iter().filter(|case| of(case) != "kube-system").collect();
    let install = start(plane, name, &cases).await;
    let mut pairs = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        pairs.extend(pair(&install, case, index).await);
    }
    let namespaces: BTreeSet<&str> = pairs.iter().map(|pair| pair.namespace.as_str()).collect();
    let namespaces = namespaces.into_iter().collect::<Vec<_>>().join(",");
    let document = audit(&plane.kubeconfig(), &["-n", &namespaces]);
    let failures: Vec<String> = pairs.iter().filter_map(|pair| difference(&document, pair)).collect();
    let shown = failures.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{} of {} cases:\n{shown}", failures.len(), pairs.len());
    let stored = pairs.iter().filter(|pair| pair.pod.is_some()).count();
    [stored, pairs.len() - stored]
}

fn of(case: &Case) -> String {
    case.workload["metadata"]["namespace"].as_str().unwrap().to_owned()
}

/// Creates a template without Pods and a Pod; `None` if the API server refuses either without the webhook.
async fn pair(install: &TestInstall, case: &Case, index: usize) -> Option<Pair> {
    let mut pod = case.pod();
    let (namespace, template, name) = (of(case), format!("template-{index}"), format!("pod-{index}"));
    if post(install, &idle(&pod, &template), "").await.code >= 300 {
        return None;
    }
    let metadata = pod["metadata"].as_object_mut().unwrap();
    metadata.remove("generateName");
    metadata.insert("name".to_owned(), name.as_str().into());
    let answer = post(install, &pod, "").await;
    let is_denial = answer.message().contains("denied the request");
    match answer.code {
        201 => Some(Pair { namespace, template, pod: Some(name) }),
        _ if is_denial => Some(Pair { namespace, template, pod: None }),
        _ => None,
    }
}

/// An owner with this Pod as its template, which creates no Pod.
fn idle(pod: &Value, name: &str) -> Value {
    let metadata = &pod["metadata"];
    let mut template = json!({"metadata": {"annotations": metadata["annotations"], "labels": {"idle": name}},
        "spec": pod["spec"]});
    let namespace = &metadata["namespace"];
    let is_permanent = template["spec"]["restartPolicy"].as_str().is_none_or(|policy| policy == "Always");
    if is_permanent {
        let selector = json!({"matchLabels": {"idle": name}});
        return json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 0, "selector": selector, "template": template}});
    }
    template["metadata"]["labels"] = Value::Null;
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name, "namespace": namespace},
        "spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {"template": template}}}})
}

/// The difference between a prediction and the Pod.
fn difference(document: &Value, pair: &Pair) -> Option<String> {
    let of = |name: &str| {
        let mut workloads = list(&document["workloads"]);
        workloads.find(|row| row["namespace"] == *pair.namespace && row["name"] == name)
    };
    let template = of(&pair.template)?;
    let Some(pod) = &pair.pod else {
        let is_refused = template["verdict"] == "fix-first" && template["reasons"][0]["code"] == "BT107";
        let is_empty = template["verdict"] == "nothing";
        return (!is_refused && !is_empty).then(|| format!("refused, but {template:#}"));
    };
    let pod = of(pod).unwrap();
    let held = |row: &Value| tokens(&json!({"workloads": [row]}), row["name"].as_str().unwrap());
    // Where `dry-run` is set, the webhook changes neither.
    let is_settled = pod["verdict"] == "done" || pod["verdict"] == template["verdict"];
    (held(template) != held(pod) || !is_settled || pod["mode"] != template["mode"])
        .then(|| format!("predicted {template:#}\nstored {pod:#}"))
}
