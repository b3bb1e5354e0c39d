//! Answers to the creation of a Pod.

use crate::policy::{DryRun, Judgement, Mode, NamespaceSettings, judge};

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
            answer(request, judge(pod.metadata.annotations.ours(), &pod.spec, settings))
        }
        _ => allow(request),
    }
}

fn answer(request: &Request<'_, Pod<'_>>, judgement: Judgement) -> Verdict {
    let outcome = outcome(&judgement);
    let audit = audit_annotations(&judgement, outcome);
    let mode = mode(&judgement);
    let response = if judgement.mistakes.is_empty() {
        Response::allow(request.uid()).patch(judgement.patch)
    } else {
        Response::refuse(request, &judgement.mistakes)
    };
    let response = response.warn(judgement.warnings).audit(audit);
    Verdict::new(mode, outcome, response).because_of(&judgement.mistakes)
}

fn mode(judgement: &Judgement) -> Option<Mode> {
    judgement.in_force.as_ref().map(|in_force| in_force.mode)
}

fn outcome(judgement: &Judgement) -> Outcome {
    match judgement.dry_run {
        Some(DryRun::WouldPatch) => Outcome::WouldPatch,
        Some(DryRun::WouldRefuse) => Outcome::WouldRefuse,
        None if !judgement.mistakes.is_empty() => Outcome::Refused,
        None if !judgement.patch.is_empty() => Outcome::Patched,
        Some(DryRun::Unchanged) | None => Outcome::Unchanged,
    }
}

fn audit_annotations(judgement: &Judgement, outcome: Outcome) -> AuditAnnotations {
    let token = judgement.in_force.as_ref().and_then(|in_force| in_force.token.as_ref());
    AuditAnnotations {
        mode: mode(judgement).map(Mode::as_str),
        audience: token.map(|token| token.audience.clone()),
        ttl: token.map(|token| token.ttl.to_string()),
        settings_from: judgement.settings_from,
        outcome: outcome.as_str(),
    }
}
