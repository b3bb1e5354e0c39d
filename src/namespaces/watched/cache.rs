//! What lists and events make of the settings that requests look up. No I/O.

use std::collections::HashSet;
use std::sync::Arc;

use super::metadata::{Item, Namespace};
use crate::namespaces::{Known, Namespaces, known};
use crate::policy::{Defaults, NamespaceSettings};

/// The Namespaces that opted in, as far as lists and events told.
#[derive(Debug)]
pub(super) struct Cache {
    namespaces: Arc<Namespaces>,
    defaults: Arc<Defaults>,
    known: Known,
    /// Those that could not be read: nothing is known about them, and that was said once.
    unreadable: HashSet<Arc<str>>,
    /// What the list in progress has named.
    seen: HashSet<Arc<str>>,
}

/// What is new to people.
#[derive(Debug)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// An object without a name.
    Nameless,
    /// Settings that were not known before.
    Settings(Arc<str>, Arc<NamespaceSettings>),
    /// An object that cannot be read.
    Unreadable(Arc<str>),
}

impl Cache {
    /// Starts empty; changes are published to `namespaces`.
    pub(super) fn new(namespaces: Arc<Namespaces>, defaults: Arc<Defaults>) -> Self {
        let (known, unreadable, seen) = Default::default();
        Self { namespaces, defaults, known, unreadable, seen }
    }

    /// How many opted in.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// A list begins: of what is known, nothing goes before the list is complete.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// An object of the list.
    pub(super) fn listed(&mut self, item: Item) -> Change {
        if let Some(name) = item.name() {
            self.seen.insert(Arc::clone(name));
        }
        self.apply(item)
    }

    /// The list is complete: what it did not name is gone.
    pub(super) fn complete(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        self.unreadable.retain(|name| seen.contains(name));
        let gone: Vec<_> = self.known.keys().filter(|name| !seen.contains(*name)).cloned().collect();
        for name in gone {
            self.remove(&name);
        }
    }

    /// An object as it is now.
    pub(super) fn apply(&mut self, item: Item) -> Change {
        match item {
            Item::Namespace(namespace) if namespace.opted_in => self.insert(&namespace),
            Item::Namespace(namespace) => {
                self.remove(&namespace.name);
                Change::None
            }
            Item::Unreadable { name: Some(name) } => self.forget(name),
            Item::Unreadable { name: None } => Change::Nameless,
        }
    }

    /// A Namespace that is gone, or does not carry the label any more.
    pub(super) fn remove(&mut self, name: &str) {
        self.unreadable.remove(name);
        if self.known.remove(name).is_some() {
            self.namespaces.remove(name);
        }
    }

    fn insert(&mut self, namespace: &Namespace) -> Change {
        let Namespace { name, annotations, .. } = namespace;
        self.unreadable.remove(name);
        let before = self.known.get_key_value(name);
        let parsed = known::parse(name, annotations, before.map(|(_, parsed)| parsed), &self.defaults);
        if before.is_some_and(|(_, before)| Arc::ptr_eq(&before.1, &parsed.1)) {
            return Change::None;
        }
        let name = Arc::clone(before.map_or(name, |(name, _)| name));
        let settings = Arc::clone(&parsed.1);
        self.namespaces.insert(&name, &settings);
        self.known.insert(Arc::clone(&name), parsed);
        Change::Settings(name, settings)
    }

    /// Old settings may be the wrong ones by now: a request asks the API server instead.
    fn forget(&mut self, name: Arc<str>) -> Change {
        let new = !self.unreadable.contains(&name);
        self.remove(&name);
        self.unreadable.insert(Arc::clone(&name));
        if new { Change::Unreadable(name) } else { Change::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> Cache {
        Cache::new(Arc::default(), Arc::default())
    }

    fn item(name: &str, opted_in: bool, ttl: &str) -> Item {
        let annotations = vec![("boundtoken.dev/ttl".to_owned(), ttl.to_owned())];
        Item::Namespace(Namespace { name: name.into(), version: "1".to_owned(), opted_in, annotations })
    }

    fn unreadable(name: &str) -> Item {
        Item::Unreadable { name: Some(name.into()) }
    }

    fn names(cache: &Cache) -> Vec<&str> {
        let mut names: Vec<_> = cache.known.keys().map(|name| &**name).collect();
        names.sort_unstable();
        for name in ["a", "b", "c"] {
            assert_eq!(cache.namespaces.find(name).is_some(), names.contains(&name), "{name} is published");
        }
        names
    }

    #[test]
    fn what_a_complete_list_does_not_name_goes_and_nothing_before() {
        let mut cache = cache();
        for name in ["a", "b"] {
            cache.apply(item(name, true, "2h"));
        }
        cache.begin();
        cache.listed(item("c", true, "2h"));
        assert_eq!(names(&cache), ["a", "b", "c"]);
        cache.begin();
        cache.listed(item("b", true, "2h"));
        cache.complete();
        assert_eq!((names(&cache), cache.len()), (vec!["b"], 1));
    }

    #[test]
    fn without_the_label_a_namespace_goes() {
        let mut cache = cache();
        cache.apply(item("a", true, "2h"));
        cache.apply(item("a", false, "2h"));
        assert!(names(&cache).is_empty());
    }

    #[test]
    fn only_new_settings_are_news() {
        let mut cache = cache();
        assert!(matches!(cache.apply(item("a", true, "2h")), Change::Settings(..)));
        let before = cache.namespaces.find("a").unwrap();
        assert!(matches!(cache.apply(item("a", true, "2h")), Change::None));
        assert!(Arc::ptr_eq(&cache.namespaces.find("a").unwrap(), &before), "not parsed again");
        assert!(matches!(cache.apply(item("a", true, "3h")), Change::Settings(..)));
        assert!(!Arc::ptr_eq(&cache.namespaces.find("a").unwrap(), &before));
    }

    #[test]
    fn an_object_that_cannot_be_read_is_unknown_until_it_can() {
        let mut cache = cache();
        cache.apply(item("a", true, "2h"));
        cache.apply(item("b", true, "2h"));
        assert!(matches!(cache.apply(unreadable("a")), Change::Unreadable(_)));
        assert!(matches!(cache.apply(unreadable("a")), Change::None), "said once");
        assert!(matches!(cache.apply(Item::Unreadable { name: None }), Change::Nameless));
        assert_eq!(names(&cache), ["b"]);
        cache.apply(item("a", true, "2h"));
        assert_eq!(names(&cache), ["a", "b"]);
        assert!(matches!(cache.apply(unreadable("a")), Change::Unreadable(_)));
        cache.begin();
        cache.complete();
        assert!(cache.unreadable.is_empty());
    }
}
