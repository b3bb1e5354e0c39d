//! A Pod under the settings of its Namespace.

use std::borrow::Cow;
use std::sync::Arc;

use json_patch::Patch;

use crate::pod::view::PodSpec;
use crate::pod::{Decision, decide};

use super::Mode;
use super::compile::{Compiled, compile, contradictions};
use super::diagnostics::Code;
use super::namespace::NamespaceSettings;
use super::settings::{Settings, ours};
use super::violation::{Field, Origin, Violation, quote};
use super::warnings::Warnings;

/// What becomes of a Pod, and why.
#[derive(Debug)]
pub struct Evaluation {
    /// The changes; empty where the Pod is refused, or only looked at.
    pub patch: Patch,
    /// Reasons to refuse the Pod; empty where it is allowed.
    pub violations: Vec<Violation>,
    /// What somebody should fix, at most 120 characters each.
    pub warnings: Vec<String>,
    /// What would have become of the Pod, if the Namespace says `dry-run`.
    pub dry_run: Option<DryRun>,
    /// The settings in force; `None` where they are mistaken.
    pub in_force: Option<InForce>,
    /// Which objects the settings come from: `defaults`, `namespace`, `pod` or `namespace,pod`.
    pub settings_from: &'static str,
}

/// What `dry-run` kept from happening.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DryRun {
    /// Nothing would have happened.
    Unchanged,
    /// The Pod would have been patched.
    WouldPatch,
    /// The Pod would have been refused.
    WouldRefuse,
}

/// The settings in force for a Pod.
#[derive(Debug)]
pub struct InForce {
    /// The mode.
    pub mode: Mode,
    /// The configured token, in the modes that have one.
    pub token: Option<ConfiguredToken>,
}

/// The token that `audience` and `ttl` ask for.
#[derive(Debug)]
pub struct ConfiguredToken {
    /// The audience; empty for the API server's own.
    pub audience: String,
    /// The lifetime in seconds.
    pub ttl: u64,
}

/// Judges a Pod, by its annotations and its spec, under the settings of its Namespace.
pub fn evaluate<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    spec: &PodSpec<'_>,
    namespace: &NamespaceSettings,
) -> Evaluation {
    let api = &namespace.defaults.api_audiences;
    let own = own_settings(annotations, namespace);
    let settings_from = settings_from(&own, namespace);
    let mut warnings = key_warnings(&own, namespace);
    let mut evaluation = match in_force(own, namespace) {
        Ok(compiled) => {
            let decision = decide(spec, compiled.plan.as_ref(), api);
            warnings.ineffective(&compiled);
            warnings.findings(&decision.findings, &compiled, spec);
            Evaluation {
                violations: broken(&decision, namespace),
                in_force: Some(InForce::from(&*compiled)),
                patch: decision.patch.unwrap_or_default(),
                ..Evaluation::new(settings_from)
            }
        }
        Err(violations) => Evaluation { violations, ..Evaluation::new(settings_from) },
    };
    evaluation.only_look(namespace.guardrails.dry_run, &mut warnings);
    evaluation.warnings = warnings.into_texts();
    evaluation
}

impl Evaluation {
    fn new(settings_from: &'static str) -> Self {
        Self {
            patch: Patch::default(),
            violations: Vec::new(),
            warnings: Vec::new(),
            dry_run: None,
            in_force: None,
            settings_from,
        }
    }

    /// Drops the patch of a refused Pod, and under `dry-run` everything but the words.
    fn only_look(&mut self, dry_run: bool, warnings: &mut Warnings) {
        let refused = !self.violations.is_empty();
        if dry_run {
            self.violations.iter().rev().for_each(|violation| warnings.would_refuse(violation));
            if let (false, false, Some(in_force)) = (refused, self.patch.is_empty(), &self.in_force) {
                warnings.would_patch(in_force.mode, self.patch.len());
            }
            self.dry_run = Some(match (refused, self.patch.is_empty()) {
                (true, _) => DryRun::WouldRefuse,
                (false, false) => DryRun::WouldPatch,
                (false, true) => DryRun::Unchanged,
            });
            self.violations.clear();
        }
        if dry_run || refused {
            self.patch = Patch::default();
        }
    }
}

