//! Whether Pods are what the webhook would make of them. The webhook's own function decides it.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::admission::Pod;
use crate::policy::{NamespaceSettings, Outcome};

/// How the Pods of a workload relate to the settings of their Namespace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AdmissionState {
    /// The webhook changes no Pod: the Namespace did not opt in, or has `dry-run`.
    NotOptedIn,
    /// The webhook would change none of the Pods.
    Followed,
    /// The webhook would change or refuse some Pods.
    Differs(BTreeSet<Deviation>),
}

/// Why a Pod differs from what the webhook would make of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Deviation {
    /// The Pod is older than the label or the settings.
    Older,
    /// The webhook was not called for the Pod, or another webhook changed it later.
    Missed,
    /// The Pod is older than the settings, or was missed: the time of the settings is not known.
    OlderOrMissed,
    /// The webhook would refuse the Pod.
    Refused,
}

impl AdmissionState {
    /// The state of Pods, each with its `metadata.creationTimestamp`. `changed` is the time at which the label and
    /// the settings of the Namespace changed last, if it is known.
    ///
    /// A patch of the webhook applied to its own result changes nothing, so a Pod that it would change was not
    /// admitted under these settings.
    pub fn of<'p, 'a: 'p>(
        pods: impl IntoIterator<Item = (&'p Pod<'a>, OffsetDateTime)>,
        settings: Option<&NamespaceSettings>,
        changed: Option<OffsetDateTime>,
    ) -> Self {
        let Some(settings) = settings.filter(|settings| !settings.is_dry_run()) else {
            return Self::NotOptedIn;
        };
        let deviations =
            pods.into_iter().filter_map(|(pod, created)| deviation(pod, created, settings, changed));
        let deviations: BTreeSet<Deviation> = deviations.collect();
        if deviations.is_empty() { Self::Followed } else { Self::Differs(deviations) }
    }
}

fn deviation(
    pod: &Pod<'_>,
    created: OffsetDateTime,
    settings: &NamespaceSettings,
    changed: Option<OffsetDateTime>,
) -> Option<Deviation> {
    match pod.evaluate(settings)?.outcome {
        Outcome::Unchanged => None,
        Outcome::Refused | Outcome::WouldRefuse => Some(Deviation::Refused),
        Outcome::Patched | Outcome::WouldPatch => Some(match changed {
            None => Deviation::OlderOrMissed,
            Some(changed) if created < changed => Deviation::Older,
            Some(_) => Deviation::Missed,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::policy::Defaults;

    fn settings(annotations: &[(&str, &str)]) -> NamespaceSettings {
        NamespaceSettings::parse("shop", annotations.iter().copied(), &Arc::new(Defaults::default()))
    }

    /// A Pod whose token asks for that many seconds.
    fn pod(seconds: u64) -> String {
        let source = json!({"serviceAccountToken": {"expirationSeconds": seconds, "path": "token"}});
        let volume = json!({"name": "kube-api-access-x", "projected": {"sources": [source]}});
        let mount = json!({"name": "kube-api-access-x", "mountPath": crate::pod::token::DEFAULT_DIRECTORY});
        let container = json!({"name": "app", "volumeMounts": [mount]});
        json!({"spec": {"volumes": [volume], "containers": [container]}}).to_string()
    }

    fn state(pod: &str, settings: Option<&NamespaceSettings>, changed: Option<u64>) -> AdmissionState {
        let at = |hours| OffsetDateTime::UNIX_EPOCH + Duration::from_hours(hours);
        let pod: Pod<'_> = serde_json::from_str(pod).unwrap();
        AdmissionState::of([(&pod, at(10))], settings, changed.map(at))
    }

    #[test]
    fn a_pod_follows_the_settings_if_the_webhook_would_change_nothing() {
        let hour = settings(&[]);
        assert_eq!(state(&pod(3600), Some(&hour), None), AdmissionState::Followed);
        assert_eq!(state(&pod(3607), None, None), AdmissionState::NotOptedIn);
        let dry = settings(&[("boundtoken.dev/dry-run", "true")]);
        assert_eq!(state(&pod(3607), Some(&dry), None), AdmissionState::NotOptedIn);
    }

    #[test]
    fn a_pod_is_older_than_the_settings_or_missed() {
        let hour = settings(&[]);
        for (changed, expected) in [
            (None, Deviation::OlderOrMissed),
            (Some(11), Deviation::Older),
            (Some(10), Deviation::Missed),
            (Some(9), Deviation::Missed),
        ] {
            let expected = AdmissionState::Differs([expected].into());
            assert_eq!(state(&pod(3607), Some(&hour), changed), expected, "{changed:?}");
        }
    }

    #[test]
    fn a_pod_that_would_be_refused_says_so() {
        let limited = settings(&[("boundtoken.dev/mode", "off"), ("boundtoken.dev/max-ttl", "1h")]);
        let expected = AdmissionState::Differs([Deviation::Refused].into());
        assert_eq!(state(&pod(3607), Some(&limited), Some(11)), expected);
    }

    #[test]
    fn mirror_pods_are_left_alone() {
        let mut mirror: serde_json::Value = serde_json::from_str(&pod(3607)).unwrap();
        mirror["metadata"] = json!({"annotations": {"kubernetes.io/config.mirror": "x"}});
        assert_eq!(state(&mirror.to_string(), Some(&settings(&[])), None), AdmissionState::Followed);
    }
}
