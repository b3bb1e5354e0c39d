//! Predicts the Pod that a template would create.

use serde::Deserialize;
use serde_json::Value;

use super::admission::PodAdmission;
use super::elsewhere::signs_of_use_elsewhere;
use super::spec::TokenSpec;
use super::tokens::{TokenContext, has_unread_secret, held_tokens};
use super::workload::KnownTemplate;
use crate::admission::{Pod, SimulationError, simulate};
use crate::pod::plugin::ServiceAccount;
use crate::policy::NamespaceSettings;

impl KnownTemplate {
    /// Predicts the Pod of a template, given as an object with the `metadata` and the `spec` of the template.
    /// `is_in_force` is whether the webhook changes Pods of the Namespace.
    ///
    /// # Errors
    /// When the template is not a Pod that the webhook can read.
    pub fn predict(
        pod: Value,
        account: &ServiceAccount,
        settings: &NamespaceSettings,
        is_in_force: bool,
        context: &TokenContext<'_>,
    ) -> Result<Self, SimulationError> {
        let simulation = simulate(pod, account, Some(settings))?;
        let admission = PodAdmission::of(&Pod::deserialize(&simulation.before)?, settings);
        let stored = if is_in_force { &simulation.after } else { &simulation.before };
        let spec = stored.get("spec").map(TokenSpec::deserialize).transpose()?.unwrap_or_default();
        let annotations = stored.pointer("/metadata/annotations").and_then(Value::as_object);
        let names = annotations.into_iter().flatten().map(|(name, _)| name.as_str());
        Ok(Self {
            tokens: held_tokens(&spec, context).into(),
            has_unread_secret: has_unread_secret(&spec, context),
            admission,
            elsewhere: signs_of_use_elsewhere(names, &spec),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::audit::inventory::{AdmissionEffect, ExtendedLifetime, LegacySecrets, TokenClass};
    use crate::pod::token::ApiAudiences;
    use crate::policy::{Defaults, Mode};

    fn predicted(annotations: &[(&str, &str)], is_in_force: bool) -> KnownTemplate {
        let settings =
            NamespaceSettings::parse("shop", annotations.iter().copied(), &Arc::new(Defaults::default()));
        let (secrets, api, extended) =
            (LegacySecrets::new(), ApiAudiences::default(), ExtendedLifetime::default());
        let context = TokenContext { secrets: Some(&secrets), api: &api, extended: &extended };
        let pod = json!({"spec": {"containers": [{"name": "app"}]}});
        KnownTemplate::predict(pod, &ServiceAccount::default(), &settings, is_in_force, &context).unwrap()
    }

    fn classes(template: &KnownTemplate) -> Vec<TokenClass> {
        template.tokens.iter().map(|token| token.class).collect()
    }

    #[test]
    fn a_template_gets_the_token_that_its_namespace_asks_for() {
        let before = predicted(&[], false);
        assert_eq!(classes(&before), [TokenClass::Year]);
        let expected = PodAdmission { effect: AdmissionEffect::Patched, mode: Some(Mode::Replace) };
        assert_eq!(before.admission, expected);
        assert_eq!(classes(&predicted(&[], true)), [TokenClass::Bounded]);
        assert_eq!(classes(&predicted(&[("boundtoken.dev/mode", "disable")], true)), []);
    }

    #[test]
    fn a_template_that_would_be_refused_says_so() {
        let refused = predicted(&[("boundtoken.dev/mode", "replce")], false);
        assert!(matches!(refused.admission.effect, AdmissionEffect::Refused(codes) if !codes.is_empty()));
    }
}
