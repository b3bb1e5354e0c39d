//! The settings of a Namespace, parsed once when it changes.

use std::sync::{Arc, LazyLock};

use crate::printable::shortened;
use crate::rfc1123::MAX_LABEL;

use super::Defaults;
use super::compile::{Compiled, compile};
use super::contradictions::contradictions;
use super::diagnostics::Code;
use super::evaluation::{Evaluation, Outcome};
use super::keys::Key;
use super::origin::Origin;
use super::settings::{Settings, own_annotations};
use super::value::Value;
use super::value_error::quote;
use super::values::Context;
use super::violation::{Field, Violation};
use super::warnings::{Warning, Warnings};

/// The empty settings, shared by the many Namespaces that have none.
static NO_SETTINGS: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);

/// The settings of one Namespace that opts in, valid or not.
#[derive(Clone, Debug)]
pub struct NamespaceSettings {
    pub(super) origin: Origin,
    pub(super) defaults: Arc<Defaults>,
    pub(super) settings: Arc<Settings>,
    /// The settings in force for a Pod without settings of its own.
    pub(super) compiled: Result<Compiled, Vec<Violation>>,
}

impl NamespaceSettings {
    /// Parses the annotations of a Namespace; other keys are ignored.
    pub fn parse<'a>(
        name: &str,
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
        defaults: &Arc<Defaults>,
    ) -> Self {
        let origin = Origin::Namespace(shortened(name, MAX_LABEL).0.into());
        let context = Context { origin: &origin, api: &defaults.api_audiences };
        let mut settings = Settings::parse(own_annotations(annotations), &context);
        settings.violations.extend(above_maximum(&settings));
        let settings = if settings.is_empty() { Arc::clone(&NO_SETTINGS) } else { Arc::new(settings) };
        let compiled = if settings.violations.is_empty() {
            compile(Arc::clone(&settings), defaults)
        } else {
            let more = contradictions(&settings, defaults, &settings.violations);
            Err([settings.violations.as_slice(), &more].concat())
        };
        Self { origin, defaults: Arc::clone(defaults), settings, compiled }
    }

    /// Every violation in the annotations.
    pub fn violations(&self) -> &[Violation] {
        self.compiled.as_ref().err().map_or(&[], Vec::as_slice)
    }

    /// Whether Pods are allowed unchanged, with warnings in place of changes and refusals.
    pub fn is_dry_run(&self) -> bool {
        self.settings.find(Value::dry_run) == Some(&true)
    }

    /// Evaluates the Namespace itself, when it is created or changed.
    ///
    /// It is refused only if it opts in and the request changes its settings (`changed`). Otherwise its
    /// violations are warnings, so that no other change of a Namespace is blocked.
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
        if let (false, Some(key)) = (opted_in, self.settings.keys().next()) {
            warnings.not_opted_in(key, &self.origin);
        }
        warnings.into_vec()
    }
}

/// The violation if `ttl` is above `max-ttl`: every Pod would be refused.
fn above_maximum(settings: &Settings) -> Option<Violation> {
    let setting = settings.get(Key::Ttl)?;
    let max = settings.find(Value::max_ttl).filter(|max| settings.find(Value::ttl) > Some(max))?;
    let text = format!(
        "{} on {} is above max-ttl {} of the same Namespace: lower one or raise the other",
        quote(&setting.text),
        setting.origin,
        quote(&max.to_string())
    );
    Some(Violation::new(Code::AboveMaximum, Field::Annotation(Key::Ttl), setting.origin.clone(), text))
}
