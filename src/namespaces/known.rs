//! What was parsed before, so that only what changed is parsed and reported again.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use crate::policy::{Defaults, NamespaceSettings};

/// Settings by name of the Namespace, with the hash of its annotations: what did not change is not
/// parsed, and not held in memory, a second time. No two names share anything, whatever the hash.
pub type Known = HashMap<Arc<str>, Parsed>;

/// The hash of some annotations, and what they say.
pub type Parsed = (u64, Arc<NamespaceSettings>);

/// Parses the annotations of a Namespace, unless they are those of before.
pub(super) fn parse(
    name: &str,
    annotations: &[(String, String)],
    before: Option<&Parsed>,
    defaults: &Arc<Defaults>,
) -> Parsed {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(annotations);
    match before {
        Some((before, settings)) if *before == hash => (hash, Arc::clone(settings)),
        _ => {
            let annotations = annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            (hash, Arc::new(NamespaceSettings::parse(name, annotations, defaults)))
        }
    }
}

/// A mistake of a Namespace does not stop the others: its Pods are refused with the reason.
pub(super) fn warn(namespace: &str, settings: &NamespaceSettings) {
    if settings.violations().is_empty() {
        return;
    }
    let mistakes = mistakes(settings);
    if settings.is_dry_run() {
        tracing::warn!(namespace, mistakes, "wrong annotations; without dry-run its Pods would be refused");
    } else {
        tracing::warn!(namespace, mistakes, "wrong annotations; its Pods are refused");
    }
}

/// Code and key of each mistake, never the value.
fn mistakes(settings: &NamespaceSettings) -> String {
    let mistakes = settings.violations().iter();
    let mistakes: BTreeSet<_> =
        mistakes.map(|mistake| format!("{} {}", mistake.code, mistake.field)).collect();
    mistakes.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_without_their_values() {
        let annotations = [("boundtoken.dev/ttl", "marker"), ("boundtoken.dev/mode", "marker")];
        let settings = NamespaceSettings::parse("a", annotations, &Arc::default());
        assert_eq!(mistakes(&settings), "BT001 boundtoken.dev/mode, BT003 boundtoken.dev/ttl");
    }
}
