//! The settings of each Namespace that opted in: in memory, and looked up live where that may be too old.

mod error;
pub mod file;
mod manifest;
mod object;
mod report;
mod store;
pub mod watched;

use std::sync::Arc;

use crate::policy::NamespaceSettings;
use crate::telemetry::metrics::LookupResult;

pub use error::Error;
pub use object::{Namespace, opts_in};
pub use store::Namespaces;

/// The result of a look-up of a Namespace.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// It does not carry the label, or does not exist.
    NotOptedIn,
    /// It opted in with these settings.
    Settings(Arc<NamespaceSettings>),
    /// There was no answer; never to be taken for "no settings".
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
    /// The result that is in memory; `None` if it has to be fetched.
    fn cached(&self, name: &str) -> Option<Lookup>;

    /// Fetches the result. It may take seconds, and be [`Lookup::Unavailable`].
    fn fetch(&self, name: &str) -> impl Future<Output = Lookup> + Send;
}
