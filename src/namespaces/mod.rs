//! The settings of each Namespace that opted in, ready to be looked up without a lock.

mod error;
pub mod file;
mod manifest;
pub mod read;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::policy::NamespaceSettings;
use crate::telemetry::metrics::LookupResult;

pub use error::Error;

/// What is known about a Namespace.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// It does not carry the label, or does not exist.
    NotOptedIn,
    /// It opted in with these settings.
    Settings(Arc<NamespaceSettings>),
    /// Nobody answered; never to be taken for "no settings".
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

/// Whoever knows the settings of Namespaces.
pub trait NamespaceStore: Send + Sync + 'static {
    /// Finds the settings of a Namespace.
    fn get(&self, name: &str) -> impl Future<Output = Lookup> + Send;
}

/// Settings by name of the Namespace.
pub type SettingsByName = HashMap<Box<str>, Arc<NamespaceSettings>>;

/// The Namespaces that opted in. Readers never wait, not even while the set is replaced.
#[derive(Debug, Default)]
pub struct Namespaces(ArcSwap<SettingsByName>);

impl Namespaces {
    /// Starts with these.
    #[must_use]
    pub fn new(first: SettingsByName) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// Replaces all of them at once.
    pub fn replace(&self, next: SettingsByName) {
        self.0.store(Arc::new(next));
    }
}

impl NamespaceStore for Namespaces {
    async fn get(&self, name: &str) -> Lookup {
        match self.0.load().get(name) {
            Some(settings) => Lookup::Settings(Arc::clone(settings)),
            None => Lookup::NotOptedIn,
        }
    }
}
