//! Two thousand concurrent Pods, in twenty Namespaces with different settings.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::pods::{DEFAULT, held, owner_of};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::guard::guard;
use crate::support::test_install::{Settings, TestInstall, annotations};

const NAMESPACES: u64 = 20;
const REPLICAS: usize = 60;
const PARALLELISM: usize = 40;
const WEBHOOK: &str = "load.boundtoken.dev";

/// A Namespace, the tokens of its Pods, and a setting for which one of its Deployments is refused.
struct Case {
    name: String,
    settings: Vec<(&'static str, String)>,
    held: BTreeSet<String>,
    refused: (&'static str, &'static str),
    /// A part of the message of that Deployment.
    words: &'static str,
}

impl Case {
    /// Cycles through the modes, and through violations (422) and guardrails (403). Each Namespace has
    /// settings of its own.
    fn new(number: u64) -> Self {
        let (ttl, audience) = (format!("{}", 600 + 60 * number), format!("audience-{number}"));
        let path = format!("/run/tokens/{number}");
        let (mode, held) = match number % 4 {
            0 => ("disable", vec![]),
            1 => ("add", vec![format!("{DEFAULT}/token - 3600"), format!("{path} {audience} {ttl}")]),
            _ => ("replace", vec![format!("{DEFAULT}/token {audience} {ttl}")]),
        };
        let mut settings = vec![("mode", mode.to_owned())];
        if mode != "disable" {
            settings.extend([("ttl", ttl), ("audience", audience)]);
        }
        if mode == "add" {
            settings.push(("path", path));
        }
        let (refused, words) = if number.is_multiple_of(3) {
            settings.push(("pod-overrides", "deny".to_owned()));
            (("mode", "off"), "(BT030)")
        } else {
            (("ttl", "a while"), "boundtoken.dev/ttl")
        };
        Self { name: format!("load-{number}"), settings, held: held.into_iter().collect(), refused, words }
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(key, value)| (*key, value.as_str())).collect()
    }
}

/// Every Pod has the settings of its own Namespace, none is missing, and no refused Pod is stored.
pub(crate) async fn two_thousand_pods(plane: Arc<ControlPlane>) {
    let cases: Vec<Case> = (0..NAMESPACES).map(Case::new).collect();
    let settings: Vec<_> = cases.iter().map(Case::settings).collect();
    let namespaces: Vec<(&str, Settings<'_>)> = cases
        .iter()
        .zip(&settings)
        .map(|(case, settings)| (case.name.as_str(), settings.as_slice()))
        .collect();
    let install = TestInstall::start_as(WEBHOOK, &plane, "load", &namespaces).await;
    guard(&plane, "load").await;

    let mut creates = JoinSet::new();
    for owner in cases.iter().flat_map(owners) {
        let plane = Arc::clone(&plane);
        creates.spawn(async move { plane.api.create(&owner).await.unwrap() });
    }
    creates.join_all().await;
    for case in &cases {
        let namespace = &case.name;
        for (app, count) in [("deployment", REPLICAS), ("job", PARALLELISM)] {
            let pods = install.pods_of(namespace, app, count).await;
            assert_eq!(pods.len(), count, "{app} in {namespace}");
            for pod in pods {
                assert_eq!(held(&pod).remove("app").as_ref(), Some(&case.held), "{app} in {namespace}");
            }
        }
        wait_until_refused(&plane, case).await;
        assert_eq!(install.pods_of(namespace, "refused", 0).await, [Value::Null; 0], "{namespace}");
    }
    assert_no_call_failed(&plane).await;
}

fn owners(case: &Case) -> [Value; 3] {
    let spec = json!({"containers": [{"name": "app", "image": "busybox"}]});
    let owner = |kind, app, settings| owner_of(kind, &case.name, app, &annotations(settings), &spec);
    let mut deployment = owner("Deployment", "deployment", &[]);
    deployment["spec"]["replicas"] = REPLICAS.into();
    let mut job = owner("Job", "job", &[]);
    job["spec"]["parallelism"] = PARALLELISM.into();
    job["spec"]["completions"] = PARALLELISM.into();
    let mut refused = owner("Deployment", "refused", &[case.refused]);
    refused["spec"]["replicas"] = 5.into();
    [deployment, job, refused]
}

/// Waits until the Deployment reports that its Pods are refused.
async fn wait_until_refused(plane: &ControlPlane, case: &Case) {
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/refused", case.name);
    eventually("a refused Deployment", async || {
        let deployment = plane.api.get(&path).await.unwrap();
        let conditions = deployment["status"]["conditions"].as_array().into_iter().flatten();
        let mut failures = conditions.filter(|condition| condition["type"] == "ReplicaFailure");
        let is_reported = failures.any(|failure| failure["message"].as_str().unwrap().contains(case.words));
        is_reported.then_some(()).ok_or(deployment)
    })
    .await;
}

/// Asserts with the metrics of the API server that Pods were admitted and refused, but no call failed.
async fn assert_no_call_failed(plane: &ControlPlane) {
    let metrics = plane.api.text("/metrics").await;
    let ours = |metric: &str| -> Vec<&str> {
        let lines = metrics.lines().filter(|line| line.starts_with(metric));
        lines.filter(|line| line.contains(&format!("name=\"{WEBHOOK}\""))).collect()
    };
    // A refusal is counted with the code of our response, a failed call with another one.
    let requests = ours("apiserver_admission_webhook_request_total{");
    let answers: BTreeSet<_> =
        requests.iter().map(|line| (label(line, "code"), label(line, "rejected"))).collect();
    assert_eq!(answers, [("200", "false"), ("403", "true"), ("422", "true")].into(), "{requests:#?}");
    let rejections = ours("apiserver_admission_webhook_rejection_count{");
    assert!(!rejections.is_empty(), "the refused Pods are counted");
    assert!(rejections.iter().all(|line| label(line, "error_type") == "no_error"), "{rejections:#?}");
    // Counts only under `failurePolicy: Ignore`, so it proves that the shipped policy is another one.
    assert_eq!(ours("apiserver_admission_webhook_fail_open_count"), [""; 0]);
}

/// The value of a label.
fn label<'l>(line: &'l str, name: &str) -> &'l str {
    let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap_or_default();
    rest.split('"').next().unwrap_or_default()
}
