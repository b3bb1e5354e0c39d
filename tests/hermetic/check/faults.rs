//! One fault at a time: it is found by its own check, no other one finds anything, and the printed command mends it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::check::{CheckFinding, CheckLevel, judge, table};
use json_patch::Patch;
use serde_json::{Value, json};
use time::Duration;

use super::{
    SERVICE, bundle, chain, found, healthy, ids, installation, metrics, own_bundle, own_certificates, probed,
};

/// Checks that only report a value.
const NEVER_AT_FAULT: [&str; 2] = ["cluster-extended-lifetime", "namespaces-opted-in"];

/// A fault: the check that finds it, its level, and the JSON patch that makes it in a healthy installation.
struct Fault(&'static str, CheckLevel, Value);

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{"op": "add", "path": path, "value": value.into()}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

fn webhook(field: &str, value: impl Into<Value>) -> Value {
    replace(&format!("/configurations/0/webhooks/0/{field}"), value)
}

fn label(key: &str, value: &str) -> Value {
    replace("/namespaces/0/metadata/labels", json!({key: value}))
}

fn setting(key: &str, value: &str) -> Value {
    replace(&format!("/namespaces/1/metadata/annotations/boundtoken.dev~1{key}"), value)
}

/// A second configuration.
fn second(name: &str, webhook: &Value) -> Value {
    replace("/configurations/-", json!({"metadata": {"name": name}, "webhooks": [webhook]}))
}

fn faults() -> Vec<Fault> {
    [cluster(), configuration(), replicas(), replies(), namespaces(), others(), proof(), guard()]
        .into_iter()
        .flatten()
        .collect()
}

fn cluster() -> Vec<Fault> {
    use CheckLevel::{Error, Warning};
    let off = json!([{"spec": {"containers": [{"command": ["kube-apiserver",
        "--disable-admission-plugins=PodSecurity,ServiceAccount"]}]}}]);
    vec![
        Fault("cluster-reachable", Error, remove("/version")),
        Fault("cluster-version", Warning, replace("/version/gitVersion", "v1.32.1-eks-1234567")),
        Fault("cluster-version", Warning, replace("/version/gitVersion", "v1.38.0")),
        Fault("cluster-version", Error, replace("/version/gitVersion", "v1.26.9")),
        Fault("cluster-service-account-plugin", Error, replace("/apiServers", off)),
        Fault("cluster-policies", Warning, replace("/kinds/resources", json!([]))),
    ]
}

fn configuration() -> Vec<Fault> {
    use CheckLevel::{Error, Warning};
    let expired = bundle(-Duration::days(1));
    let both = [own_bundle(), expired.clone()].map(|text| STANDARD.decode(text).unwrap());
    let both = STANDARD.encode(both.concat());
    let service = json!({"name": "boundtoken", "namespace": "boundtoken"});
    let conditions = json!([{"name": "a", "expression": "false"}]);
    let rule = json!([{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["UPDATE"],
        "scope": "Namespaced"}]);
    vec![
        Fault("configuration-exists", Error, replace("/configurations", json!([]))),
        Fault("configuration-exists", Error, replace("/configurations/0/webhooks", json!([]))),
        Fault("configuration-once", Warning, second("other", &json!({"name": "pods.boundtoken.dev"}))),
        Fault("configuration-once", Warning, second("other", &json!({"clientConfig": {"service": service}}))),
        Fault("configuration-service", Error, webhook("clientConfig/service/path", "/validate")),
        Fault("configuration-service", Error, url()),
        Fault("configuration-rules", Error, webhook("rules", rule)),
        Fault("configuration-namespace-selector", Error, webhook("namespaceSelector/matchLabels/team", "a")),
        Fault(
            "configuration-namespace-selector",
            Error,
            webhook("namespaceSelector/matchExpressions", json!([])),
        ),
        Fault(
            "configuration-object-selector",
            Error,
            webhook("objectSelector", json!({"matchLabels": {"a": "b"}})),
        ),
        Fault("configuration-match-conditions", Error, webhook("matchConditions", conditions)),
        Fault("configuration-failure-policy", Error, webhook("failurePolicy", "Ignore")),
        Fault("configuration-reinvocation-policy", Error, webhook("reinvocationPolicy", "Never")),
        Fault("configuration-side-effects", Error, webhook("sideEffects", "NoneOnDryRun")),
        Fault("configuration-timeout", Error, webhook("timeoutSeconds", 1)),
        Fault("configuration-match-policy", Error, webhook("matchPolicy", "Exact")),
        Fault(
            "configuration-review-versions",
            Error,
            webhook("admissionReviewVersions", json!(["v1", "v1beta1"])),
        ),
        Fault("configuration-bundle", Error, remove("/configurations/0/webhooks/0/clientConfig/caBundle")),
        Fault("configuration-bundle", Error, webhook("clientConfig/caBundle", "not base64")),
        Fault("configuration-bundle", Error, webhook("clientConfig/caBundle", "bm90IFBFTQ==")),
        Fault("configuration-bundle-validity", Error, webhook("clientConfig/caBundle", expired)),
        Fault("configuration-bundle-validity", Warning, webhook("clientConfig/caBundle", both)),
        Fault("configuration-owner", Warning, remove("/configurations/0/metadata/ownerReferences")),
    ]
}

/// A URL in place of the Service.
fn url() -> Value {
    json!([
        {"op": "remove", "path": "/configurations/0/webhooks/0/clientConfig/service"},
        {"op": "add", "path": "/configurations/0/webhooks/0/clientConfig/url", "value": "https://example.com"},
    ])
}

fn replicas() -> Vec<Fault> {
    use CheckLevel::{Error, Warning};
    let not_ready = json!([
        {"op": "replace", "path": "/deployment/status/readyReplicas", "value": 1},
        {"op": "replace", "path": "/pods/1/status/conditions/0/status", "value": "False"},
    ]);
    let scaled = json!([
        {"op": "replace", "path": "/deployment/spec/replicas", "value": 0},
        {"op": "remove", "path": "/deployment/status/readyReplicas"},
        {"op": "replace", "path": "/pods", "value": []},
        {"op": "replace", "path": "/replies", "value": []},
    ]);
    let killed = json!({"terminated": {"reason": "OOMKilled", "finishedAt": "2024-10-03T23:30:00Z"}});
    let other_policy = json!([{"metadata": {"name": "default-deny"}}]);
    vec![
        Fault("replicas-deployment", Error, remove("/deployment")),
        Fault("replicas-ready", Warning, not_ready),
        Fault("replicas-ready", Error, scaled),
        Fault("replicas-nodes", Warning, replace("/pods/1/spec/nodeName", "one")),
        Fault("replicas-image", Warning, replace("/pods/1/spec/containers/0/image", "boundtoken:old")),
        Fault("replicas-image", Warning, rollout("ImagePullBackOff")),
        Fault("replicas-version", Warning, versions("boundtoken:v9.0.0")),
        Fault("replicas-restarts", Warning, replace("/pods/0/status/containerStatuses/0/lastState", killed)),
        Fault("replicas-service", Error, remove("/service")),
        Fault("replicas-service", Error, replace("/service/spec/selector", json!({"app": "other"}))),
        Fault("replicas-service", Error, replace("/service/spec/ports/0/targetPort", 8080)),
        Fault("replicas-endpoints", Error, remove("/endpoints/0/endpoints/1")),
        Fault("replicas-endpoints", Error, replace("/endpoints/0/endpoints/1/conditions/ready", false)),
        Fault("replicas-disruption", Warning, remove("/disruption")),
        Fault("replicas-disruption", Warning, replace("/disruption/spec/minAvailable", 0)),
        Fault("replicas-network-policy", Warning, replace("/networkPolicies", json!([]))),
        Fault("replicas-network-policy", Error, remove("/networkPolicies/0")),
        Fault("replicas-network-policy", Error, replace("/networkPolicies", other_policy)),
        Fault("replicas-network-policy", Error, replace("/networkPolicies/0/spec/ingress", json!([]))),
    ]
}

/// A Deployment with an image that cannot be pulled.
fn rollout(reason: &str) -> Value {
    let container = json!({"name": "boundtoken", "image": "boundtoken:none"});
    let status = json!({"name": "boundtoken", "state": {"waiting": {"reason": reason}}});
    let pod = json!({"metadata": {"name": "c"}, "spec": {"containers": [container]},
        "status": {"containerStatuses": [status]}});
    json!([
        {"op": "replace", "path": "/deployment/spec/template/spec/containers/0/image", "value": "boundtoken:none"},
        {"op": "add", "path": "/pods/-", "value": pod},
    ])
}

#[test]
fn a_rollout_that_cannot_end_is_undone_and_others_are_awaited() {
    for (patch, expected) in [
        (rollout("ImagePullBackOff"), "rollout undo deployment boundtoken"),
        (rollout("PodInitializing"), "rollout status deployment boundtoken"),
        (
            replace("/pods/1/spec/containers/0/image", "boundtoken:old"),
            "rollout status deployment boundtoken",
        ),
    ] {
        let findings = found(&installation(&patched(&patch)), CheckLevel::Warning);
        let command = findings[0].command.as_deref().unwrap();
        assert!(command.contains(expected), "{command}");
    }
}

#[test]
fn few_failed_lookups_are_no_finding() {
    for (failed, findings) in [(9, 0), (10, 1)] {
        let metrics = metrics(12, 3, failed).replace("\"settings\"} 90", "\"settings\"} 20");
        let metrics = replace("/replies/1/answers/metrics", metrics);
        let found = found(&installation(&patched(&metrics)), CheckLevel::Warning);
        assert_eq!(found.len(), findings, "{failed} failed: {found:?}");
    }
}

/// What a replica answers.
fn replies() -> Vec<Fault> {
    use CheckLevel::{Error, Warning};
    let of_second = |answer: &str, value: Value| replace(&format!("/replies/1/answers/{answer}"), value);
    let metrics =
        |age, connections, unavailable| of_second("metrics", metrics(age, connections, unavailable).into());
    let failed = "[+]namespaces ok\n[-]certificate failed: expired\nreadyz check failed\n";
    let unreachable = json!({"failed": "error dialing backend: dial tcp 192.0.2.1:10250: i/o timeout"});
    vec![
        Fault("replicas-port-forward", Warning, replace("/replies/0/answers", unreachable)),
        Fault("replicas-certificate", Error, webhook("clientConfig/caBundle", bundle(Duration::days(90)))),
        Fault("replicas-certificate", Error, of_second("chain", chain("other.svc", Duration::days(30)))),
        Fault("replicas-certificate", Error, of_second("handshake", "received fatal alert".into())),
        Fault("replicas-certificate-validity", Error, of_second("chain", chain(SERVICE, -Duration::MINUTE))),
        Fault(
            "replicas-certificate-validity",
            Warning,
            of_second("chain", chain(SERVICE, Duration::days(6))),
        ),
        Fault("replicas-readyz", Warning, of_second("readyz", failed.into())),
        Fault("replicas-readyz", Warning, of_second("admin", "no answer within 5 s".into())),
        Fault("replicas-watch", Warning, metrics(121, 3, 0)),
        Fault("replicas-connections", Warning, metrics(12, 500, 0)),
        Fault("replicas-lookups", Warning, metrics(12, 3, 12)),
    ]
}

/// An image of the Deployment and both Pods.
fn versions(image: &str) -> Value {
    let containers = ["/deployment/spec/template/spec", "/pods/0/spec", "/pods/1/spec"];
    let path = |spec: &str| format!("{spec}/containers/0/image");
    containers.map(|spec| json!({"op": "replace", "path": path(spec), "value": image})).to_vec().into()
}

fn namespaces() -> Vec<Fault> {
    use CheckLevel::{Error, Warning};
    let excluded =
        json!({"metadata": {"name": "kube-system", "labels": {"boundtoken.dev/webhook": "enabled"}}});
    vec![
        Fault("namespaces-labels", Warning, label("boundtoken.dev/webhook", "true")),
        Fault("namespaces-labels", Warning, label("boundtoken.dev/webhok", "enabled")),
        Fault("namespaces-labels", Warning, label("boundtoken.io/webhook", "enabled")),
        Fault("namespaces-labels", Warning, label("boundtoken.dev/ttl", "2h")),
        Fault("namespaces-labels", Warning, label("boundtoken.dev/something-else", "x")),
        Fault("namespaces-labels", Warning, replace("/namespaces/-", excluded)),
        Fault("namespaces-annotations", Error, setting("ttl", "5m")),
        Fault("namespaces-annotations", Error, setting("mode", "replce")),
        Fault("namespaces-pods", Warning, replace("/heldTokens/0/other", 1)),
        Fault("namespaces-warnings", Warning, setting("tll", "2h")),
        Fault("namespaces-warnings", Warning, remove("/namespaces/1/metadata/labels")),
    ]
}

/// Rights, and neighbours.
fn others() -> Vec<Fault> {
    use CheckLevel::{Error, Warning};
    let policy = |spec: Value| json!([{"metadata": {"name": "other"}, "spec": spec}]);
    let expression =
        json!({"mutations": [{"jsonPatch": {"expression": "'/spec/automountServiceAccountToken'"}}]});
    let mutate = json!({"rules": [{"mutate": {"patchStrategicMerge": {"spec": {"volumes": [{"projected":
        {"sources": [{"serviceAccountToken": {}}]}}]}}}}]});
    let last = |resources: &str| {
        let rules = json!([{"apiGroups": [""], "resources": [resources], "operations": ["CREATE"]}]);
        let webhook = json!({"name": "a.istio.io", "reinvocationPolicy": "IfNeeded", "rules": rules});
        json!([
            {"op": "add", "path": "/configurations/-", "value": {"metadata": {"name": "istio"}, "webhooks": [webhook]}},
            {"op": "remove", "path": "/guards/0"},
            {"op": "remove", "path": "/guardBindings/0"},
        ])
    };
    vec![
        Fault("rights-needed", Error, replace("/rights/0/allowed", false)),
        Fault("rights-excess", Warning, replace("/rights/2/allowed", true)),
        Fault("neighbours-webhooks", Warning, last("pods")),
        Fault("neighbours-webhooks", Warning, last("pods/*")),
        Fault("neighbours-policies", Warning, replace("/mutatingPolicies", policy(expression))),
        Fault("neighbours-policies", Warning, replace("/kyvernoPolicies", policy(mutate))),
    ]
}

fn proof() -> Vec<Fault> {
    use CheckLevel::{Error, Warning};
    let refused = |namespace: &str| {
        let message = "failed calling webhook \"pods.boundtoken.dev\": no endpoints available";
        json!({"namespace": namespace, "refused": message})
    };
    vec![
        Fault("proof-inside", Error, replace("/probeInside/pod", probed(3607))),
        Fault("proof-inside", Error, replace("/probeInside", refused("shop"))),
        Fault("proof-outside", Warning, replace("/probeOutside/pod", probed(3600))),
        Fault("proof-outside", Error, replace("/probeOutside", refused("default"))),
    ]
}

/// The guard and the monitoring.
fn guard() -> Vec<Fault> {
    use CheckLevel::Warning;
    let other_namespaces = json!({"namespaceSelector": {"matchLabels": {"a": "b"}}});
    let base_only = json!([{"op": "remove", "path": "/networkPolicies/1"}]);
    vec![
        Fault("guard-policy", Warning, remove("/guards/0")),
        Fault("guard-policy", Warning, replace("/guards/0/spec/failurePolicy", "Ignore")),
        Fault("guard-policy", Warning, replace("/guards/0/spec/variables/1/expression", "true")),
        Fault("guard-policy", Warning, remove("/guards/0/spec/validations/1")),
        Fault(
            "guard-policy",
            Warning,
            replace("/guards/0/spec/matchConstraints/excludeResourceRules", json!([{"resources": ["pods"]}])),
        ),
        Fault(
            "guard-policy",
            Warning,
            replace("/guards/0/spec/matchConstraints/objectSelector", json!({"matchLabels": {"a": "b"}})),
        ),
        Fault("guard-binding", Warning, remove("/guardBindings/0")),
        Fault(
            "guard-binding",
            Warning,
            replace(
                "/guardBindings/0/spec/matchResources",
                json!({"excludeResourceRules": [{"resources": ["pods"]}]}),
            ),
        ),
        Fault("guard-binding", Warning, replace("/guardBindings/0/spec/matchResources", other_namespaces)),
        Fault("guard-namespaces-policy", Warning, remove("/guards/1")),
        Fault(
            "guard-namespaces-policy",
            Warning,
            replace("/guards/1/spec/matchConstraints/resourceRules", json!([])),
        ),
        Fault("guard-namespaces-policy", Warning, replace("/guards/1/spec/variables/0/expression", "{}")),
        Fault("guard-namespaces-binding", Warning, remove("/guardBindings/1")),
        Fault(
            "guard-namespaces-binding",
            Warning,
            replace("/guardBindings/1/spec/validationActions", json!(["Audit", "Warn"])),
        ),
        Fault("monitoring-pod-monitor", Warning, replace("/podMonitors", json!([]))),
        Fault(
            "monitoring-pod-monitor",
            Warning,
            replace("/podMonitors/0/spec/podMetricsEndpoints/0/port", "webhook"),
        ),
        Fault("monitoring-alerts", Warning, replace("/alertRules", json!([]))),
        Fault("monitoring-alerts", Warning, remove("/alertRules/0/spec/groups/0/rules/1")),
        Fault("monitoring-network-policy", Warning, base_only),
    ]
}

/// The parts of a healthy installation after a JSON patch.
fn patched(patch: &Value) -> Value {
    let mut parts = healthy();
    let patch: Patch = serde_json::from_value(patch.clone()).unwrap();
    json_patch::patch(&mut parts, &patch).unwrap_or_else(|error| panic!("{patch}: {error}"));
    parts
}

#[test]
fn a_healthy_installation_passes_every_check() {
    let findings = judge(&installation(&healthy()));
    for finding in &findings {
        assert_eq!(finding.level, CheckLevel::Ok, "{finding:?}");
        assert_eq!(finding.command, None, "{finding:?}");
    }
    assert_eq!(ids(&findings), table::all().map(|entry| entry.id).collect::<BTreeSet<_>>());
}

#[test]
fn each_fault_is_found_by_its_own_check_alone() {
    for Fault(id, level, patch) in faults() {
        let findings = found(&installation(&patched(&patch)), CheckLevel::Skipped);
        assert_eq!(ids(&findings), BTreeSet::from([id]), "{patch}: {findings:#?}");
        assert!(findings.iter().all(|finding| finding.level == level), "{patch}: {findings:#?}");
        let has_command =
            |finding: &CheckFinding| finding.command.as_ref().is_some_and(|text| !text.is_empty());
        assert!(findings.iter().all(has_command), "{findings:#?}");
        assert!(findings.iter().all(|finding| finding.sentence != finding.title), "{findings:#?}");
    }
}

#[test]
fn each_check_has_a_fault() {
    let with_fault: BTreeSet<&str> = faults().iter().map(|Fault(id, ..)| *id).chain(NEVER_AT_FAULT).collect();
    assert_eq!(with_fault, table::all().map(|entry| entry.id).collect::<BTreeSet<_>>());
}

#[test]
fn the_printed_patch_mends_each_field_of_the_configuration() {
    let mut mended = 0;
    for Fault(id, _, patch) in configuration() {
        let mut parts = patched(&patch);
        for finding in found(&installation(&parts), CheckLevel::Warning) {
            let command = finding.command.unwrap();
            let Some((_, patch)) = command.split_once("--type=json -p '") else { continue };
            let patch: Patch = serde_json::from_str(patch.trim_end_matches('\'')).unwrap();
            json_patch::patch(&mut parts["configurations"][0], &patch).unwrap();
            assert_eq!(found(&installation(&parts), CheckLevel::Warning), [], "{id}");
            mended += 1;
        }
    }
    assert_eq!(mended, 13);
}

/// `kubectl apply` would keep what others added to a map, such as a selector.
#[test]
fn the_printed_patch_mends_each_field_of_the_other_objects() {
    for (part, patch) in [
        ("/service", replace("/service/spec/selector/app", "other")),
        ("/service", replace("/service/spec/ports/0/targetPort", 8080)),
        ("/disruption", replace("/disruption/spec/minAvailable", 0)),
        ("/networkPolicies/0", replace("/networkPolicies/0/spec/ingress", json!([]))),
        (
            "/guardBindings/0",
            replace("/guardBindings/0/spec/matchResources", json!({"objectSelector": {"a": "b"}})),
        ),
    ] {
        let mut parts = patched(&patch);
        let findings = found(&installation(&parts), CheckLevel::Warning);
        let [CheckFinding { command: Some(command), .. }] = &findings[..] else { panic!("{findings:#?}") };
        let (_, patch) = command.split_once("--type=json -p '").unwrap();
        let patch: Patch = serde_json::from_str(patch.trim_end_matches('\'')).unwrap();
        json_patch::patch(parts.pointer_mut(part).unwrap(), &patch).unwrap();
        assert_eq!(found(&installation(&parts), CheckLevel::Warning), []);
    }
}

#[test]
fn the_commands_of_namespaces_name_the_object() {
    for (patch, expected) in [
        (
            label("boundtoken.dev/webhok", "enabled"),
            "kubectl label namespace default boundtoken.dev/webhook=enabled --overwrite boundtoken.dev/webhok-",
        ),
        (
            label("boundtoken.dev/ttl", "2h"),
            "kubectl label namespace default boundtoken.dev/ttl- && kubectl annotate namespace default \
             boundtoken.dev/ttl=2h --overwrite",
        ),
        (label("boundtoken.dev/$(id)", "x"), "kubectl label namespace default 'boundtoken.dev/$(id)-'"),
        (setting("ttl", "5m"), "kubectl annotate namespace shop boundtoken.dev/ttl-"),
        (setting("$(id);", "x"), "kubectl annotate namespace shop 'boundtoken.dev/$(id);-'"),
        (
            setting("mod", "it's"),
            r"kubectl annotate namespace shop boundtoken.dev/mod- boundtoken.dev/mode='it'\''s'",
        ),
        (
            remove("/namespaces/1/metadata/labels"),
            "kubectl label namespace shop boundtoken.dev/webhook=enabled",
        ),
    ] {
        let findings = found(&installation(&patched(&patch)), CheckLevel::Warning);
        let commands: Vec<_> = findings.iter().filter_map(|finding| finding.command.as_deref()).collect();
        assert_eq!(commands, [expected]);
    }
}

#[test]
fn what_is_configured_on_purpose_is_no_fault() {
    let source =
        json!({"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 86400}});
    let for_a_cloud = json!({"name": "aws-iam-token", "projected": {"sources": [source]}});
    // A replica that starts does not answer yet.
    let starts = |answers: Value| {
        json!([
            {"op": "add", "path": "/replies/-", "value": {"pod": "c", "isReady": false, "answers": answers}},
        ])
    };
    for patch in [
        starts(json!({"handshake": "connection refused", "admin": "connection refused"})),
        replace("/replies", json!([])),
        own_certificates(),
        label("boundtoken.dev/webhook", "disabled"),
        label("example.com/webhook", "enabled"),
        versions("registry.example:5000/boundtoken:stable"),
        versions("registry.example:5000/boundtoken@sha256:0000"),
        json!([
            {"op": "remove", "path": "/nodes/1"},
            {"op": "replace", "path": "/pods/1/spec/nodeName", "value": "one"},
        ]),
        second("other", &json!({"name": "pods.example.com"})),
        replace("/guardBindings/0/spec/validationActions", json!(["Audit", "Warn"])),
        replace("/guards/0/spec/variables/0/expression", "\"off\""),
        json!([
            {"op": "replace", "path": "/guards", "value": []},
            {"op": "replace", "path": "/guardBindings", "value": []},
            {"op": "replace", "path": "/podMonitors", "value": []},
            {"op": "replace", "path": "/alertRules", "value": []},
        ]),
        json!([{"op": "remove", "path": "/probeInside"}, {"op": "remove", "path": "/probeOutside"}]),
        replace("/probeOutside", json!({"namespace": "default", "refused": "exceeded quota"})),
        replace("/probeOutside/pod/spec/volumes/-", for_a_cloud),
        json!([
            {"op": "add", "path": "/deployment/spec/template/spec/containers/0/env/-",
             "value": {"name": "BOUNDTOKEN_DEFAULT_MODE", "value": "disable"}},
            {"op": "remove", "path": "/probeInside/pod/spec/volumes"},
            {"op": "add", "path": "/probeInside/pod/spec/automountServiceAccountToken", "value": false},
            {"op": "remove", "path": "/probeInside/pod/spec/containers/0/volumeMounts"},
            {"op": "remove", "path": "/namespaces/1/metadata/annotations"},
        ]),
        replace("/networkPolicies/0/spec/egress/-", json!({"ports": [{"port": 8132}]})),
        replace(
            "/pods/0/status/containerStatuses/0/lastState",
            json!({"terminated": {"reason": "Error", "finishedAt": "2024-10-03T22:30:00Z"}}),
        ),
    ] {
        assert_eq!(found(&installation(&patched(&patch)), CheckLevel::Skipped), [], "{patch}");
    }
}
