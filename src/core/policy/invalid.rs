//! What else is wrong beside invalid settings, so that a refusal names every mistake at once.

use std::sync::Arc;

use crate::pod::PodPatch;
use crate::pod::view::PodSpec;

use super::Defaults;
use super::compile::compile_all;
use super::contradictions::in_each_mode;
use super::diagnostics::Code;
use super::keys::Key;
use super::namespace::NamespaceSettings;
use super::settings::Settings;
use super::spec_violations::spec_violations;
use super::violation::Violation;

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
