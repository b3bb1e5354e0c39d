//! The settings of each Namespace that opted in: cached, and looked up live where the cache may be outdated.

mod error;
pub mod file;
mod manifest;
mod report;
mod store;
pub mod watched;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::policy::{Defaults, NamespaceSettings};
use crate::telemetry::metrics::LookupResult;

pub use boundtoken_core::namespace::{EXCLUDED_NAMESPACES, Namespace, opts_in, opts_out};
pub use error::Error;
pub use store::{LIVE_LOOKUP_WINDOW, Namespaces};

/// The cluster-wide defaults in force. They change when the API server's own audiences do.
pub type CurrentDefaults = Arc<ArcSwap<Defaults>>;

/// The result of a lookup of a Namespace.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// The Namespace does not carry the label, or does not exist.
    NotOptedIn,
    /// The Namespace opted in with these settings.
    Settings(Arc<NamespaceSettings>),
    /// The settings could not be determined. This must never be treated as "no settings".
    Unavailable,
}

impl From<&Lookup> for LookupResult {
    fn from(lookup: &Lookup) -> Self {
        match lookup {
            Lookup::NotOptedIn => Self::NotOptedIn,
            Lookup::Settings(_) => Self::Settings,
            Lookup::Unavailable => Self::Unavailable,
        }
    }
}

/// A source of the settings of Namespaces.
pub trait NamespaceStore: Send + Sync + 'static {
    /// Returns the cached result; `None` if it must be fetched.
    fn cached(&self, name: &str) -> Option<Lookup>;

    /// Fetches the result. This may take seconds, and return [`Lookup::Unavailable`].
    fn fetch(&self, name: &str) -> impl Future<Output = Lookup> + Send;
}
