//! The Helm chart: it renders to the manifests, and an API server accepts what it renders.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::Value;

use crate::manifests::{ROOT, install_namespace, kubectl};
use crate::support::control_plane::{ControlPlane, programs};

/// Values, and the kustomizations that do the same.
const TWINS: [(&[&str], &[&str]); 10] = [
    (&[], &["manifests"]),
    (&["hostNetwork=true"], &["manifests/hostnetwork"]),
    (&["certificates.mode=cert-manager"], &["manifests/cert-manager"]),
    (&["certificates.mode=static"], &["manifests/static-tls"]),
    (&["clientCA.configMapName=boundtoken-client-ca"], &["manifests/client-ca"]),
    (&["guard.enabled=true"], &["manifests", "manifests/guard"]),
    (&["guard.enabled=true", "guard.audit=true"], &["manifests", "manifests/guard-audit"]),
    (&["guard.namespaces=true"], &["manifests", "manifests/guard-namespaces"]),
    (&["monitoring.enabled=true"], &["manifests", "manifests/monitoring"]),
    (
        &["guard.enabled=true", "guard.namespaces=true", "monitoring.enabled=true"],
        &["manifests", "manifests/guard", "manifests/guard-namespaces", "manifests/monitoring"],
    ),
];

/// Values of which each is set, for an API server that knows the kinds of neither cert-manager nor Prometheus.
const EVERYTHING: &str = r#"
image: {repository: registry.example/boundtoken, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000", pullPolicy: IfNotPresent}
imagePullSecrets: [{name: registry}]
replicaCount: 3
defaults: {mode: add, audience: vault, ttl: 2h, apiAudiences: https://example}
certificates: {mode: static, secretName: tls, caBundle: CA_BUNDLE}
clientCA: {configMapName: client-ca}
webhook:
  port: 8443
  failurePolicy: Ignore
  timeoutSeconds: 3
  annotations: {example.com/owner: security}
  namespaceExpressions: [{key: example.com/tier, operator: Exists}]
  objectSelector: {matchLabels: {example.com/tokens: bounded}}
  matchConditions: [{name: no-batch, expression: "!has(object.metadata.labels) || !('batch' in object.metadata.labels)"}]
log: {level: "info,boundtoken::server=trace", format: text}
extraEnv: [{name: BOUNDTOKEN_MAX_CONNECTIONS, value: "1024"}]
commonLabels: {example.com/team: security}
podLabels: {example.com/pod: "1"}
podAnnotations: {example.com/note: "yes"}
serviceAccount: {annotations: {example.com/note: "yes"}}
resources: {limits: {memory: 512Mi}}
priorityClassName: system-node-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: Exists}]}]}}}
topologySpreadConstraints: []
podDisruptionBudget: {minAvailable: 50%}
networkPolicy: {apiServerPorts: [6443]}
guard: {enabled: true, audit: true, namespaces: true}
"#;

/// What the manifests say, the chart says.
pub(crate) async fn it_equals_the_manifests(plane: Arc<ControlPlane>) {
    for (values, kustomizations) in TWINS {
        let set: Vec<_> = values.iter().map(|value| format!("--set={value}")).collect();
        let Some(output) = template("boundtoken", &set) else { return };
        let mut chart = objects(&text(&output));
        let mut manifests = BTreeMap::new();
        for kustomization in kustomizations {
            let rendered = kubectl(&plane, &["kustomize", &format!("{ROOT}/{kustomization}")]);
            manifests.extend(objects(&rendered));
        }
        // Helm creates the Namespace of a release, so a chart cannot contain it.
        manifests.retain(|(kind, ..), _| kind != "Namespace");
        for (key, object) in manifests {
            assert_eq!(chart.remove(&key), Some(object), "{values:?}: {key:?}");
        }
        assert!(chart.is_empty(), "{values:?}: {:?}", chart.keys());
    }
}

