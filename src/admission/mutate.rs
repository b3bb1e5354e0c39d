//! Answers to the creation of a Pod.

use crate::policy::{DryRun, Evaluation, Mode, NamespaceSettings, evaluate};

use super::object::Pod;
use super::request::Request;
use super::response::{AuditAnnotations, Outcome, Response, Verdict};

/// Allows a request untouched: no Pod creation, or a Namespace that did not opt in.
pub fn allow<O>(request: &Request<'_, O>) -> Verdict {
    Verdict::new(None, Outcome::Unchanged, Response::allow(request.uid()))
}

/// Decides about the creation of a Pod under the settings of its Namespace.
///
/// Mirror Pods are allowed untouched: the ServiceAccount admission plugin keeps tokens out of them.
pub fn mutate(request: &Request<'_, Pod<'_>>, settings: &NamespaceSettings) -> Verdict {
    match request.object() {
        Some(pod) if !pod.is_mirror() => {
            answer(request, evaluate(pod.metadata.annotations.ours(), &pod.spec, settings))
        }
        _ => allow(request),
    }
}

fn answer(request: &Request<'_, Pod<'_>>, evaluation: Evaluation) -> Verdict {
    let outcome = outcome(&evaluation);
    let audit = audit_annotations(&evaluation, outcome);
    let mode = mode(&evaluation);
    let response = if evaluation.violations.is_empty() {
        Response::allow(request.uid()).patch(evaluation.patch)
    } else {
        Response::refuse(request, &evaluation.violations)
    };
    let response = response.warn(evaluation.warnings).audit(audit);
    Verdict::new(mode, outcome, response).because_of(&evaluation.violations)
}

fn mode(evaluation: &Evaluation) -> Option<Mode> {
    evaluation.in_force.as_ref().map(|in_force| in_force.mode)
}

fn outcome(evaluation: &Evaluation) -> Outcome {
    match evaluation.dry_run {
        Some(DryRun::WouldPatch) => Outcome::WouldPatch,
        Some(DryRun::WouldRefuse) => Outcome::WouldRefuse,
        None if !evaluation.violations.is_empty() => Outcome::Refused,
        None if !evaluation.patch.is_empty() => Outcome::Patched,
        Some(DryRun::Unchanged) | None => Outcome::Unchanged,
    }
}

fn audit_annotations(evaluation: &Evaluation, outcome: Outcome) -> AuditAnnotations {
    let token = evaluation.in_force.as_ref().and_then(|in_force| in_force.token.as_ref());
    AuditAnnotations {
        mode: mode(evaluation).map(Mode::as_str),
        audience: token.map(|token| token.audience.clone()),
        ttl: token.map(|token| token.ttl.to_string()),
        settings_from: evaluation.settings_from,
        outcome: outcome.as_str(),
    }
}
