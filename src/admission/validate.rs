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
    let mistakes = settings.mistakes();
    let mut warnings = settings.warnings(opted_in);
    if !mistakes.is_empty() && changed && opted_in {
        let response = Response::refuse(request, mistakes).warn(warnings);
        return Verdict::new(None, Outcome::Refused, response).because_of(mistakes);
    }
    warnings.extend(mistakes.iter().map(crate::policy::warning));
    Verdict::new(None, Outcome::Unchanged, Response::allow(request.uid()).warn(warnings))
}
