//! How CA bundles grow, and what to publish without a Secret. Pure.

use super::action::{Action, WaitReason};
use super::state::{ClusterState, WebhookState, has_key};
use crate::certificates::Certificate;

/// The maximum number of retired CAs. At that number, a new key has to wait until they are removed.
pub const MAX_RETIRED: usize = 16;

/// Adds each CA whose key is not there yet, as long as there is room.
pub(super) fn add_new<'a>(cas: &mut Vec<Certificate>, more: impl Iterator<Item = &'a Certificate>) {
    for ca in more {
        if !has_key(cas, &ca.public_key) && cas.len() < MAX_RETIRED {
            cas.push(ca.clone());
        }
    }
}

/// Whether a published bundle lacks one of these CAs.
pub(super) fn lacks(webhooks: &WebhookState, trusted: &[Certificate]) -> bool {
    trusted.iter().any(|ca| !webhooks.bundles.iter().all(|bundle| has_key(bundle, &ca.public_key)))
}

/// Keeps the bundle complete while there is no Secret. Replicas may remember different CAs, so nothing is
/// removed from it.
pub(super) fn without_secret(state: &ClusterState<'_>) -> Action {
    let waiting = Action::Wait(WaitReason::NoSecret);
    let (Some(memory), Some(webhooks)) = (state.memory, state.webhooks) else { return waiting };
    let mut bundle = memory.trusted();
    if !lacks(webhooks, &bundle) || !state.may_publish || webhooks.bundles.is_empty() {
        return waiting;
    }
    add_new(&mut bundle, webhooks.cas());
    Action::Publish(bundle)
}
