//! What else is wrong beside invalid settings, so that a refusal names every mistake at once.

use std::borrow::Cow;
use std::sync::Arc;

use crate::pod::PodPatch;
use crate::pod::view::PodSpec;

use super::compile::compile_all;
use super::diagnostics::Code;
use super::evaluate::spec_violations;
use super::keys::Key;
use super::namespace::NamespaceSettings;
use super::settings::Settings;
use super::violation::Violation;
use super::{Defaults, Mode};

/// Settings that cannot be in force.
#[derive(Debug)]
pub(super) struct InvalidSettings {
    /// The reasons.
    pub(super) violations: Vec<Violation>,
    /// The settings; the valid ones among them are judged further.
    pub(super) settings: Arc<Settings>,
}

impl InvalidSettings {
    /// The violations, and those of the spec under the settings that are valid.
    pub(super) fn with_spec(self, spec: &PodSpec<'_>, namespace: &NamespaceSettings) -> Vec<Violation> {
        let settings = self.judged(namespace);
        let of_spec = |defaults: &Defaults| {
            let (compiled, _) = compile_all(Arc::clone(&settings), defaults);
            let patch = PodPatch::new(spec, compiled.plan.as_ref(), &namespace.defaults.api_audiences);
            spec_violations(&patch, &compiled, namespace)
        };
        let more = in_each_mode(&self.violations, &namespace.defaults, of_spec);
        [self.violations, more].concat()
    }

    /// The settings under which the spec is judged: without a `ttl` of the Namespace above its own maximum, which is
    /// one mistake and not one of each Pod as well.
    fn judged(&self, namespace: &NamespaceSettings) -> Arc<Settings> {
        if self.violations.iter().any(|violation| violation.code == Code::AboveMaximum) {
            Arc::new(self.settings.without(Key::Ttl, &namespace.origin))
        } else {
            Arc::clone(&self.settings)
        }
    }
}

/// The contradictions that do not depend on an `invalid` setting.
pub(super) fn contradictions(
    settings: &Arc<Settings>,
    defaults: &Defaults,
    invalid: &[Violation],
) -> Vec<Violation> {
    let invalid_keys = || {
        invalid
            .iter()
            .filter(|violation| !violation.is_forbidden())
            .filter_map(|violation| violation.field.key())
    };
    let depends = |violation: &Violation| invalid_keys().any(|key| key.may_cause(violation.code));
    let mut violations =
        in_each_mode(invalid, defaults, |defaults| compile_all(Arc::clone(settings), defaults).1);
    violations.retain(|violation| !depends(violation));
    violations
}

/// The modes in which settings matter.
const MODES: [Mode; 3] = [Mode::Replace, Mode::Disable, Mode::Add];

/// Violations that hold in each of [`MODES`], if the mode is among the `invalid` settings.
fn in_each_mode(
    invalid: &[Violation],
    defaults: &Defaults,
    find: impl Fn(&Defaults) -> Vec<Violation>,
) -> Vec<Violation> {
    let is_unknown = invalid.iter().any(|violation| violation.code == Code::Mode);
    let modes = if is_unknown { &MODES[..] } else { &[] };
    let assumed = modes.iter().map(|mode| Cow::Owned(Defaults { mode: *mode, ..defaults.clone() }));
    let assumed = assumed.chain((!is_unknown).then_some(Cow::Borrowed(defaults)));
    let found = assumed.map(|defaults| find(&defaults));
    found
        .reduce(|mut common, other| {
            common.retain(|violation| other.contains(violation));
            common
        })
        .unwrap_or_default()
}
