//! The settings of a Namespace, parsed once when it changes.

use std::sync::{Arc, LazyLock};

use crate::rfc1123::MAX_LABEL;

use super::Defaults;
use super::compile::{Compiled, compile, contradictions};
use super::diagnostics::Code;
use super::evaluate::{Evaluation, Outcome};
use super::guardrails::Guardrails;
use super::keys::Key;
use super::settings::{Settings, ours};
use super::violation::{Field, Origin, Violation, printable, quote};
use super::warnings::{Warning, Warnings};

/// What most Namespaces say, once for all of them.
static LABEL_ALONE: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);

/// The settings of one Namespace that opted in, with its mistakes kept as mistakes.
#[derive(Clone, Debug)]
pub struct NamespaceSettings {
    pub(super) origin: Origin,
    pub(super) defaults: Arc<Defaults>,
    pub(super) guardrails: Guardrails,
    pub(super) settings: Arc<Settings>,
    /// What holds for a Pod that carries no settings.
    pub(super) compiled: Result<Compiled, Vec<Violation>>,
}

impl NamespaceSettings {
    /// Parses the annotations of a Namespace; keys without our prefix are passed over.
    pub fn parse<'a>(
        name: &str,
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
        defaults: &Arc<Defaults>,
    ) -> Self {
        let origin = Origin::Namespace(printable(name, MAX_LABEL).0.into());
        let mut guardrails = Guardrails::default();
        let mut settings =
            Settings::parse(ours(annotations), &origin, &defaults.api_audiences, |key, text| {
                guardrails.read(key, text)
            });
        settings.violations.extend(above_maximum(&settings, &guardrails));
        let settings = if settings.is_empty() { Arc::clone(&LABEL_ALONE) } else { Arc::new(settings) };
        let compiled = if settings.violations.is_empty() {
            compile(Arc::clone(&settings), defaults, guardrails.max_ttl)
        } else {
            let more =
                contradictions(Arc::clone(&settings), defaults, guardrails.max_ttl, &settings.violations);
            Err([settings.violations.as_slice(), &more].concat())
        };
        Self { origin, defaults: Arc::clone(defaults), guardrails, settings, compiled }
    }

    /// Every mistake in the annotations.
    pub fn violations(&self) -> &[Violation] {
        self.compiled.as_ref().err().map_or(&[], Vec::as_slice)
    }

    /// Whether Pods are allowed as they are, whatever the settings say.
    pub fn is_dry_run(&self) -> bool {
        self.guardrails.dry_run
    }

    /// Evaluates the Namespace itself, when it is created or changed.
    ///
    /// It is refused only if it opts in and `changed` what matters here; otherwise its violations
    /// are warnings, so that no other change of a Namespace is ever held up.
    pub fn evaluate(&self, opted_in: bool, changed: bool) -> Evaluation {
        let violations = self.violations();
        let mut warnings = self.warnings(opted_in);
        if opted_in && changed && !violations.is_empty() {
            let (outcome, violations) = (Outcome::Refused, violations.to_vec());
            return Evaluation { outcome, violations, warnings, ..Evaluation::unchanged() };
        }
        warnings.extend(violations.iter().map(Warning::from));
        Evaluation { warnings, ..Evaluation::unchanged() }
    }

    /// Warnings about the annotations themselves.
    fn warnings(&self, opted_in: bool) -> Vec<Warning> {
        let mut warnings = Warnings::default();
        for name in &self.settings.unknown {
            warnings.unknown_key(name, &self.origin);
        }
        if let Ok(compiled) = &self.compiled {
            warnings.ineffective(compiled);
        }
        if let (false, Some(key)) = (opted_in, self.settings.carried.first()) {
            warnings.not_opted_in(*key, &self.origin);
        }
        warnings.into_vec()
    }
}

/// A `ttl` that every Pod of the Namespace would be refused for.
fn above_maximum(settings: &Settings, guardrails: &Guardrails) -> Option<Violation> {
    let setting = settings.ttl.as_ref()?;
    let max = guardrails.max_ttl.filter(|max| setting.value.ttl > *max)?;
    let text = format!(
        "{} on {} is above max-ttl {} of the same Namespace: lower one or raise the other",
        quote(&setting.value.text),
        setting.origin,
        quote(&max.to_string())
    );
    Some(Violation {
        code: Code::AboveMaximum,
        field: Field::Annotation(Key::Ttl),
        origin: setting.origin.clone(),
        text,
    })
}
