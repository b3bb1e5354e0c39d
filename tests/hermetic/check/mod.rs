//! The checks of an installation: each finds its own fault, and nothing else.

mod faults;
mod renewal;
mod rights;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::certificates::{Ca, Validity};
use boundtoken::check::{Cell, CheckFinding, CheckLevel, Installation, Part, judge};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

/// The time of every installation here.
pub(crate) const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

/// The first object of a manifest.
pub(crate) fn shipped(text: &str) -> Value {
    let documents = boundtoken::manifest::parse("", text).unwrap();
    let mut object = documents[0].root.to_value();
    object["metadata"]["namespace"] = "boundtoken".into();
    object
}

/// The Pod of a probe, with a token of so many seconds.
pub(crate) fn probed(seconds: u64) -> Value {
    let token = json!({"serviceAccountToken": {"expirationSeconds": seconds, "path": "token"}});
    let mount =
        json!({"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    json!({"metadata": {"name": "boundtoken-check-x"}, "spec": {
        "volumes": [{"name": "kube-api-access-x", "projected": {"sources": [token]}}],
        "containers": [{"name": "check", "volumeMounts": [mount]}],
    }})
}

/// A right of the ServiceAccount.
fn right(needed: bool, verb: &str, resource: &str) -> Value {
    json!({"needed": needed, "allowed": needed, "attributes": {"verb": verb, "resource": resource}})
}

/// The parts of a healthy installation about others: webhooks, policies, the guard and the monitoring.
fn others() -> Value {
    let binding = |policy: &str| json!({"metadata": {"name": policy}, "spec": {"policyName": policy, "validationActions": ["Deny"]}});
    json!({
        "mutatingPolicies": [],
        "kyvernoPolicies": [],
        "guards": [
            shipped(include_str!("../../../manifests/guard/policy.yaml")),
            shipped(include_str!("../../../manifests/guard-namespaces/policy.yaml")),
        ],
        "guardBindings": [binding("boundtoken-guard"), binding("boundtoken-guard-namespaces")],
        "podMonitors": [shipped(include_str!("../../../manifests/monitoring/pod-monitor.yaml"))],
        "alertRules": [shipped(include_str!("../../../manifests/monitoring/prometheus-rule.yaml"))],
    })
}

/// The CA of the recorded installation.
static CA: LazyLock<Ca> =
    LazyLock::new(|| Ca::generate(Validity::from_now(NOW, Duration::days(90))).unwrap());

/// The `caBundle` of the recorded installation.
pub(crate) fn own_bundle() -> String {
    STANDARD.encode(&CA.pem.certificate)
}

/// The chain that a replica presents, for a name, valid for this long.
pub(crate) fn chain(name: &str, validity: Duration) -> Value {
    let issued = CA.issue(&[name.to_owned()], Validity::from_now(NOW, validity)).unwrap();
    let (chain, _) = issued.decode().unwrap();
    chain.iter().map(|certificate| STANDARD.encode(certificate)).collect()
}

/// The name for which the API server verifies a certificate.
pub(crate) const SERVICE: &str = "boundtoken.boundtoken.svc";

/// The metrics of a replica, of which the checks read some.
pub(crate) fn metrics(watch_age: u32, connections: u32, unavailable: u32) -> String {
    format!(
        "# TYPE boundtoken_connections gauge\nboundtoken_connections {connections}\n\
        boundtoken_connections_opened_total 900\n\
        boundtoken_namespace_lookups_total{{result=\"settings\"}} 90\n\
        boundtoken_namespace_lookups_total{{result=\"unavailable\"}} {unavailable}\n\
        boundtoken_namespace_watch_age_seconds {watch_age}.5\n# EOF\n"
    )
}

/// What a healthy replica answers.
fn reply(pod: &str, node: &str) -> Value {
    let readyz = "[+]certificate ok\n[+]namespaces ok\nreadyz check passed\n";
    let answers = json!({"chain": chain(SERVICE, Duration::days(30)), "handshake": null, "readyz": readyz,
        "metrics": metrics(12, 3, 1), "admin": null});
    json!({"pod": pod, "node": node, "isReady": true, "answers": answers})
}

/// A `caBundle` with another CA, that is valid for this long.
pub(crate) fn bundle(validity: Duration) -> String {
    let ca = Ca::generate(Validity::from_now(NOW, validity)).unwrap();
    STANDARD.encode(&ca.pem.certificate)
}

