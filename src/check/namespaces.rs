//! Checks of Namespaces: labels that are slips, and annotations that the webhook refuses or warns about.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, is_terminating, name, number, text};
use super::part::Part;
use super::workload::defaults;
use crate::admission::Pod;
use crate::audit::inventory::{AdmissionEffect, PodAdmission};
use crate::namespaces::{EXCLUDED_NAMESPACES, Namespace, opts_in, opts_out};
use crate::policy::diagnostics::Code;
use crate::policy::keys::{
    Key, OPT_IN_LABEL, OPT_IN_VALUE, PREFIX, corrected_key, has_own_prefix, is_misspelled_label, nearest_key,
};
use crate::policy::nearest::nearest;
use crate::policy::{Defaults, NamespaceSettings, Violation, Warning};
use crate::shell::word;

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "namespaces-opted-in",
        group: CheckGroup::Namespaces,
        title: "the Namespaces that opted in are known",
        meaning: "The value is their number. Only in them boundtoken changes Pods.",
        remedy: "kubectl get namespaces -l boundtoken.dev/webhook=enabled",
        field: "",
        needs: &[Part::Namespaces],
        judge: opted_in,
    },
    CheckEntry {
        id: "namespaces-labels",
        group: CheckGroup::Namespaces,
        title: "each label of boundtoken has an effect",
        meaning: "A label with a misspelled key or another value than `enabled` does not opt in: Pods of that \
                  Namespace keep tokens of up to a year.",
        remedy: "kubectl label namespace NAME boundtoken.dev/webhook=enabled --overwrite",
        field: "",
        needs: &[Part::Namespaces],
        judge: labels,
    },
    CheckEntry {
        id: "namespaces-annotations",
        group: CheckGroup::Namespaces,
        title: "each annotation of boundtoken is valid",
        meaning: "Each Pod of a labelled Namespace with an invalid annotation is refused. The command removes \
                  the annotation; `boundtoken explain KEY` shows the valid values.",
        remedy: "kubectl annotate namespace NAME KEY-",
        field: "",
        needs: &[Part::Namespaces],
        judge: annotations,
    },
    CheckEntry {
        id: "namespaces-warnings",
        group: CheckGroup::Namespaces,
        title: "each annotation of boundtoken has an effect",
        meaning: "An annotation with an unknown key, without the label, or in a mode that does not use it \
                  changes nothing.",
        remedy: "kubectl annotate namespace NAME KEY-",
        field: "",
        needs: &[Part::Namespaces],
        judge: warnings,
    },
    CheckEntry {
        id: "namespaces-pods",
        group: CheckGroup::Namespaces,
        title: "each running Pod holds what the settings of its Namespace say",
        meaning: "Pods that were created before the label or the annotation, or while boundtoken was not called, \
                  keep their tokens until they are created again. The command lists them; Namespaces in dry-run \
                  are left out.",
        remedy: "boundtoken audit",
        field: "",
        needs: &[Part::Namespaces, Part::HeldTokens],
        judge: pods,
    },
];

/// The Namespaces that are not being deleted: those admit no Pods.
fn namespaces(installation: &Installation) -> impl Iterator<Item = &Value> {
    let namespaces = installation.list(Part::Namespaces).iter();
    namespaces.filter(|namespace| !is_terminating(namespace))
}

/// The outcomes of a check for every Namespace; one that is fine, if there are none.
fn of_each(installation: &Installation, outcomes: impl Fn(&Value) -> Vec<CheckOutcome>) -> Vec<CheckOutcome> {
    let faults: Vec<CheckOutcome> = namespaces(installation).flat_map(outcomes).collect();
    CheckOutcome::ok().unless(faults)
}

fn labels_of(namespace: &Value) -> Option<&Map<String, Value>> {
    namespace.pointer("/metadata/labels").and_then(Value::as_object)
}

