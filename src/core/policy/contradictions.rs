//! Contradictions between settings of which others are invalid, so that a refusal names every mistake at once.

use std::borrow::Cow;
use std::sync::Arc;

use super::compile::compile_all;
use super::diagnostics::Code;
use super::settings::Settings;
use super::violation::Violation;
use super::{Defaults, Mode};

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
pub(super) fn in_each_mode(
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
