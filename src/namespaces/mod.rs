//! The settings of each Namespace that opted in, ready to be looked up without a lock.

pub mod file;
mod manifest;
pub mod mistake;
pub mod read;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::policy::NamespaceSettings;

/// Label that opts a Namespace in, with the value [`ENABLED`].
pub const LABEL: &str = "boundtoken.dev/webhook";

/// Value of [`LABEL`].
pub const ENABLED: &str = "enabled";

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

/// Whoever knows the settings of Namespaces.
pub trait LookUp: Send + Sync + 'static {
    /// Finds the settings of a Namespace.
    fn look_up(&self, name: &str) -> impl Future<Output = Lookup> + Send;
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

impl LookUp for Namespaces {
    async fn look_up(&self, name: &str) -> Lookup {
        match self.0.load().get(name) {
            Some(settings) => Lookup::Settings(Arc::clone(settings)),
            None => Lookup::NotOptedIn,
        }
    }
}
