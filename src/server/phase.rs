//! Where a connection is, told by the connection itself and read by whoever looks for a place.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// Where a connection is. Every turn costs a store, and nobody ever waits.
#[derive(Debug)]
pub(super) struct Phase {
    /// Odd while a request is being answered, even between requests.
    turns: AtomicU64,
    /// How many turns there were when everything written was last on its way to the client.
    flushed: AtomicU64,
    /// Length of the body of the last request, [`u64::MAX`] if nobody knows.
    body: AtomicU64,
    /// Microseconds from `epoch` to the last turn.
    since: AtomicU64,
    epoch: Instant,
}

/// How an idle connection compares to others: the least one is the first to end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Idle {
    served: bool,
    since: Duration,
}

impl Phase {
    /// A new connection; all that are to be compared have the same epoch.
    pub(super) fn new(epoch: Instant) -> Self {
        let (turns, flushed, body, since) = Default::default();
        let phase = Self { turns, flushed, body, since, epoch };
        phase.touch();
        phase
    }

    /// A head is complete; a body of this length follows.
    pub(super) fn begin(&self, body: Option<u64>) {
        self.body.store(body.unwrap_or(u64::MAX), Relaxed);
        self.turn();
    }

    /// A handler has its answer.
    pub(super) fn turn(&self) {
        self.touch();
        self.turns.fetch_add(1, Relaxed);
    }

    /// Everything written so far is on its way to the client.
    pub(super) fn flush(&self) {
        self.flushed.store(self.turns(), Relaxed);
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Relaxed)
    }

    pub(super) fn body(&self) -> u64 {
        self.body.load(Relaxed)
    }

    /// `None` while a request is being answered, up to the last byte of its answer.
    pub(super) fn idle(&self) -> Option<Idle> {
        let turns = self.turns();
        let since = Duration::from_micros(self.since.load(Relaxed));
        let idle = turns.is_multiple_of(2) && turns == self.flushed.load(Relaxed);
        idle.then_some(Idle { served: turns > 0, since })
    }

    fn touch(&self) {
        let since = self.epoch.elapsed().as_micros();
        self.since.store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_was_never_served_is_the_first_to_end_then_who_is_idle_longest() {
        let epoch = Instant::now();
        let mut phases = Vec::new();
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(1)).await;
            phases.push(Phase::new(epoch));
        }
        for served in [1, 0] {
            tokio::time::advance(Duration::from_secs(1)).await;
            phases[served].begin(Some(0));
            assert_eq!(phases[served].idle(), None, "in flight");
            phases[served].turn();
            assert_eq!(phases[served].idle(), None, "not yet written");
            phases[served].flush();
        }
        let mut order = [0, 1, 2, 3];
        order.sort_by_key(|phase: &usize| phases[*phase].idle());
        assert_eq!(order, [2, 3, 1, 0]);
    }
}
