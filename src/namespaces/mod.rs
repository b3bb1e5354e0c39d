//! The settings of each Namespace that opted in, ready to be looked up without a lock.

mod error;
pub mod file;
mod known;
mod manifest;
mod ours;
pub mod read;
mod store;
pub mod watched;

use std::sync::Arc;

use crate::policy::NamespaceSettings;
use crate::telemetry::metrics::LookupResult;

pub use error::Error;
pub use known::{Known, Parsed};
pub use store::{Namespaces, SettingsByName};

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
    /// What is known about a Namespace; `None` if somebody has to be asked.
    fn known(&self, name: &str) -> Option<Lookup>;

    /// Asks about a Namespace of which nothing is known.
    fn ask(&self, name: &str) -> impl Future<Output = Lookup> + Send;

    /// Finds the settings of a Namespace.
    fn get(&self, name: &str) -> impl Future<Output = Lookup> + Send {
        async {
            match self.known(name) {
                Some(lookup) => lookup,
                None => self.ask(name).await,
            }
        }
    }
}
