//! Checks of Pods that the API server admits in dry runs, so that they prove the whole chain.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Cell, Installation, is_terminating, items, name, number, text};
use super::namespaces::settings_in_force;
use super::part::Part;
use super::workload::defaults;
use crate::admission::Pod;
use crate::audit::inventory::{AdmissionEffect, PodAdmission};
use crate::namespaces::{EXCLUDED_NAMESPACES, Namespace};
use crate::pod::token::{DEFAULT_PREFIX, Ttl};

/// Looks at the replicas, whose state is the most frequent cause.
const LOOK: &str = "kubectl -n boundtoken get pods,endpointslices";

/// Looks at all that may change a Pod.
const LOOK_AT_OTHERS: &str = "kubectl get mutatingwebhookconfigurations,mutatingadmissionpolicies";

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "proof-inside",
        group: CheckGroup::Proof,
        title: "a Pod in a Namespace that opted in gets what its settings say",
        meaning: "Otherwise the API server, in a dry run that stores nothing, did not call boundtoken, failed to \
                  call it, or something else changed the Pod afterwards. The message of the API server is \
                  explained in [Troubleshooting](../operate/troubleshooting.md).",
        remedy: LOOK,
        field: "",
        needs: &[Part::ProbeInside],
        judge: inside,
    },
    CheckEntry {
        id: "proof-outside",
        group: CheckGroup::Proof,
        title: "a Pod in another Namespace is left as it is",
        meaning: "Otherwise the API server called boundtoken for a Namespace that did not opt in, or something \
                  else shortens tokens there.",
        remedy: LOOK_AT_OTHERS,
        field: "",
        needs: &[Part::ProbeOutside],
        judge: outside,
    },
];

/// The Namespaces for both Pods: one that opted in and changes Pods, and one that did not opt in.
pub(super) fn namespaces(installation: &Installation) -> (Option<&str>, Option<&str>) {
    let all = installation.list(Part::Namespaces);
    let usable =
        |namespace: &&Value| !EXCLUDED_NAMESPACES.contains(&name(namespace)) && !is_terminating(namespace);
    let defaults = defaults(installation);
    let is_in = |namespace: &&Value| settings_in_force(namespace, &defaults).is_some();
    let is_out = |namespace: &&Value| {
        Namespace::deserialize(*namespace).is_ok_and(|namespace| !namespace.is_opted_in())
    };
    let outside = || all.iter().filter(usable).filter(is_out);
    let default = outside().find(|namespace| name(namespace) == "default");
    (all.iter().find(is_in).map(name), default.or_else(|| outside().next()).map(name))
}

/// A Pod that the strictest Pod Security level and a quota admit.
pub(super) fn pod() -> Value {
    let resources = json!({"cpu": "1m", "memory": "1Mi"});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "boundtoken-check-"}, "spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "check",
            "image": "boundtoken-check",
            "resources": {"requests": resources, "limits": resources},
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }],
    }})
}

fn inside(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(answer) = installation.known(Part::ProbeInside) else { return Vec::new() };
    let namespace = text(answer, "/namespace");
    if let Some(message) = answer.pointer("/refused").and_then(Value::as_str) {
        let sentence = format!("the API server refuses a Pod in Namespace {namespace}");
        return vec![CheckOutcome::error(sentence).with_value(message)];
    }
    let found = installation.list(Part::Namespaces).iter().find(|other| name(other) == namespace);
    let settings = found.and_then(|found| settings_in_force(found, &defaults(installation)));
    let pod = answer.pointer("/pod").and_then(|pod| Pod::deserialize(pod).ok());
    let (Some(settings), Some(pod)) = (settings, pod) else { return Vec::new() };
    vec![match PodAdmission::of(&pod, &settings).effect {
        AdmissionEffect::Unchanged => CheckOutcome::ok().with_value(format!("Namespace {namespace}")),
        AdmissionEffect::Patched | AdmissionEffect::Refused(_) => {
            let sentence = format!("a Pod in Namespace {namespace} does not get what its settings say");
            CheckOutcome::error(sentence).with_value(tokens(answer))
        }
    }]
}

fn outside(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(answer) = installation.known(Part::ProbeOutside) else { return Vec::new() };
    let namespace = text(answer, "/namespace");
    if let Some(message) = answer.pointer("/refused").and_then(Value::as_str) {
        // Others may refuse Pods for reasons of their own.
        if !message.contains("boundtoken.dev") {
            return Vec::new();
        }
        let sentence = format!("boundtoken refuses a Pod in Namespace {namespace}, which did not opt in");
        return vec![
            CheckOutcome::error(sentence).with_value(message).with_command(look_at_others(installation)),
        ];
    }
    let lifetimes = lifetimes(answer);
    vec![if lifetimes.iter().all(|seconds| *seconds == Ttl::YEAR_LONG_REQUEST.seconds()) {
        CheckOutcome::ok().with_value(format!("Namespace {namespace}"))
    } else {
        let sentence = format!("a Pod in Namespace {namespace}, which did not opt in, has another token");
        CheckOutcome::warning(sentence).with_value(tokens(answer)).with_command(look_at_others(installation))
    }]
}

/// kubectl fails for all kinds if the API server does not have one of them.
fn look_at_others(installation: &Installation) -> &'static str {
    match installation.get(Part::MutatingPolicies) {
        Cell::Absent => "kubectl get mutatingwebhookconfigurations",
        _ => LOOK_AT_OTHERS,
    }
}

/// The seconds that each token source in the default token volume of the Pod requests. Others may add tokens of their
/// own, such as those for a cloud.
fn lifetimes(answer: &Value) -> Vec<u64> {
    let is_default = |volume: &&Value| text(volume, "/name").starts_with(DEFAULT_PREFIX);
    let volumes = items(answer, "/pod/spec/volumes").iter().filter(is_default);
    let sources = volumes.flat_map(|volume| items(volume, "/projected/sources"));
    let tokens = sources.filter_map(|source| source.pointer("/serviceAccountToken"));
    tokens.map(|token| number(token, "/expirationSeconds")).collect()
}

fn tokens(answer: &Value) -> String {
    let tokens: Vec<String> = lifetimes(answer).iter().map(|seconds| format!("{seconds} s")).collect();
    if tokens.is_empty() { "no token".to_owned() } else { tokens.join(", ") }
}
