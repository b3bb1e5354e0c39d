//! Answers to the creation and the change of a Namespace.

use std::sync::Arc;

use crate::policy::{Defaults, NamespaceSettings};

use super::mutate::allow;
use super::object::Namespace;
use super::request::Request;
use super::response::{Outcome, Response, Verdict};

/// Judges the settings of a Namespace that is created or changed.
///
/// Mistakes are refused only where this very request makes them and the Namespace opts in; else
/// they are warnings, so that nothing but our own keys is ever held up.
pub fn validate(request: &Request<'_, Namespace<'_>>, defaults: &Arc<Defaults>) -> Verdict {
    let Some(namespace) = request.object() else { return allow(request) };
    let opted_in = namespace.is_opted_in();
    let settings = NamespaceSettings::parse(request.name(), namespace.metadata.annotations.ours(), defaults);
    let changed = request.old_object().is_none_or(|old| old.settings() != namespace.settings());
    let violations = settings.violations();
    let mut warnings = settings.warnings(opted_in);
    if !violations.is_empty() && changed && opted_in {
        let response = Response::refuse(request, violations).warn(warnings);
        return Verdict::new(None, Outcome::Refused, response).because_of(violations);
    }
    warnings.extend(violations.iter().map(crate::policy::warning));
    Verdict::new(None, Outcome::Unchanged, Response::allow(request.uid()).warn(warnings))
}