/// An API server accepts the objects for every value, and for another namespace.
pub(crate) async fn every_field_is_known(plane: Arc<ControlPlane>) {
    let _alone = install_namespace(&plane).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("values.yaml");
    // Any PEM text: the API server parses it.
    let bundle = kubectl(&plane, &["config", "view", "--raw", "-o", CA_DATA]);
    std::fs::write(&file, EVERYTHING.replace("CA_BUNDLE", &bundle)).unwrap();
    for arguments in
        [vec![], vec!["--set=hostNetwork=true".to_owned()], vec![format!("--values={}", file.display())]]
    {
        let Some(output) = template("default", &arguments) else { return };
        let rendered = text(&output);
        let output = plane.kubectl(&["apply", "--dry-run=server", "--validate=strict", "-f", "-"], &rendered);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(!rendered.contains("namespace: boundtoken"), "{rendered}");
    }
}

/// The CA certificate of the API server in a kubeconfig, in base64.
const CA_DATA: &str = "jsonpath={.clusters[0].cluster.certificate-authority-data}";

/// A value that does not exist, or is none of those allowed, is refused by its name.
pub(crate) async fn unknown_values_are_refused(_plane: Arc<ControlPlane>) {
    let mistakes = [
        ("replicas=3", "replicas"),
        ("image.name=x", "name"),
        ("webhook.failurePolicy=Ignored", "failurePolicy"),
        ("webhook.timeoutSeconds=31", "timeoutSeconds"),
        ("certificates.mode=acme", "mode"),
        ("image.digest=sha256:1", "digest"),
        ("defaults.mode=disabled", "mode"),
        ("replicaCount=0", "replicaCount"),
    ];
    for (value, name) in mistakes {
        let Some(output) = template("boundtoken", &[format!("--set={value}")]) else { return };
        assert!(!output.status.success(), "{value}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("values don't meet the specifications of the schema"), "{stderr}");
        assert!(stderr.contains(name), "{stderr}");
    }
}

/// Values that exclude each other, and what says so.
const CONTRADICTIONS: [(&[&str], &str); 4] = [
    (&["guard.audit=true"], "guard.audit needs guard.enabled"),
    (
        &["hostNetwork=true", "monitoring.enabled=true"],
        "monitoring.enabled and hostNetwork exclude each other",
    ),
    (
        &["guard.enabled=true", "webhook.objectSelector.matchLabels.a=b"],
        "guard.enabled without guard.audit refuses the Pods that webhook.namespaceExpressions",
    ),
    (
        &["podDisruptionBudget.minAvailable=2"],
        "podDisruptionBudget.minAvailable must be less than replicaCount",
    ),
];

/// Values that exclude each other are refused, and the policy for Prometheus is not installed alone.
pub(crate) async fn values_that_depend_on_others(_plane: Arc<ControlPlane>) {
    let set = |values: &[&str]| values.iter().map(|value| format!("--set={value}")).collect::<Vec<_>>();
    for (values, message) in CONTRADICTIONS {
        let Some(output) = template("boundtoken", &set(values)) else { return };
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(message), "{values:?}: {stderr}");
    }
    for (enabled, policies) in [("true", 2), ("false", 0)] {
        let policy = format!("networkPolicy.enabled={enabled}");
        let Some(output) = template("boundtoken", &set(&["monitoring.enabled=true", &policy])) else {
            return;
        };
        assert_eq!(text(&output).matches("\nkind: NetworkPolicy\n").count(), policies, "{policy}");
    }
}

/// `helm lint` finds nothing.
pub(crate) async fn it_passes_lint(_plane: Arc<ControlPlane>) {
    let Some(mut helm) = helm() else { return };
    let output = helm.args(["lint", "--strict", &chart()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Renders the chart for a namespace, or returns `None` without Helm.
fn template(namespace: &str, arguments: &[String]) -> Option<Output> {
    let mut helm = helm()?;
    helm.args(["template", "boundtoken", &chart(), "--skip-tests", "--namespace", namespace]);
    Some(helm.args(arguments).output().unwrap())
}

fn helm() -> Option<Command> {
    Some(Command::new(programs::find(&["helm"]).ok()?.join("helm")))
}

fn chart() -> String {
    format!("{ROOT}/charts/boundtoken")
}

/// The output of a command that succeeded.
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The objects of a manifest by kind, namespace and name.
fn objects(manifest: &str) -> BTreeMap<(String, String, String), Value> {
    let documents =
        manifest.split("\n---\n").filter(|document| document.lines().any(|line| line.starts_with("kind:")));
    documents
        .map(|document| {
            let object: Value = serde_saphyr::from_str(document).unwrap();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let metadata = &object["metadata"];
            ((text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"])), object)
        })
        .collect()
}
