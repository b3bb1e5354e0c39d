//! Advice for operators, logged when the controller is blocked.

use super::action::WaitReason;
use super::install::Install;

/// How to restore an object of the install that is missing or was changed.
pub(super) const APPLY_AGAIN: &str =
    "apply the manifests again (`kubectl apply -k manifests`, or your overlay)";

/// The advice for a cause that no replica can remove; `None` if nothing has to be done.
pub(super) fn advice(install: &Install, reason: WaitReason) -> Option<String> {
    let Install { namespace, secret, configuration, service, .. } = install;
    match reason {
        WaitReason::InSync | WaitReason::Propagating | WaitReason::WaitingForPeer => None,
        WaitReason::NoSecret => Some(format!(
            "Secret {secret} in Namespace {namespace} does not exist, and boundtoken may not create it: \
             {APPLY_AGAIN}"
        )),
        WaitReason::NoConfiguration => Some(format!(
            "MutatingWebhookConfiguration {configuration} does not exist, so no Pod is changed: {APPLY_AGAIN}"
        )),
        WaitReason::NoWebhook => Some(format!(
            "no webhook of MutatingWebhookConfiguration {configuration} calls Service {service} in \
             Namespace {namespace}: {APPLY_AGAIN}"
        )),
        WaitReason::RateLimited => Some(format!(
            "another writer overwrites the caBundle of MutatingWebhookConfiguration {configuration}, so \
             boundtoken corrects it only every ten seconds; to see which: `kubectl get \
             mutatingwebhookconfiguration {configuration} --show-managed-fields -o yaml`"
        )),
    }
}

/// The advice for another writer that reverts our changes of the Secret.
pub(super) fn secret_conflict(install: &Install) -> String {
    let Install { namespace, secret, .. } = install;
    format!(
        "another writer overwrites Secret {secret} in Namespace {namespace}, so boundtoken writes it less \
         often; to see which: `kubectl get secret {secret} -n {namespace} --show-managed-fields -o yaml`"
    )
}
