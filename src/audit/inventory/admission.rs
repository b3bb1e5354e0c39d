//! What the webhook would do with a Pod. The webhook's own function decides it.

use crate::admission::Pod;
use crate::policy::diagnostics::{Code, Severity};
use crate::policy::{Evaluation, Mode, NamespaceSettings, Outcome};

/// What the webhook would do with a Pod under the settings of its Namespace, if it were called and not in `dry-run`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodAdmission {
    /// The effect.
    pub effect: AdmissionEffect,
    /// The mode in force; `None` for a mirror Pod and where the settings are invalid.
    pub mode: Option<Mode>,
}

/// The effect of the webhook on a Pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum AdmissionEffect {
    /// The Pod is what its settings ask for: a patch applied to its own result changes nothing.
    #[default]
    Unchanged,
    /// The Pod would get other tokens.
    Patched,
    /// The Pod would be refused, with these codes in order.
    Refused(Vec<Code>),
}

impl PodAdmission {
    /// Evaluates a Pod, running or predicted.
    pub fn of(pod: &Pod<'_>, settings: &NamespaceSettings) -> Self {
        let Some(evaluation) = pod.evaluate(settings) else { return Self::default() };
        let effect = match evaluation.outcome {
            Outcome::Unchanged => AdmissionEffect::Unchanged,
            Outcome::Patched | Outcome::WouldPatch => AdmissionEffect::Patched,
            Outcome::Refused | Outcome::WouldRefuse => AdmissionEffect::Refused(codes(&evaluation)),
        };
        Self { effect, mode: evaluation.mode }
    }
}

/// The codes of the violations. Under `dry-run`, these are warnings.
fn codes(evaluation: &Evaluation) -> Vec<Code> {
    let refuses = |code: &Code| matches!(code.severity(), Severity::Forbidden | Severity::Invalid);
    let violations = evaluation.violations.iter().map(|violation| violation.code);
    let warnings = evaluation.warnings.iter().map(|warning| warning.code).filter(refuses);
    let mut codes: Vec<Code> = violations.chain(warnings).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::policy::Defaults;

    /// A Pod whose token asks for that many seconds.
    fn pod(seconds: u64) -> Value {
        let source = json!({"serviceAccountToken": {"expirationSeconds": seconds, "path": "token"}});
        let volume = json!({"name": "kube-api-access-x", "projected": {"sources": [source]}});
        let mount = json!({"name": "kube-api-access-x", "mountPath": crate::pod::token::DEFAULT_DIRECTORY});
        let container = json!({"name": "app", "volumeMounts": [mount]});
        json!({"spec": {"volumes": [volume], "containers": [container]}})
    }

    fn effect(pod: &Value, annotations: &[(&str, &str)]) -> AdmissionEffect {
        let defaults = Arc::new(Defaults::default());
        let settings = NamespaceSettings::parse("shop", annotations.iter().copied(), &defaults);
        let text = pod.to_string();
        PodAdmission::of(&serde_json::from_str(&text).unwrap(), &settings).effect
    }

    const DRY_RUN: (&str, &str) = ("boundtoken.dev/dry-run", "true");

    #[test]
    fn a_pod_follows_the_settings_if_the_webhook_would_change_nothing() {
        assert_eq!(effect(&pod(3600), &[]), AdmissionEffect::Unchanged);
        assert_eq!(effect(&pod(3607), &[]), AdmissionEffect::Patched);
        assert_eq!(effect(&pod(3607), &[DRY_RUN]), AdmissionEffect::Patched);
    }

    #[test]
    fn a_pod_that_would_be_refused_has_the_codes() {
        let limited = [("boundtoken.dev/mode", "off"), ("boundtoken.dev/max-ttl", "1h")];
        let expected = AdmissionEffect::Refused(vec![Code::LifetimeForbidden]);
        assert_eq!(effect(&pod(3607), &limited), expected);
        assert_eq!(effect(&pod(3607), &[limited[0], limited[1], DRY_RUN]), expected);
        assert_eq!(
            effect(&pod(3600), &[("boundtoken.dev/ttl", "1")]),
            AdmissionEffect::Refused(vec![Code::Range])
        );
    }

    #[test]
    fn mirror_pods_are_left_alone() {
        let mut mirror = pod(3607);
        mirror["metadata"] = json!({"annotations": {"kubernetes.io/config.mirror": "x"}});
        assert_eq!(effect(&mirror, &[]), AdmissionEffect::Unchanged);
    }
}
