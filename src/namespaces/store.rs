//! Settings by name, read without a lock while others change.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Lookup, NamespaceStore};
use crate::policy::NamespaceSettings;

/// Settings by name of the Namespace.
pub type SettingsByName = HashMap<Arc<str>, Arc<NamespaceSettings>>;

/// A change copies one part, by reference: about 150 entries of 10 000.
const PARTS: usize = 64;

/// The Namespaces that opted in. Readers never wait, not even while the set is replaced.
#[derive(Debug)]
pub struct Namespaces([ArcSwap<SettingsByName>; PARTS]);

impl Default for Namespaces {
    fn default() -> Self {
        Self(std::array::from_fn(|_| ArcSwap::default()))
    }
}

impl Namespaces {
    /// Starts with these.
    pub fn new(first: SettingsByName) -> Self {
        let namespaces = Self::default();
        namespaces.replace(first);
        namespaces
    }

    /// Replaces all of them. Whoever reads meanwhile sees the old settings of a Namespace or the new.
    pub fn replace(&self, next: SettingsByName) {
        let mut parts: [SettingsByName; PARTS] = std::array::from_fn(|_| SettingsByName::new());
        for (name, settings) in next {
            if let Some(part) = parts.get_mut(place(&name)) {
                part.insert(name, settings);
            }
        }
        for (part, next) in self.0.iter().zip(parts) {
            part.store(Arc::new(next));
        }
    }

    /// Adds or replaces one.
    pub fn insert(&self, name: &Arc<str>, settings: &Arc<NamespaceSettings>) {
        self.change(name, |part| part.insert(Arc::clone(name), Arc::clone(settings)));
    }

    /// Removes one.
    pub fn remove(&self, name: &str) {
        self.change(name, |part| part.remove(name));
    }

    /// The settings of a Namespace, if it is among these.
    pub fn find(&self, name: &str) -> Option<Arc<NamespaceSettings>> {
        self.0.get(place(name))?.load().get(name).cloned()
    }

    fn change<T>(&self, name: &str, change: impl Fn(&mut SettingsByName) -> T) {
        if let Some(part) = self.0.get(place(name)) {
            part.rcu(|part| {
                let mut next = SettingsByName::clone(part);
                change(&mut next);
                next
            });
        }
    }
}

/// In which part a name stands.
fn place(name: &str) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(name);
    usize::try_from(hash % PARTS as u64).unwrap_or_default()
}

impl NamespaceStore for Namespaces {
    fn known(&self, name: &str) -> Option<Lookup> {
        Some(self.find(name).map_or(Lookup::NotOptedIn, Lookup::Settings))
    }

    /// There is nobody to ask.
    async fn ask(&self, _name: &str) -> Lookup {
        Lookup::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str) -> Arc<NamespaceSettings> {
        Arc::new(NamespaceSettings::parse(name, [], &Arc::default()))
    }

    #[test]
    fn a_change_is_about_one_name() {
        let names: Vec<Arc<str>> = (0..1_000).map(|number| format!("n{number}").into()).collect();
        let namespaces =
            Namespaces::new(names.iter().map(|name| (Arc::clone(name), settings(name))).collect());
        let before = namespaces.find("n1").unwrap();
        namespaces.remove("n0");
        let new = settings("n2");
        namespaces.insert(&names[2], &new);
        assert!(namespaces.find("n0").is_none());
        assert!(Arc::ptr_eq(&namespaces.find("n2").unwrap(), &new));
        assert!(Arc::ptr_eq(&namespaces.find("n1").unwrap(), &before), "never copied");
        assert_eq!(names.iter().filter(|name| namespaces.find(name).is_some()).count(), 999);
        namespaces.replace([(Arc::clone(&names[0]), settings("n0"))].into());
        assert_eq!(names.iter().filter(|name| namespaces.find(name).is_some()).count(), 1);
    }
}