fn opted_in(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let label = |namespace: &&Value| {
        opts_in(labels_of(namespace).and_then(|labels| labels.get(OPT_IN_LABEL)?.as_str()))
    };
    vec![CheckOutcome::ok().with_value(namespaces(installation).filter(label).count().to_string())]
}

fn labels(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    of_each(installation, |namespace| {
        let labels = labels_of(namespace).into_iter().flatten();
        labels.filter_map(|(key, value)| label(name(namespace), key, value.as_str()?)).collect()
    })
}

/// The slip in a label, if it is one.
fn label(namespace: &str, key: &str, value: &str) -> Option<CheckOutcome> {
    let (quoted, removed) = (word(namespace), format!("{key}-"));
    let (label, removed) = (format!("kubectl label namespace {quoted}"), word(&removed));
    let opt_in = format!("{label} {OPT_IN_LABEL}={OPT_IN_VALUE} --overwrite");
    let (sentence, command) = if key == OPT_IN_LABEL {
        if opts_in(Some(value)) && EXCLUDED_NAMESPACES.contains(&namespace) {
            let sentence = format!("the webhook is never called for Namespace {namespace}");
            (sentence, format!("{label} {OPT_IN_LABEL}-"))
        } else if opts_in(Some(value)) || opts_out(value) {
            return None;
        } else {
            (format!("Namespace {namespace} does not opt in: the value is not {OPT_IN_VALUE}"), opt_in)
        }
    } else if is_slip(key) {
        let sentence = format!("Namespace {namespace} does not opt in: the label is {OPT_IN_LABEL}");
        (sentence, format!("{opt_in} {removed}"))
    } else if let Some(setting) = setting(key) {
        let sentence = format!("a label of Namespace {namespace} has no effect: settings are annotations");
        let annotate = format!("kubectl annotate namespace {quoted} {setting}={}", word(value));
        (sentence, format!("{label} {removed} && {annotate} --overwrite"))
    } else if has_own_prefix(key) {
        let sentence = format!("a label of Namespace {namespace} has no effect: boundtoken does not read it");
        (sentence, format!("{label} {removed}"))
    } else {
        return None;
    };
    Some(CheckOutcome::warning(sentence).with_value(format!("{key}={value}")).with_command(command))
}

/// Whether a key is a misspelling of the label that opts in.
fn is_slip(key: &str) -> bool {
    let bare = OPT_IN_LABEL.trim_start_matches(PREFIX);
    let is_near = |name: &str| Key::from_name(key).is_none() && nearest(name, [bare]).is_some();
    is_misspelled_label(key) || key.strip_prefix(PREFIX).is_some_and(is_near)
}

/// The annotation that a misspelled or misplaced key is meant to be.
fn setting(key: &str) -> Option<&'static str> {
    let unprefixed = || key.starts_with(PREFIX).then(|| nearest_key(key)).flatten();
    Key::from_name(key).map(Key::name).or_else(|| corrected_key(key)).or_else(|| unprefixed().map(Key::name))
}

/// The settings of a Namespace with annotations of boundtoken, and whether it opted in.
fn settings(namespace: &Value, defaults: &Arc<Defaults>) -> Option<(NamespaceSettings, bool)> {
    let namespace = Namespace::deserialize(namespace).ok()?;
    namespace.annotations().next()?;
    let settings = NamespaceSettings::parse(namespace.name(), namespace.annotations(), defaults);
    Some((settings, namespace.is_opted_in()))
}

fn annotations(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let defaults = defaults(installation);
    of_each(installation, |namespace| {
        let Some((settings, is_opted_in)) = settings(namespace, &defaults) else { return Vec::new() };
        let refuses = is_opted_in && !settings.is_dry_run();
        let violations = settings.violations().iter();
        violations.map(|violation| invalid(namespace, violation, refuses)).collect()
    })
}

