//! Checks of others that change Pods: webhooks after boundtoken, and policies for the same fields.

use serde_json::Value;

use super::NAME;
use super::configuration::calls_boundtoken;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::guard::refuses_pods;
use super::installation::{Installation, items, name, text};
use super::part::Part;
use crate::shell::word;

/// Words of policies that change tokens.
const FIELDS: [&str; 3] = ["serviceAccountToken", "automountServiceAccountToken", "kube-api-access"];

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "neighbours-webhooks",
        group: CheckGroup::Neighbours,
        title: "no webhook is called again after boundtoken, or the guard is installed",
        meaning: "The API server calls webhooks by the names of their configurations, and those with \
                  reinvocationPolicy IfNeeded a second time. A webhook that it calls after boundtoken in the \
                  second round can add tokens of up to a year, or containers without the token. The guard \
                  refuses such Pods.",
        remedy: "kubectl apply -k manifests/guard",
        field: "",
        needs: &[Part::Configurations, Part::Guards, Part::GuardBindings],
        judge: webhooks,
    },
    CheckEntry {
        id: "neighbours-policies",
        group: CheckGroup::Neighbours,
        title: "no mutating policy changes the fields that boundtoken changes",
        meaning: "Otherwise a MutatingAdmissionPolicy or a policy of Kyverno names token volumes or \
                  automountServiceAccountToken, so it and boundtoken may undo what the other one does.",
        remedy: "kubectl get mutatingadmissionpolicies,clusterpolicies",
        field: "",
        needs: &[Part::MutatingPolicies, Part::KyvernoPolicies],
        judge: policies,
    },
];

/// The API server sorts the configurations by name.
fn webhooks(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let later = installation.list(Part::Configurations).iter().filter(|other| name(other) > NAME);
    let last = |configuration: &&Value| {
        items(configuration, "/webhooks").iter().any(|webhook| {
            text(webhook, "/reinvocationPolicy") == "IfNeeded"
                && items(webhook, "/rules").iter().any(is_for_pods)
                && !calls_boundtoken(webhook)
        })
    };
    let names: Vec<&str> = later.filter(last).map(name).collect();
    vec![if names.is_empty() || refuses_pods(installation) {
        CheckOutcome::ok().with_value(names.join(", "))
    } else {
        CheckOutcome::warning("a webhook is called again after boundtoken").with_value(names.join(", "))
    }]
}

/// Whether a rule selects the creation of Pods, which the API server also finds in `pods/*`
/// (`resource` in `k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules/rules.go`).
fn is_for_pods(rule: &Value) -> bool {
    let has = |field: &str, words: &[&str]| {
        items(rule, field).iter().filter_map(Value::as_str).any(|word| words.contains(&word))
    };
    has("/apiGroups", &["", "*"])
        && has("/resources", &["pods", "pods/*", "*", "*/*"])
        && has("/operations", &["CREATE", "*"])
}

fn policies(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let touches = |policy: &&Value| {
        let specification = policy.pointer("/spec").map(Value::to_string).unwrap_or_default();
        FIELDS.iter().any(|field| specification.contains(field))
    };
    let mutates =
        |policy: &&Value| items(policy, "/spec/rules").iter().any(|rule| rule.pointer("/mutate").is_some());
    let of_kyverno = installation.list(Part::KyvernoPolicies).iter().filter(mutates).filter(touches);
    let of_server = installation.list(Part::MutatingPolicies).iter().filter(touches);
    let found = of_server
        .map(|policy| ("mutatingadmissionpolicy", policy))
        .chain(of_kyverno.map(|policy| ("clusterpolicy", policy)));
    let faults: Vec<CheckOutcome> = found
        .map(|(kind, policy)| {
            let name = name(policy);
            CheckOutcome::warning(format!("{kind} {name} names fields that boundtoken changes"))
                .with_value(name)
                .with_command(format!("kubectl get {kind} {} -o yaml", word(name)))
        })
        .collect();
    CheckOutcome::ok().unless(faults)
}
