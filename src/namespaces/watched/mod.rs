//! The Namespaces of a cluster: watched, and looked up live where the watch may not have reported them yet.

mod api;
pub(super) mod live;
mod watch;

use std::sync::Arc;

use kube::Client;

use super::{CurrentDefaults, Namespaces};
use crate::telemetry::metrics::Metrics;

use api::Api;
use live::LiveLookup;

pub use watch::Watch;

/// Returns the Namespaces of a cluster, empty at first, and the watch that fills them while it runs.
pub fn watched(
    client: Client,
    defaults: &CurrentDefaults,
    metrics: Arc<Metrics>,
) -> (Arc<Namespaces>, Watch) {
    let api = Api::new(client);
    let live = LiveLookup::new(api.clone(), Arc::clone(defaults));
    let namespaces = Arc::new(Namespaces::empty(Arc::clone(defaults), Some(live)));
    let watch = Watch::new(api, Arc::clone(&namespaces), metrics);
    (namespaces, watch)
}

#[cfg(test)]
mod tests;