impl From<&Compiled> for InForce {
    fn from(compiled: &Compiled) -> Self {
        Self {
            mode: compiled.mode,
            token: compiled.mode.has_token().then(|| ConfiguredToken {
                audience: compiled.audience.name().unwrap_or_default().to_owned(),
                ttl: compiled.ttl.seconds(),
            }),
        }
    }
}

/// The settings that the Pod carries itself.
pub(super) fn own_settings<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    namespace: &NamespaceSettings,
) -> Settings {
    let api = &namespace.defaults.api_audiences;
    Settings::parse(ours(annotations), &Origin::Pod, api, |_, _| Ok(()))
}

fn settings_from(own: &Settings, namespace: &NamespaceSettings) -> &'static str {
    match (namespace.settings.carried.is_empty(), own.carried.is_empty()) {
        (true, true) => "defaults",
        (true, false) => "pod",
        (false, true) => "namespace",
        (false, false) => "namespace,pod",
    }
}

fn key_warnings(own: &Settings, namespace: &NamespaceSettings) -> Warnings {
    let mut warnings = Warnings::default();
    own.unknown.iter().for_each(|name| warnings.unknown_key(name, &Origin::Pod));
    own.misplaced.iter().for_each(|key| warnings.misplaced_key(*key));
    namespace.settings.unknown.iter().for_each(|name| warnings.unknown_key(name, &namespace.origin));
    warnings
}

/// The settings in force, or every reason why there are none.
pub(super) fn in_force(
    own: Settings,
    namespace: &NamespaceSettings,
) -> Result<Cow<'_, Compiled>, Vec<Violation>> {
    let forbidden = forbidden_overrides(&own, namespace);
    if own.carried.is_empty() || !forbidden.is_empty() {
        return match &namespace.compiled {
            Ok(compiled) if forbidden.is_empty() => Ok(Cow::Borrowed(compiled)),
            Ok(_) => Err(forbidden),
            Err(violations) => Err([violations.as_slice(), &forbidden].concat()),
        };
    }
    let mut violations = namespace.settings.violations.clone();
    violations.extend_from_slice(&own.violations);
    let merged = Arc::new(own.over(&namespace.settings));
    let max_ttl = namespace.guardrails.max_ttl;
    if violations.is_empty() {
        return compile(merged, &namespace.defaults, max_ttl).map(Cow::Owned);
    }
    let more = contradictions(merged, &namespace.defaults, max_ttl, &violations);
    Err([violations, more].concat())
}

fn forbidden_overrides(own: &Settings, namespace: &NamespaceSettings) -> Vec<Violation> {
    if !namespace.guardrails.deny_pod_overrides {
        return Vec::new();
    }
    let forbidden = |key| Violation {
        code: Code::OverrideForbidden,
        field: Field::Annotation(key),
        origin: Origin::Pod,
        text: format!("stands on the Pod, but {} says pod-overrides: deny", namespace.origin),
    };
    own.carried.iter().copied().map(forbidden).collect()
}

/// What the resulting spec must not be.
fn broken(decision: &Decision<'_>, namespace: &NamespaceSettings) -> Vec<Violation> {
    let taken = |name: &String| Violation {
        code: Code::VolumeTaken,
        field: Field::Volumes,
        origin: Origin::Pod,
        text: format!(
            "{} in the Pod holds no service account token, but has a name that is kept for those: rename that volume",
            quote(name)
        ),
    };
    let mut violations: Vec<Violation> = decision.taken_volumes.iter().map(taken).collect();
    if decision.patch.is_none() {
        violations.push(Violation {
            code: Code::TooLarge,
            field: Field::Volumes,
            origin: Origin::Pod,
            text: "the Pod would need more than 10000 changes, or more than 1 MiB of them".to_owned(),
        });
    }
    let api = &namespace.defaults.api_audiences;
    violations.extend(namespace.guardrails.check(&decision.projections, &namespace.origin, api));
    violations
}
