//! Checks of the guard and the guard of Namespaces, each if it is installed.

use serde_json::Value;

use super::difference::dotted;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, items, name, text};
use super::part::Part;
use super::shipped::{ShippedFile, is_equal, shipped};
use crate::shell::word;

const PODS: &str = "boundtoken-guard";
const NAMESPACES: &str = "boundtoken-guard-namespaces";

/// The fields of a policy that decide, besides its variables.
const FIELDS: [&str; 5] = [
    "/spec/failurePolicy",
    "/spec/paramKind",
    "/spec/matchConstraints",
    "/spec/matchConditions",
    "/spec/validations",
];

/// The variable that is yours to change.
const DEFAULT_MODE: &str = "defaultMode";

/// The fields of `matchResources` with which a binding leaves out objects.
const SELECTIONS: [&str; 4] =
    ["namespaceSelector", "objectSelector", "resourceRules", "excludeResourceRules"];

const fn entry(
    id: &'static str,
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    field: &'static str,
    judge: fn(&CheckEntry, &Installation) -> Vec<CheckOutcome>,
) -> CheckEntry {
    let needs = &[Part::Guards, Part::GuardBindings];
    CheckEntry { id, group: CheckGroup::Guard, title, meaning, remedy, field, needs, judge }
}

pub(super) const CHECKS: &[CheckEntry] = &[
    entry(
        "guard-policy",
        "the policy of the guard is as shipped",
        "Otherwise the guard may admit Pods with tokens of up to a year, or refuse others.",
        "kubectl apply -k manifests/guard",
        PODS,
        policy,
    ),
    entry(
        "guard-binding",
        "the guard is bound to every Namespace",
        "A policy without a binding, or with one for other Namespaces, refuses nothing.",
        "kubectl apply -k manifests/guard",
        PODS,
        binding,
    ),
    entry(
        "guard-namespaces-policy",
        "the policy of the guard of Namespaces is as shipped",
        "Otherwise users without the right may change the label and the annotations of Namespaces, or no user \
         may.",
        "kubectl apply -k manifests/guard-namespaces",
        NAMESPACES,
        policy,
    ),
    entry(
        "guard-namespaces-binding",
        "the guard of Namespaces is bound, and denies",
        "A policy without a binding, or with one that does not deny, refuses nothing.",
        "kubectl apply -k manifests/guard-namespaces",
        NAMESPACES,
        binding,
    ),
];

fn policy_of<'i>(installation: &'i Installation, policy: &str) -> Option<&'i Value> {
    installation.list(Part::Guards).iter().find(|object| name(object) == policy)
}

fn binding_of<'i>(installation: &'i Installation, policy: &str) -> Option<&'i Value> {
    installation.list(Part::GuardBindings).iter().find(|binding| text(binding, "/spec/policyName") == policy)
}

/// Whether the guard refuses Pods, and does not only warn.
pub(super) fn refuses_pods(installation: &Installation) -> bool {
    let binding = binding_of(installation, PODS).filter(|_| policy_of(installation, PODS).is_some());
    binding.is_some_and(|binding| actions(binding).contains(&"Deny"))
}

fn actions(binding: &Value) -> Vec<&str> {
    items(binding, "/spec/validationActions").iter().filter_map(Value::as_str).collect()
}

fn policy(entry: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let (policy, binding) = (policy_of(installation, entry.field), binding_of(installation, entry.field));
    let Some(policy) = policy else {
        let sentence = format!("there is a binding, and ValidatingAdmissionPolicy {} is absent", entry.field);
        return binding.map(|_| CheckOutcome::warning(sentence)).into_iter().collect();
    };
    let file = if entry.field == PODS { ShippedFile::Guard } else { ShippedFile::GuardNamespaces };
    let manifest = shipped(file);
    let mut different: Vec<String> = FIELDS
        .iter()
        .filter(|field| !is_equal(policy.pointer(field), manifest.pointer(field)))
        .map(|field| dotted(field))
        .collect();
    let is_fixed = |variable: &&Value| text(variable, "/name") != DEFAULT_MODE;
    let variables = |policy: &Value| -> Value {
        items(policy, "/spec/variables").iter().filter(is_fixed).cloned().collect()
    };
    if !is_equal(Some(&variables(policy)), Some(&variables(&manifest))) {
        different.push("spec.variables".to_owned());
    }
    vec![if different.is_empty() {
        CheckOutcome::ok()
    } else {
        let fields = different.join(", ");
        CheckOutcome::warning(format!(
            "{fields} of ValidatingAdmissionPolicy {} is not as shipped",
            entry.field
        ))
    }]
}

fn binding(entry: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    if policy_of(installation, entry.field).is_none() {
        return Vec::new();
    }
    let Some(binding) = binding_of(installation, entry.field) else {
        return vec![CheckOutcome::warning(format!(
            "ValidatingAdmissionPolicy {} has no binding",
            entry.field
        ))];
    };
    let found = [without_deny(entry, binding), with_selection(binding)];
    let mut outcomes: Vec<_> = found.into_iter().flatten().collect();
    if outcomes.is_empty() {
        outcomes.push(CheckOutcome::ok());
    }
    outcomes.into_iter().map(|outcome| outcome.with_value(actions(binding).join(", "))).collect()
}

/// A binding of the guard of Namespaces that only warns. The guard of Pods may, as in `manifests/guard-audit`.
fn without_deny(entry: &CheckEntry, binding: &Value) -> Option<CheckOutcome> {
    let is_fault = entry.field == NAMESPACES && !actions(binding).contains(&"Deny");
    let sentence = || format!("ValidatingAdmissionPolicyBinding {} does not deny", name(binding));
    is_fault.then(|| CheckOutcome::warning(sentence()))
}

/// A binding that leaves out objects.
fn with_selection(binding: &Value) -> Option<CheckOutcome> {
    let selection = binding.pointer("/spec/matchResources");
    if SELECTIONS.iter().all(|field| is_equal(selection.and_then(|all| all.get(field)), None)) {
        return None;
    }
    let name = name(binding);
    let patch = r#"[{"op":"remove","path":"/spec/matchResources"}]"#;
    let command =
        format!("kubectl patch validatingadmissionpolicybinding {} --type=json -p '{patch}'", word(name));
    let sentence = format!("ValidatingAdmissionPolicyBinding {name} leaves out objects");
    Some(CheckOutcome::warning(sentence).with_command(command))
}
