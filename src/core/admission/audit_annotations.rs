//! The annotations that a response adds to the audit event of its request.

use serde::Serialize;

use crate::pod::token::Audience;
use crate::policy::{Evaluation, Mode};

/// Annotations of the audit event. Their keys must not contain `/`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AuditAnnotations {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    settings_from: &'static str,
    outcome: &'static str,
}

/// The keys, without the name of the webhook that the API server puts before them, and their meanings.
pub const AUDIT_ANNOTATIONS: [(&str, &str); 5] = [
    ("mode", "the mode in effect; absent if the settings are invalid"),
    (
        "audience",
        "the audience of the configured token, in the modes that have one; empty for that of the API server",
    ),
    ("ttl", "the lifetime of the configured token in seconds, in the modes that have one"),
    ("settings-from", "where settings were found: `defaults`, `namespace`, `pod` or `namespace,pod`"),
    ("outcome", "as in `boundtoken_admissions_total`"),
];

impl AuditAnnotations {
    /// The annotations for a Pod; a Namespace has no settings in force and gets none.
    pub(super) fn of(evaluation: &Evaluation) -> Option<Self> {
        let audience = |audience: &Audience| audience.name().unwrap_or_default().to_owned();
        Some(Self {
            mode: evaluation.mode.map(Mode::as_str),
            audience: evaluation.audience.as_ref().map(audience),
            ttl: evaluation.ttl.map(|ttl| ttl.seconds().to_string()),
            settings_from: evaluation.settings_from?,
            outcome: evaluation.outcome.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_annotation_is_listed() {
        let annotations = AuditAnnotations {
            mode: Some(""),
            audience: Some(String::new()),
            ttl: Some(String::new()),
            settings_from: "",
            outcome: "",
        };
        let serialized = serde_json::to_value(annotations).unwrap();
        let listed = AUDIT_ANNOTATIONS.map(|(key, _)| key);
        assert!(serialized.as_object().unwrap().keys().eq(listed), "{serialized}");
    }
}
