//! Namespaces whose settings changed a moment ago, as the watch tells.
//!
//! Whoever labels a Namespace often annotates it next, and the watch may be late: what it told last need not
//! be the last.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

/// For how long after a change the next one is expected: longer than a watch is late where all is well.
pub(super) const RECENT: Duration = Duration::from_secs(5);

/// When settings changed, read without a lock.
#[derive(Debug, Default)]
pub(super) struct Recent(ArcSwap<HashMap<Arc<str>, Instant>>);

impl Recent {
    /// Notes a change, and forgets those of long ago.
    pub(super) fn note(&self, name: &Arc<str>) {
        let now = Instant::now();
        self.0.rcu(|changes| {
            let recent = changes.iter().filter(|(_, at)| now.saturating_duration_since(**at) < RECENT);
            let mut next: HashMap<_, _> = recent.map(|(name, at)| (Arc::clone(name), *at)).collect();
            next.insert(Arc::clone(name), now);
            next
        });
    }

    /// Whether the settings of a Namespace may be about to change once more.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.0.load().get(name).is_some_and(|at| at.elapsed() < RECENT)
    }
}
