//! Checks of the `MutatingWebhookConfiguration`: it exists once, and each field is as shipped.

use serde_json::{Value, json};

use super::NAME;
use super::difference::dotted;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, items, name, text};
use super::part::Part;
use super::shipped::{ShippedFile, is_equal, shipped};
use crate::shell::word;

/// Applies the shipped manifests, or the overlay that was installed.
pub(super) const APPLY: &str = "kubectl apply -k manifests";

/// The name of the webhook for Pods.
const WEBHOOK: &str = "pods.boundtoken.dev";

const fn field(
    id: &'static str,
    title: &'static str,
    field: &'static str,
    meaning: &'static str,
) -> CheckEntry {
    CheckEntry {
        id,
        group: CheckGroup::Configuration,
        title,
        meaning,
        remedy: APPLY,
        field,
        needs: &[Part::Configurations],
        judge: as_shipped,
    }
}

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "configuration-exists",
        group: CheckGroup::Configuration,
        title: "the API server is configured to call boundtoken",
        meaning: "Without the configuration no Pod is changed: new Pods get tokens of up to a year.",
        remedy: APPLY,
        field: "",
        needs: &[Part::Configurations],
        judge: exists,
    },
    CheckEntry {
        id: "configuration-once",
        group: CheckGroup::Configuration,
        title: "no other configuration calls boundtoken",
        meaning: "A second configuration calls the same or another installation for the same Pods, and refuses \
                  them while that one does not answer.",
        remedy: "kubectl delete mutatingwebhookconfiguration NAME",
        field: "",
        needs: &[Part::Configurations],
        judge: once,
    },
    field(
        "configuration-service",
        "the configuration calls the Service of boundtoken",
        "/clientConfig/service",
        "Otherwise the API server calls something else, or nothing.",
    ),
    field(
        "configuration-rules",
        "the webhook is called for each new Pod",
        "/rules",
        "Pods for which it is not called keep tokens of up to a year; for other objects and operations it is \
         called in vain.",
    ),
    field(
        "configuration-namespace-selector",
        "the label selects Namespaces, except kube-system and boundtoken",
        "/namespaceSelector",
        "Labelled Namespaces that are not selected are not protected. Without the exceptions, a cluster whose \
         replicas are all away cannot start them again.",
    ),
    field(
        "configuration-object-selector",
        "no label of a Pod leaves it out",
        "/objectSelector",
        "With a selector, authors of Pods can leave out their Pods by a label.",
    ),
    field(
        "configuration-match-conditions",
        "no expression leaves out Pods",
        "/matchConditions",
        "Pods that the expressions exclude keep tokens of up to a year.",
    ),
    field(
        "configuration-failure-policy",
        "a Pod is refused while boundtoken does not answer",
        "/failurePolicy",
        "With Ignore, Pods that are created while no replica answers keep tokens of up to a year.",
    ),
    field(
        "configuration-reinvocation-policy",
        "boundtoken is called again when a later webhook changes the Pod",
        "/reinvocationPolicy",
        "With Never, what webhooks after boundtoken add stays as it is: tokens of up to a year, or containers \
         without the token.",
    ),
    field(
        "configuration-side-effects",
        "the webhook is called for dry runs",
        "/sideEffects",
        "Otherwise dry runs fail, or show Pods without the change.",
    ),
    field(
        "configuration-timeout",
        "the API server waits 5 s",
        "/timeoutSeconds",
        "With less, a live lookup of a Namespace has no time for its retries. With more, one replica that hangs \
         delays Pods for longer.",
    ),
    field(
        "configuration-match-policy",
        "the webhook is called for equivalent versions of Pods",
        "/matchPolicy",
        "With Exact, Pods in a later version of the API would be left out.",
    ),
    field(
        "configuration-review-versions",
        "the API server sends reviews in version v1",
        "/admissionReviewVersions",
        "boundtoken understands only version v1.",
    ),
];

/// Our configuration.
pub(super) fn configuration(installation: &Installation) -> Option<&Value> {
    installation.list(Part::Configurations).iter().find(|configuration| name(configuration) == NAME)
}

/// The webhook for Pods in our configuration, with its index.
pub(super) fn webhook(installation: &Installation) -> Option<(usize, &Value)> {
    let webhooks = items(configuration(installation)?, "/webhooks");
    let named = webhooks.iter().enumerate().find(|(_, webhook)| text(webhook, "/name") == WEBHOOK);
    named.or_else(|| webhooks.iter().enumerate().next())
}

fn exists(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    vec![match (configuration(installation), webhook(installation)) {
        (Some(_), Some(_)) => CheckOutcome::ok(),
        (Some(_), None) => CheckOutcome::error("MutatingWebhookConfiguration boundtoken has no webhook"),
        (None, _) => CheckOutcome::error("MutatingWebhookConfiguration boundtoken does not exist"),
    }]
}

fn once(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let configurations = installation.list(Part::Configurations).iter();
    let others = configurations
        .filter(|other| name(other) != NAME && items(other, "/webhooks").iter().any(calls_boundtoken));
    let faults: Vec<CheckOutcome> = others
        .map(|other| {
            let name = name(other);
            CheckOutcome::warning(format!("MutatingWebhookConfiguration {name} calls boundtoken as well"))
                .with_value(name)
                .with_command(format!("kubectl delete mutatingwebhookconfiguration {}", word(name)))
        })
        .collect();
    CheckOutcome::ok().unless(faults)
}

/// Whether a webhook calls an installation of boundtoken.
pub(super) fn calls_boundtoken(webhook: &Value) -> bool {
    text(webhook, "/name") == WEBHOOK
        || text(webhook, "/clientConfig/service/name") == NAME
            && text(webhook, "/clientConfig/service/namespace") == NAME
}

/// Compares one field of our webhook with the shipped manifest.
fn as_shipped(entry: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some((index, webhook)) = webhook(installation) else { return Vec::new() };
    let manifest = shipped(ShippedFile::Webhook);
    let expected = manifest.pointer("/webhooks/0").and_then(|webhook| webhook.pointer(entry.field));
    let live = webhook.pointer(entry.field);
    if is_equal(live, expected) {
        return vec![CheckOutcome::ok()];
    }
    let pointer = format!("/webhooks/{index}{}", entry.field);
    let mut operations = Vec::new();
    if entry.field == "/clientConfig/service" && webhook.pointer("/clientConfig/url").is_some() {
        operations.push(json!({"op": "remove", "path": format!("/webhooks/{index}/clientConfig/url")}));
    }
    operations.push(match expected {
        Some(value) => json!({"op": "add", "path": pointer, "value": value}),
        None => json!({"op": "remove", "path": pointer}),
    });
    let name = dotted(entry.field);
    let written = expected.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let sentence = format!("{name} is not as shipped, which is {written}");
    let value = live.map_or_else(|| "absent".to_owned(), Value::to_string);
    let patch = Value::from(operations);
    vec![
        CheckOutcome::error(sentence).with_value(value).with_command(format!(
            "kubectl patch mutatingwebhookconfiguration {NAME} --type=json -p '{patch}'"
        )),
    ]
}
