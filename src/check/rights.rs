//! Checks of the rights of the ServiceAccount: each one that is needed is there, and no far-reaching one besides.

use serde_json::{Value, json};

use super::NAME;
use super::configuration::APPLY;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, items, text};
use super::part::Part;
use super::renewal::Renewer;
use super::shipped::{ShippedFile, objects};

/// The user of the replicas.
pub(super) const USER: &str = "system:serviceaccount:boundtoken:boundtoken";

/// Rights with which a user can become an administrator, read every secret, or change every Pod: verb, API group,
/// resource.
const EXCESS: [(&str, &str, &str); 14] = [
    ("*", "*", "*"),
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("create", "", "serviceaccounts/token"),
    ("get", "", "nodes/proxy"),
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("patch", "", "namespaces"),
    ("patch", "apps", "deployments"),
    ("impersonate", "", "users"),
    ("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
];

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "rights-needed",
        group: CheckGroup::Rights,
        title: "the ServiceAccount has each right that boundtoken needs",
        meaning: "Without them boundtoken cannot read Namespaces, so their Pods are refused, or it cannot renew \
                  its certificates.",
        remedy: APPLY,
        field: "",
        needs: &[Part::Rights, Part::Deployment],
        judge: needed,
    },
    CheckEntry {
        id: "rights-excess",
        group: CheckGroup::Rights,
        title: "the ServiceAccount has no far-reaching right that it does not need",
        meaning: "With one, such as to read every Secret or to create Pods, a stolen token of boundtoken could \
                  be used to take over the cluster. The command lists all rights; the shipped manifests grant \
                  none of these.",
        remedy: "kubectl auth can-i --list --as=system:serviceaccount:boundtoken:boundtoken",
        field: "",
        needs: &[Part::Rights],
        judge: excess,
    },
];

/// The rights to ask for, as `resourceAttributes` of a review, with `needed`.
pub(super) fn questions() -> Vec<Value> {
    let mut questions = Vec::new();
    for role in objects(ShippedFile::Rights) {
        let namespace = text(&role, "/metadata/namespace");
        for rule in items(&role, "/rules") {
            questions.extend(of_rule(rule, namespace));
        }
    }
    for (verb, group, resource) in EXCESS {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        questions.push(json!({"needed": false, "attributes":
            {"verb": verb, "group": group, "resource": resource, "subresource": subresource}}));
    }
    questions
}

/// Each right of a rule for one resource in one API group.
fn of_rule(rule: &Value, namespace: &str) -> Vec<Value> {
    let group = text(rule, "/apiGroups/0");
    let resource = text(rule, "/resources/0");
    let name = text(rule, "/resourceNames/0");
    let right = |verb: &Value| {
        json!({"needed": true, "attributes":
            {"verb": verb, "group": group, "resource": resource, "namespace": namespace, "name": name}})
    };
    items(rule, "/verbs").iter().map(right).collect()
}

/// Judges the rights whose review has another result than the manifests give: those that are needed, or the others.
fn judged(
    installation: &Installation,
    is_needed: bool,
    outcome: impl FnOnce(String) -> CheckOutcome,
) -> Vec<CheckOutcome> {
    let Some(rights) = installation.known(Part::Rights).and_then(Value::as_array) else { return Vec::new() };
    // With certificates of your own, boundtoken only reads Namespaces.
    let is_used = |right: &&Value| {
        !is_needed
            || Renewer::of(installation) == Renewer::Boundtoken
            || text(right, "/attributes/resource") == "namespaces"
    };
    let is_wrong = |right: &&Value| {
        let allowed = right.pointer("/allowed").and_then(Value::as_bool).unwrap_or_default();
        let needed = right.pointer("/needed").and_then(Value::as_bool).unwrap_or_default();
        needed == is_needed && allowed != is_needed
    };
    let wrong: Vec<String> = rights.iter().filter(is_wrong).filter(is_used).map(words).collect();
    vec![if wrong.is_empty() { CheckOutcome::ok() } else { outcome(wrong.join(", ")) }]
}

/// A right in the words of `kubectl auth can-i`.
fn words(right: &Value) -> String {
    let part = |field: &str| text(right, &format!("/attributes/{field}"));
    let mut words = format!("{} {}", part("verb"), part("resource"));
    for (field, separator) in
        [("subresource", "/"), ("group", "."), ("name", "/"), ("namespace", " in Namespace ")]
    {
        if !part(field).is_empty() {
            words = words + separator + part(field);
        }
    }
    words
}

fn needed(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    judged(installation, true, |missing| {
        CheckOutcome::error(format!("ServiceAccount {NAME} lacks a right")).with_value(missing)
    })
}

fn excess(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    judged(installation, false, |more| {
        let sentence = format!("ServiceAccount {NAME} has a right that the manifests do not grant");
        CheckOutcome::warning(sentence).with_value(more)
    })
}
