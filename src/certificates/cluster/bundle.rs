//! Bundles of authorities: how they grow, and what becomes of the published one without a Secret. Pure.

use super::action::{Action, Waiting};
use super::state::{Certificate, Live, State, has_key};

/// Most old authorities that are kept; beyond that, a new key waits until one is forgotten.
pub const MAX_OLD: usize = 16;

/// Adds each authority whose key is not there yet, as long as there is room.
pub(super) fn add_new<'a>(certificates: &mut Vec<Certificate>, more: impl Iterator<Item = &'a Certificate>) {
    for one in more {
        if !has_key(certificates, &one.key) && certificates.len() < MAX_OLD {
            certificates.push(one.clone());
        }
    }
}

/// Whether a published bundle lacks one of these.
pub(super) fn lacks(live: &Live, trusted: &[Certificate]) -> bool {
    trusted.iter().any(|one| !live.bundles.iter().all(|bundle| has_key(bundle, &one.key)))
}

/// Without a Secret there is still a bundle to look after. Replicas may remember different things, so
/// nothing is removed from it.
pub(super) fn without_secret(state: &State<'_>) -> Action {
    let waiting = Action::Wait(Waiting::NoSecret);
    let (Some(memory), Some(live)) = (state.memory, state.configuration) else { return waiting };
    let mut bundle = memory.trusted();
    if !lacks(live, &bundle) || !state.may_publish || live.bundles.is_empty() {
        return waiting;
    }
    add_new(&mut bundle, live.authorities());
    Action::Publish(bundle)
}
