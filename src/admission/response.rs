//! An admission response (`AdmissionResponse` in `k8s.io/api/admission/v1/types.go`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde::{Serialize, Serializer};

use crate::policy::diagnostics::Code;
use crate::policy::{Mode, Violation};

use super::object::Object;
use super::request::Request;

/// Most mistakes that one answer spells out.
const MAX_VIOLATIONS: usize = 24;

/// Longest name of an object, in bytes: a DNS subdomain (RFC 1123). Nothing has checked it before.
const MAX_NAME: usize = 253;

/// What became of a request: a value of the label `outcome` in metrics and audit annotations.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Allowed with a patch.
    Patched,
    /// Refused.
    Refused,
    /// Allowed as it is.
    Unchanged,
    /// Allowed as it is because of `dry-run`; else it would have been patched.
    WouldPatch,
    /// Allowed as it is because of `dry-run`; else it would have been refused.
    WouldRefuse,
}

impl Outcome {
    /// The outcome as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::Refused => "refused",
            Self::Unchanged => "unchanged",
            Self::WouldPatch => "would-patch",
            Self::WouldRefuse => "would-refuse",
        }
    }
}

/// The answer to a request, ready for the wire.
#[derive(Debug)]
pub struct Verdict {
    /// The mode that was in force; `None` where no settings applied.
    pub mode: Option<Mode>,
    /// What became of the request.
    pub outcome: Outcome,
    /// Why it was refused: each code once.
    pub codes: Vec<Code>,
    body: Vec<u8>,
}

impl Verdict {
    pub(super) fn new(mode: Option<Mode>, outcome: Outcome, response: Response<'_>) -> Self {
        let review = Review { api_version: "admission.k8s.io/v1", kind: "AdmissionReview", response };
        // Maps with string keys and finite numbers always serialise; an empty body would be refused.
        let body = serde_json::to_vec(&review).unwrap_or_default();
        Self { mode, outcome, codes: Vec::new(), body }
    }

    /// The same verdict with the codes of these mistakes.
    pub(super) fn because_of(self, violations: &[Violation]) -> Self {
        let mut codes: Vec<Code> = violations.iter().map(|violation| violation.code).collect();
        codes.sort_unstable();
        codes.dedup();
        Self { codes, ..self }
    }

    /// The response as JSON.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'a str,
    kind: &'a str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_annotations: Option<AuditAnnotations>,
    /// Present if and only if there is a patch: the API server accepts neither alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "is_empty", serialize_with = "base64")]
    patch: Patch,
}

/// Annotations of the audit event; a key has no `/`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AuditAnnotations {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<String>,
    pub(super) settings_from: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    reason: &'static str,
    message: String,
    details: Details<'a>,
}

/// What `kubectl` prints of a refusal as `Invalid`: `The Pod "web" is invalid:` and the causes.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    object: Option<Refused<'a>>,
    causes: Vec<Cause>,
}

/// The object, if it has a name yet. Controllers, whose events gather by text, do not repeat it.
#[derive(Serialize)]
struct Refused<'a> {
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct Cause {
    reason: &'static str,
    field: String,
    message: String,
}

impl<'a> Response<'a> {
    /// Allows a request as it is.
    pub(super) fn allow(uid: &'a str) -> Self {
        Self {
            uid,
            allowed: true,
            status: None,
            warnings: Vec::new(),
            audit_annotations: None,
            patch_type: None,
            patch: Patch::default(),
        }
    }

    /// Refuses a request for these mistakes.
    pub(super) fn refuse<O: Object>(request: &'a Request<'_, O>, violations: &[Violation]) -> Self {
        let refused = Refused { kind: O::KIND, name: request.name() };
        let object = (1..=MAX_NAME).contains(&refused.name.len()).then_some(refused);
        Self { allowed: false, status: Some(Status::of(object, violations)), ..Self::allow(request.uid()) }
    }

    pub(super) fn patch(self, patch: Patch) -> Self {
        Self { patch_type: (!patch.is_empty()).then_some("JSONPatch"), patch, ..self }
    }

    pub(super) fn warn(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }

    pub(super) fn audit(self, annotations: AuditAnnotations) -> Self {
        Self { audit_annotations: Some(annotations), ..self }
    }
}

impl<'a> Status<'a> {
    fn of(object: Option<Refused<'a>>, violations: &[Violation]) -> Self {
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

fn is_empty(patch: &Patch) -> bool {
    patch.is_empty()
}

fn base64<S: Serializer>(patch: &Patch, serializer: S) -> Result<S::Ok, S::Error> {
    let json = serde_json::to_vec(patch).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&STANDARD.encode(json))
}
