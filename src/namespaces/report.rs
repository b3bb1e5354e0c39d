//! Log lines about single Namespaces, never with values of their annotations.

use std::collections::BTreeSet;

use crate::policy::NamespaceSettings;

/// Reports the mistakes of a Namespace. Only its own Pods are refused; other Namespaces are not affected.
pub(super) fn mistakes(namespace: &str, settings: &NamespaceSettings) {
    if settings.violations().is_empty() {
        return;
    }
    let mistakes = codes(settings);
    if settings.is_dry_run() {
        tracing::warn!(namespace, mistakes, "wrong annotations; without dry-run its Pods would be refused");
    } else {
        tracing::warn!(namespace, mistakes, "wrong annotations; its Pods are refused");
    }
}

/// Reports a Namespace that cannot be read.
pub(super) fn unreadable(namespace: &str) {
    tracing::warn!(
        namespace,
        "this Namespace cannot be read: its Pods get 503 unless a live lookup can read it"
    );
}

/// Reports an object of a list that cannot be read and has no name.
pub(super) fn nameless() {
    tracing::warn!("an object without a name in the list of Namespaces is skipped");
}

/// Returns the code and the key of each mistake.
fn codes(settings: &NamespaceSettings) -> String {
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
        let settings = NamespaceSettings::parse("a", annotations, &std::sync::Arc::default());
        assert_eq!(codes(&settings), "BT001 boundtoken.dev/mode, BT003 boundtoken.dev/ttl");
    }
}
