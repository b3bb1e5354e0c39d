//! Answers to the creation and the change of a Namespace.

use std::sync::Arc;

use serde::Deserialize;

use crate::pod::text::object;
use crate::pod::view::Metadata;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};
use crate::policy::{Defaults, NamespaceSettings};

use super::mutate::allow;
use super::request::{Object, Request};
use super::response::{Outcome, Response, Verdict};

/// A Namespace as far as its settings are concerned.
#[derive(Debug, Deserialize)]
pub struct Namespace<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    metadata: Metadata<'a>,
}

impl Namespace<'_> {
    fn is_opted_in(&self) -> bool {
        self.metadata.labels.get(OPT_IN_LABEL) == Some(OPT_IN_VALUE)
    }

    /// What of the Namespace matters here, sorted.
    fn settings(&self) -> (bool, Vec<(&str, &str)>) {
        let mut annotations: Vec<_> = self.metadata.annotations.ours().collect();
        annotations.sort_unstable();
        (self.is_opted_in(), annotations)
    }
}

impl Object for Namespace<'_> {
    const RESOURCE: &'static str = "namespaces";
    const OPERATIONS: &'static [&'static str] = &["CREATE", "UPDATE"];
}

/// Judges the settings of a Namespace that is created or changed.
///
/// Mistakes are refused only where this very request makes them and the Namespace opts in; else
/// they are warnings, so that nothing but our own keys is ever held up.
#[must_use]
pub fn validate(request: &Request<'_, Namespace<'_>>, defaults: &Arc<Defaults>) -> Verdict {
    let Some(namespace) = request.object() else { return allow(request) };
    let opted_in = namespace.is_opted_in();
    let settings = NamespaceSettings::parse(request.name(), namespace.metadata.annotations.ours(), defaults);
    let changed = request.old_object().is_none_or(|old| old.settings() != namespace.settings());
    let mistakes = settings.mistakes();
    let mut warnings = settings.warnings(opted_in);
    if !mistakes.is_empty() && changed && opted_in {
        let response = Response::refuse(request.uid(), mistakes).warn(warnings);
        return Verdict::new(None, Outcome::Refused, response);
    }
    warnings.extend(mistakes.iter().map(crate::policy::warning));
    Verdict::new(None, Outcome::Unchanged, Response::allow(request.uid()).warn(warnings))
}