fn invalid(namespace: &Value, violation: &Violation, refuses: bool) -> CheckOutcome {
    let sentence = format!("{} ({})", violation.text, violation.code);
    let outcome = if refuses { CheckOutcome::error(sentence) } else { CheckOutcome::warning(sentence) };
    let Some(key) = violation.field.key() else { return outcome };
    outcome
        .with_value(annotation(namespace, key.name()))
        .with_command(format!("kubectl annotate namespace {} {key}-", word(name(namespace))))
}

/// An annotation as `KEY=VALUE`.
fn annotation(namespace: &Value, key: &str) -> String {
    let annotations = namespace.pointer("/metadata/annotations");
    let value = annotations.and_then(|annotations| annotations.get(key)?.as_str()).unwrap_or_default();
    format!("{key}={value}")
}

fn warnings(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let defaults = defaults(installation);
    of_each(installation, |namespace| {
        let Some((settings, is_opted_in)) = settings(namespace, &defaults) else { return Vec::new() };
        let invalid: Vec<Warning> = settings.violations().iter().map(Warning::from).collect();
        let warnings = settings.evaluate(is_opted_in, false).warnings.into_iter();
        warnings
            .filter(|warning| !invalid.contains(warning))
            .map(|warning| about(namespace, &warning))
            .collect()
    })
}

fn about(namespace: &Value, warning: &Warning) -> CheckOutcome {
    let name = name(namespace);
    let outcome = CheckOutcome::warning(format!("Namespace {name}: {warning}"));
    let Some(key) = &warning.key else { return outcome };
    let (quoted, removed) = (word(name), format!("{key}-"));
    let (annotate, removed) = (format!("kubectl annotate namespace {quoted}"), word(&removed));
    let command = match setting(key) {
        _ if warning.code == Code::NotOptedIn => {
            format!("kubectl label namespace {quoted} {OPT_IN_LABEL}={OPT_IN_VALUE}")
        }
        Some(meant) if meant != key => {
            let written = annotation(namespace, key);
            let value = written.split_once('=').map_or("", |(_, value)| value);
            format!("{annotate} {removed} {meant}={}", word(value))
        }
        _ => format!("{annotate} {removed}"),
    };
    outcome.with_value(annotation(namespace, key)).with_command(command)
}

/// The settings of a Namespace by which Pods are changed: it opted in, without mistakes and without `dry-run`.
pub(super) fn settings_in_force(namespace: &Value, defaults: &Arc<Defaults>) -> Option<NamespaceSettings> {
    let namespace = Namespace::deserialize(namespace).ok().filter(Namespace::is_opted_in)?;
    let settings = NamespaceSettings::parse(namespace.name(), namespace.annotations(), defaults);
    let is_called = !EXCLUDED_NAMESPACES.contains(&namespace.name()) && !namespace.is_terminating();
    (is_called && settings.violations().is_empty() && !settings.is_dry_run()).then_some(settings)
}

/// Whether a Pod runs with something other than what the settings of its Namespace say.
pub(super) fn holds_other(pod: &Value, settings: &NamespaceSettings) -> bool {
    let has_ended = matches!(text(pod, "/status/phase"), "Failed" | "Succeeded") || is_terminating(pod);
    let effect = Pod::deserialize(pod).map(|pod| PodAdmission::of(&pod, settings).effect);
    !has_ended && effect.is_ok_and(|effect| effect != AdmissionEffect::Unchanged)
}

fn pods(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let counts = installation.list(Part::HeldTokens);
    let faults: Vec<CheckOutcome> = counts
        .iter()
        .filter(|count| number(count, "/other") > 0)
        .map(|count| {
            let namespace = text(count, "/namespace");
            let sentence =
                format!("Pods in Namespace {namespace} hold something other than what its settings say");
            CheckOutcome::warning(sentence)
                .with_value(format!("{} of {}", number(count, "/other"), number(count, "/pods")))
                .with_command(format!("boundtoken audit -n {}", word(namespace)))
        })
        .collect();
    CheckOutcome::ok().unless(faults)
}
