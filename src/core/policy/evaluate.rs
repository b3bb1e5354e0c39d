//! Evaluates a Pod under the settings of its Namespace.

use std::borrow::Cow;
use std::sync::Arc;

use json_patch::Patch;

use crate::pod::PodPatch;
use crate::pod::view::PodSpec;

use super::compile::{Compiled, compile};
use super::contradictions::contradictions;
use super::diagnostics::Code;
use super::evaluation::{Evaluation, Outcome};
use super::invalid::InvalidSettings;
use super::namespace::NamespaceSettings;
use super::origin::Origin;
use super::settings::{Settings, own_annotations};
use super::spec_violations::spec_violations;
use super::values::Context;
use super::violation::{Field, Violation};
use super::warnings::Warnings;

/// Evaluates a Pod, by its annotations and its spec, under the settings of its Namespace.
pub fn evaluate<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    spec: &PodSpec<'_>,
    namespace: &NamespaceSettings,
) -> Evaluation {
    let api = &namespace.defaults.api_audiences;
    let own = own_settings(annotations, namespace);
    let mut evaluation =
        Evaluation { settings_from: Some(settings_from(&own, namespace)), ..Evaluation::unchanged() };
    let mut warnings = key_warnings(&own, namespace);
    match in_force(own, namespace) {
        Ok(compiled) => {
            let patch = PodPatch::new(spec, compiled.plan.as_ref(), api);
            warnings.ineffective(&compiled);
            warnings.findings(&patch.findings, &compiled, spec);
            evaluation.mode = Some(compiled.mode);
            if compiled.mode.has_token() {
                evaluation.audience = Some(compiled.audience.clone());
                evaluation.ttl = Some(compiled.ttl);
            }
            evaluation.violations = spec_violations(&patch, &compiled, namespace);
            evaluation.patch = patch.operations.unwrap_or_default();
        }
        Err(invalid) => evaluation.violations = invalid.with_spec(spec, namespace),
    }
    evaluation.conclude(namespace, &mut warnings);
    Evaluation { warnings: warnings.into_vec(), ..evaluation }
}

impl Evaluation {
    /// Sets the outcome. A refused Pod gets no patch; under `dry-run` everything becomes a warning.
    fn conclude(&mut self, namespace: &NamespaceSettings, warnings: &mut Warnings) {
        let dry_run = namespace.is_dry_run();
        self.outcome = match (self.violations.is_empty(), self.patch.is_empty()) {
            (false, _) if dry_run => Outcome::WouldRefuse,
            (false, _) => Outcome::Refused,
            (true, false) if dry_run => Outcome::WouldPatch,
            (true, false) => Outcome::Patched,
            (true, true) => Outcome::Unchanged,
        };
        if dry_run {
            self.violations.drain(..).rev().for_each(|violation| warnings.would_refuse(&violation));
            if let (Outcome::WouldPatch, Some(mode)) = (self.outcome, self.mode) {
                warnings.would_patch(mode, self.patch.len(), &namespace.origin);
            }
        }
        if self.outcome != Outcome::Patched {
            self.patch = Patch::default();
        }
    }
}

/// Parses the Pod's own settings.
pub(super) fn own_settings<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    namespace: &NamespaceSettings,
) -> Settings {
    let context = Context { origin: &Origin::Pod, api: &namespace.defaults.api_audiences };
    Settings::parse(own_annotations(annotations), &context)
}

fn settings_from(own: &Settings, namespace: &NamespaceSettings) -> &'static str {
    match (namespace.settings.has_keys(), own.has_keys()) {
        (false, false) => "defaults",
        (false, true) => "pod",
        (true, false) => "namespace",
        (true, true) => "namespace,pod",
    }
}

fn key_warnings(own: &Settings, namespace: &NamespaceSettings) -> Warnings {
    let mut warnings = Warnings::default();
    own.unknown.iter().for_each(|name| warnings.unknown_key(name, &Origin::Pod));
    own.misplaced.iter().for_each(|key| warnings.misplaced_key(*key));
    namespace.settings.unknown.iter().for_each(|name| warnings.unknown_key(name, &namespace.origin));
    warnings
}

/// The settings in force, or every violation in the settings if there are none.
pub(super) fn in_force(
    own: Settings,
    namespace: &NamespaceSettings,
) -> Result<Cow<'_, Compiled>, InvalidSettings> {
    if !own.has_keys() {
        return namespace.compiled.as_ref().map(Cow::Borrowed).map_err(|violations| InvalidSettings {
            violations: violations.clone(),
            settings: Arc::clone(&namespace.settings),
        });
    }
    let mut violations = namespace.settings.violations.clone();
    violations.extend(forbidden_overrides(&own, namespace));
    violations.extend_from_slice(&own.violations);
    let settings = Arc::new(own.over(&namespace.settings));
    if violations.is_empty() {
        return compile(Arc::clone(&settings), &namespace.defaults)
            .map(Cow::Owned)
            .map_err(|violations| InvalidSettings { violations, settings });
    }
    let more = contradictions(&settings, &namespace.defaults, &violations);
    violations.extend(more);
    Err(InvalidSettings { violations, settings })
}

fn forbidden_overrides(own: &Settings, namespace: &NamespaceSettings) -> Vec<Violation> {
    if !namespace.denies_overrides() {
        return Vec::new();
    }
    let forbidden = |key| {
        let text = format!("is set on the Pod, but {} sets pod-overrides: deny", namespace.origin);
        Violation::new(Code::OverrideForbidden, Field::Annotation(key), Origin::Pod, text)
    };
    own.keys().map(forbidden).collect()
}
