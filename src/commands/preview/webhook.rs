//! Asks the webhook as an API server does: the same bytes in, the same bytes out.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use json_patch::Patch;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admission::{self, BadReview, Request};
use crate::policy::{Defaults, NamespaceSettings};

/// What the webhook answers.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The RFC 6902 document; empty when there is none.
    pub(super) patch: Patch,
    /// Why the object is refused, one sentence per mistake; empty when it is allowed.
    pub(super) refusals: Vec<String>,
    /// What people should mend.
    pub(super) warnings: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The webhook would answer HTTP 400, with this explanation.
    #[error("the webhook cannot read it: {0}")]
    Unreadable(String),
    /// The answer makes no sense.
    #[error("the webhook's answer makes no sense, please report this: {0}")]
    Answer(#[from] serde_json::Error),
    /// The patch is no base64.
    #[error("the webhook's patch makes no sense, please report this: {0}")]
    Base64(#[from] base64::DecodeError),
}

impl From<BadReview> for Error {
    /// Nobody who previews a manifest has sent a review, nor can they count columns in it.
    fn from(bad: BadReview) -> Self {
        let sentence = bad.to_string();
        let (_, explanation) = sentence.split_once("AdmissionReview: ").unwrap_or(("", &sentence));
        Self::Unreadable(explanation.split(" at line ").next().unwrap_or(explanation).to_owned())
    }
}

/// Sends the creation of a Pod.
pub(super) fn mutate(pod: &Value, settings: &NamespaceSettings) -> Result<Answer, Error> {
    let review = review("Pod", "pods", pod);
    let request = Request::parse(&review)?;
    answer(&admission::mutate(&request, settings).into_body())
}

/// Sends the creation of a Namespace.
pub(super) fn validate(namespace: &Value, defaults: &Arc<Defaults>) -> Result<Answer, Error> {
    let review = review("Namespace", "namespaces", namespace);
    let request = Request::parse(&review)?;
    answer(&admission::validate(&request, defaults).into_body())
}

/// The `AdmissionReview` for the creation of an object of the core group.
fn review(kind: &str, resource: &str, object: &Value) -> String {
    let kind = json!({"group": "", "version": "v1", "kind": kind});
    let resource = json!({"group": "", "version": "v1", "resource": resource});
    let metadata = |field: &str| object.pointer(&format!("/metadata/{field}")).cloned().unwrap_or_default();
    let review = json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "00000000-0000-0000-0000-000000000000",
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": metadata("name"),
            "namespace": metadata("namespace"),
            "operation": "CREATE",
            "userInfo": {"username": "boundtoken:preview"},
            "object": object,
            "oldObject": null,
            "dryRun": true,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    });
    review.to_string()
}

#[derive(Deserialize)]
struct Review {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    allowed: bool,
    patch: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    message: String,
    #[serde(default)]
    details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    field: String,
    message: String,
}

fn answer(body: &[u8]) -> Result<Answer, Error> {
    let Response { allowed, patch, warnings, status } = serde_json::from_slice::<Review>(body)?.response;
    let patch = match patch {
        Some(patch) => serde_json::from_slice(&BASE64_STANDARD.decode(patch)?)?,
        None => Patch::default(),
    };
    let refusals = status.filter(|_| !allowed).map(refusals).unwrap_or_default();
    Ok(Answer { patch, refusals, warnings })
}

fn refusals(status: Status) -> Vec<String> {
    let causes: Vec<String> = status.details.causes.iter().map(sentence).collect();
    if causes.is_empty() { vec![status.message] } else { causes }
}

/// The cause with its annotation key in front, as it stands in a warning.
fn sentence(Cause { field, message }: &Cause) -> String {
    let key = field.strip_prefix("metadata.annotations[").and_then(|rest| rest.strip_suffix(']'));
    format!("{}: {message}", key.unwrap_or(field))
}
