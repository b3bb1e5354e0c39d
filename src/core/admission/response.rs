//! An admission response (`AdmissionResponse` in `k8s.io/api/admission/v1/types.go`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde::Serialize;

use crate::policy::diagnostics::Code;
use crate::policy::{Evaluation, Mode, Outcome, Violation, Warning};
use crate::rfc1123::MAX_SUBDOMAIN;

use super::audit_annotations::AuditAnnotations;
use super::object::ReviewedObject;
use super::request::Request;

/// Most violations that one response lists.
const MAX_VIOLATIONS: usize = 24;

/// A response, ready to be sent, and its properties for logs and metrics.
#[derive(Debug)]
pub struct Response {
    /// The mode in force; `None` where no settings applied.
    pub mode: Option<Mode>,
    /// The result.
    pub outcome: Outcome,
    /// The codes of the violations, sorted and without duplicates.
    pub codes: Vec<Code>,
    /// The codes of the warnings, sorted and without duplicates.
    pub warnings: Vec<Code>,
    body: Vec<u8>,
}

impl Response {
    /// Allows a request as it is, without settings.
    pub(super) fn allow<O>(request: &Request<'_, O>) -> Self {
        let response = AdmissionResponse::allow(request.uid());
        let (outcome, codes, warnings) = (Outcome::Unchanged, Vec::new(), Vec::new());
        Self { mode: None, outcome, codes, warnings, body: response.into_body() }
    }

    /// Responds with the result of an evaluation.
    pub(super) fn new<O: ReviewedObject>(request: &Request<'_, O>, evaluation: Evaluation) -> Self {
        let Evaluation { mode, outcome, .. } = evaluation;
        let codes = sorted(evaluation.violations.iter().map(|violation| violation.code));
        let warnings = sorted(evaluation.warnings.iter().map(|warning| warning.code));
        let body = AdmissionResponse::new(request, evaluation).into_body();
        Self { mode, outcome, codes, warnings, body }
    }

    /// Bytes of the body.
    pub fn body_len(&self) -> usize {
        self.body.len()
    }

    /// The `AdmissionReview` as JSON.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

fn sorted(codes: impl Iterator<Item = Code>) -> Vec<Code> {
    let mut codes: Vec<Code> = codes.collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionReview<'a> {
    api_version: &'a str,
    kind: &'a str,
    response: AdmissionResponse<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionResponse<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_annotations: Option<AuditAnnotations>,
    #[serde(skip)]
    patch: Patch,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    reason: &'static str,
    message: String,
    details: Details<'a>,
}

/// The details that `kubectl` prints for the reason `Invalid`: `The Pod "web" is invalid:` and the causes.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    object: Option<ObjectRef<'a>>,
    causes: Vec<Cause>,
}

/// The refused object, if it already has a name. Controllers leave it out of their events, which aggregate by
/// text.
#[derive(Serialize)]
struct ObjectRef<'a> {
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct Cause {
    reason: &'static str,
    field: String,
    message: String,
}

impl<'a> AdmissionResponse<'a> {
    /// Allows a request as it is.
    fn allow(uid: &'a str) -> Self {
        Self {
            uid,
            allowed: true,
            status: None,
            warnings: Vec::new(),
            audit_annotations: None,
            patch: Patch::default(),
        }
    }

    fn new<O: ReviewedObject>(request: &'a Request<'_, O>, evaluation: Evaluation) -> Self {
        let violations = &evaluation.violations;
        Self {
            allowed: violations.is_empty(),
            status: (!violations.is_empty()).then(|| Status::of(request, violations)),
            warnings: texts(&evaluation.warnings),
            audit_annotations: AuditAnnotations::of(&evaluation),
            patch: evaluation.patch,
            ..Self::allow(request.uid())
        }
    }

    fn into_body(self) -> Vec<u8> {
        let (api_version, kind) = ("admission.k8s.io/v1", "AdmissionReview");
        let review = AdmissionReview { api_version, kind, response: self };
        // Maps with string keys and finite numbers always serialise; an empty body would be refused.
        let body = serde_json::to_string(&review).unwrap_or_default();
        with_patch(body, &review.response.patch).into_bytes()
    }
}

/// The warnings cut to the length that the API recommends, without the duplicates that this may produce.
fn texts(warnings: &[Warning]) -> Vec<String> {
    let mut texts = Vec::with_capacity(warnings.len());
    for text in warnings.iter().map(Warning::fitted) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

impl<'a> Status<'a> {
    fn of<O: ReviewedObject>(request: &'a Request<'_, O>, violations: &[Violation]) -> Self {
        let object = ObjectRef { kind: O::KIND, name: request.name() };
        // The name is not validated yet.
        let object = (1..=MAX_SUBDOMAIN).contains(&object.name.len()).then_some(object);
        let guardrails_only = violations.iter().all(Violation::is_forbidden);
        let (code, reason) = if guardrails_only { (403, "Forbidden") } else { (422, "Invalid") };
        let spelt_out = violations.iter().take(MAX_VIOLATIONS);
        let mut lines: Vec<String> = spelt_out.clone().map(ToString::to_string).collect();
        let mut causes: Vec<Cause> = spelt_out.map(Cause::of).collect();
        if let Some(next) = violations.get(MAX_VIOLATIONS) {
            let rest = format!("and {} more", violations.len() - MAX_VIOLATIONS);
            causes.push(Cause { message: rest.clone(), ..Cause::of(next) });
            lines.push(rest);
        }
        Self { code, reason, message: lines.join(" | "), details: Details { object, causes } }
    }
}

impl Cause {
    fn of(violation: &Violation) -> Self {
        let reason = if violation.is_forbidden() { "FieldValueForbidden" } else { "FieldValueInvalid" };
        Self { reason, field: violation.field.path(), message: violation.message() }
    }
}

/// Appends `patchType` and `patch` to a review. The API server requires both or neither, and refuses an empty
/// patch.
fn with_patch(mut review: String, patch: &Patch) -> String {
    if !patch.is_empty() {
        // As a field of the response, serde_json would copy the base64 text and scan it for characters to
        // escape.
        review.truncate(review.len().saturating_sub(CLOSING.len()));
        review.push_str(r#","patchType":"JSONPatch","patch":""#);
        STANDARD.encode_string(serde_json::to_vec(patch).unwrap_or_default(), &mut review);
        review.push('"');
        review.push_str(CLOSING);
    }
    review
}

/// The closing braces of the response and the review.
const CLOSING: &str = "}}";