/// What is read of a healthy installation, by the names of the parts.
pub(crate) fn healthy() -> Value {
    let mut configuration = shipped(include_str!("../../../manifests/base/webhook.yaml"));
    configuration["metadata"] = json!({"name": "boundtoken", "ownerReferences": [{"kind": "Namespace", "name": "boundtoken", "uid": "u"}]});
    configuration["webhooks"][0]["clientConfig"]["caBundle"] = own_bundle().into();
    // As the API server completes it.
    configuration["webhooks"][0]["objectSelector"] = json!({});
    let mut deployment = shipped(include_str!("../../../manifests/base/deployment.yaml"));
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] =
        concat!("registry.example/boundtoken:", env!("CARGO_PKG_VERSION")).into();
    deployment["status"] = json!({"readyReplicas": 2});
    let template = &deployment["spec"]["template"]["spec"];
    let pod = |name: &str, node: &str| {
        let mut spec = template.clone();
        spec["nodeName"] = node.into();
        json!({"metadata": {"name": name, "namespace": "boundtoken"}, "spec": spec, "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "boundtoken", "restartCount": 0, "state": {"running": {}}}],
        }})
    };
    let endpoint =
        |name: &str| json!({"conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": name}});
    let metrics = "apiserver_admission_controller_admission_duration_seconds_count{name=\"ServiceAccount\",\
                   operation=\"CREATE\",rejected=\"false\",type=\"admit\"} 7\n";
    let mut parts = json!({
        "version": {"gitVersion": "v1.37.2"},
        "kinds": {"resources": [{"kind": "ValidatingAdmissionPolicy"}, {"kind": "MutatingAdmissionPolicy"}]},
        "metrics": metrics,
        "apiServers": [],
        "nodes": [{"metadata": {"name": "one"}}, {"metadata": {"name": "two"}}],
        "namespaces": [
            {"metadata": {"name": "default"}},
            {"metadata": {"name": "shop", "labels": {"boundtoken.dev/webhook": "enabled"},
                "annotations": {"boundtoken.dev/ttl": "2h"}}},
        ],
        "configurations": [configuration],
        "namespace": {"metadata": {"name": "boundtoken", "uid": "u"}},
        "deployment": deployment,
        "pods": [pod("a", "one"), pod("b", "two")],
        "service": shipped(include_str!("../../../manifests/base/service.yaml")),
        "endpoints": [{"endpoints": [endpoint("a"), endpoint("b")]}],
        "disruption": shipped(include_str!("../../../manifests/base/disruption.yaml")),
        "networkPolicies": [
            shipped(include_str!("../../../manifests/base/network-policy.yaml")),
            shipped(include_str!("../../../manifests/monitoring/network-policy.yaml")),
        ],
        "rights": [right(true, "list", "namespaces"), right(true, "patch", "secrets"), right(false, "create", "pods")],
        "heldTokens": [{"namespace": "shop", "pods": 2, "other": 0}],
        "replies": [reply("a", "one"), reply("b", "two")],
        "probeInside": {"namespace": "shop", "pod": probed(7200)},
        "probeOutside": {"namespace": "default", "pod": probed(3607)},
    });
    parts.as_object_mut().unwrap().extend(others().as_object().unwrap().clone());
    parts
}

/// The patch of an installation whose certificates boundtoken does not manage.
pub(crate) fn own_certificates() -> Value {
    json!([
        {"op": "remove", "path": "/configurations/0/metadata/ownerReferences"},
        {"op": "replace", "path": "/deployment/spec/template/spec/containers/0/env", "value": []},
    ])
}

/// The installation of which this was read. `null` is an object that does not exist.
pub(crate) fn installation(parts: &Value) -> Installation {
    let mut installation = Installation::new(NOW);
    for part in Part::ALL {
        let cell = match &parts[part.name()] {
            Value::Null => Cell::Absent,
            value => Cell::Known(value.clone()),
        };
        installation.set(part, cell);
    }
    installation
}

/// The findings of a level and above.
pub(crate) fn found(installation: &Installation, level: CheckLevel) -> Vec<CheckFinding> {
    judge(installation).into_iter().filter(|finding| finding.level >= level).collect()
}

/// The ids of findings.
pub(crate) fn ids(findings: &[CheckFinding]) -> BTreeSet<&'static str> {
    findings.iter().map(|finding| finding.id).collect()
}
