//! The Namespaces of a cluster: watched, and looked up live where the watch did not tell of them, or just did.

mod api;
mod cache;
mod live;
mod metadata;
mod page;
mod recent;
mod status;
mod watch;

use std::fmt;
use std::sync::Arc;

use kube::Client;

use super::{Lookup, NamespaceStore, Namespaces};
use crate::policy::Defaults;
use crate::telemetry::metrics::Metrics;

use api::Api;
use cache::Cache;
use live::Live;
use recent::Recent;

pub use watch::Watch;

/// What requests look up. A Namespace that the watch told of costs no call to the API server, but for the
/// few seconds after a change.
pub struct Watched {
    namespaces: Arc<Namespaces>,
    recent: Arc<Recent>,
    live: Live,
}

impl Watched {
    /// What requests look up, and the watch behind it, which its caller has to run.
    pub fn new(client: Client, defaults: &Arc<Defaults>, metrics: Arc<Metrics>) -> (Self, Watch) {
        let api = Api::new(client);
        let namespaces: Arc<Namespaces> = Arc::default();
        let cache = Cache::new(Arc::clone(&namespaces), Arc::clone(defaults));
        let live = Live::new(api.clone(), Arc::clone(defaults));
        let recent: Arc<Recent> = Arc::default();
        let (status, listed) = Default::default();
        let watch = Watch { api, cache, recent: Arc::clone(&recent), metrics, status, listed };
        (Self { namespaces, recent, live }, watch)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl NamespaceStore for Watched {
    fn known(&self, name: &str) -> Option<Lookup> {
        self.namespaces.find(name).filter(|_| !self.recent.holds(name)).map(Lookup::Settings)
    }

    async fn ask(&self, name: &str) -> Lookup {
        match self.live.look_up(name).await {
            Lookup::Unavailable => self.namespaces.find(name).map_or(Lookup::Unavailable, Lookup::Settings),
            told => told,
        }
    }
}

#[cfg(test)]
mod tests;
