//! Where a connection is, told by the connection itself and read by whoever looks for a place.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::SLOW;

/// Where a connection is. Every turn costs a store, and nobody ever waits.
#[derive(Debug)]
pub(super) struct Phase {
    /// Odd while a request is being answered, even between requests.
    turns: AtomicU64,
    /// How many turns there were when everything written was last on its way to the client.
    flushed: AtomicU64,
    /// Length of the body of the last request, [`u64::MAX`] if nobody knows.
    body: AtomicU64,
    /// How much of that body has arrived.
    arrived: AtomicU64,
    /// Whether a head has begun after an answer, and its end is awaited.
    head: AtomicBool,
    /// Microseconds from `epoch` to the last turn.
    since: AtomicU64,
    epoch: Instant,
}

/// How a connection compares to others: the least one is the first to make room. Times are since `epoch`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Standing {
    /// A handshake, a head or a body is incomplete for [`SLOW`], or nothing was ever sent.
    Slow(Duration),
    /// New, and without a request so far.
    Unused(Duration),
    /// Between requests.
    Idle(Duration),
    /// A head or a body is on its way. An API server sends both at once.
    Arriving,
    /// A request is being answered, up to the last byte of its answer.
    Busy,
}

impl Standing {
    /// Whether nothing that deserves an answer is lost with the connection.
    pub(super) fn may_end(self) -> bool {
        self < Self::Arriving
    }
}

impl Phase {
    /// A new connection; all that are to be compared have the same epoch.
    pub(super) fn new(epoch: Instant) -> Self {
        let (turns, flushed, body, arrived, since) = Default::default();
        let phase = Self { turns, flushed, body, arrived, head: AtomicBool::new(false), since, epoch };
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
        self.head.store(false, Relaxed);
        self.turns.fetch_add(1, Release);
    }

    /// The first bytes of a head are there, and the others are not. The first head of all has less
    /// time: that since the connection was opened.
    pub(super) fn begin_head(&self) {
        if self.turns() > 0 {
            self.touch();
            self.head.store(true, Release);
        }
    }

    /// So much of a body has arrived.
    pub(super) fn arrive(&self, bytes: u64) {
        self.arrived.store(bytes, Relaxed);
    }

    /// Everything written so far is on its way to the client.
    pub(super) fn flush(&self) {
        self.flushed.store(self.turns(), Relaxed);
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Acquire)
    }

    pub(super) fn body(&self) -> u64 {
        self.body.load(Relaxed)
    }

    pub(super) fn standing(&self) -> Standing {
        let turns = self.turns();
        let head = self.head.load(Acquire);
        let since = Duration::from_micros(self.since.load(Relaxed));
        let is_slow = || self.epoch.elapsed().saturating_sub(since) >= SLOW;
        let arrives = head || self.arrived.load(Relaxed) < self.body();
        match (turns.is_multiple_of(2), turns == self.flushed.load(Relaxed)) {
            (true, true) if (head || turns == 0) && is_slow() => Standing::Slow(since),
            (true, true) if head => Standing::Arriving,
            (true, true) if turns == 0 => Standing::Unused(since),
            (true, true) => Standing::Idle(since),
            (false, _) if arrives && is_slow() => Standing::Slow(since),
            (false, _) if arrives => Standing::Arriving,
            _ => Standing::Busy,
        }
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
    async fn who_is_slow_is_the_first_to_end_then_who_was_never_served_then_who_is_idle_longest() {
        let epoch = Instant::now();
        let mut phases = Vec::new();
        for _ in 0..3 {
            phases.push(Phase::new(epoch));
            tokio::time::advance(SLOW / 10).await;
        }
        for served in [1, 0] {
            tokio::time::advance(SLOW / 10).await;
            phases[served].begin(Some(0));
            assert_eq!(phases[served].standing(), Standing::Busy, "in flight");
            phases[served].turn();
            assert_eq!(phases[served].standing(), Standing::Busy, "not yet written");
            phases[served].flush();
        }
        let slow = Phase::new(epoch);
        slow.begin(Some(2));
        slow.arrive(1);
        assert_eq!(slow.standing(), Standing::Arriving);
        tokio::time::advance(SLOW).await;
        let (unused, whole) = (Phase::new(epoch), Phase::new(epoch));
        whole.begin(Some(2));
        whole.arrive(2);
        tokio::time::advance(SLOW / 10).await;
        phases.extend([slow, unused, whole]);
        let mut order = [0, 1, 2, 3, 4, 5];
        order.sort_by_key(|phase: &usize| phases[*phase].standing());
        assert_eq!(order, [2, 3, 4, 1, 0, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_slow() {
        let phase = Phase::new(Instant::now());
        phase.begin(Some(0));
        phase.turn();
        phase.flush();
        tokio::time::advance(2 * SLOW).await;
        phase.begin_head();
        assert_eq!(phase.standing(), Standing::Arriving);
        tokio::time::advance(SLOW).await;
        assert_eq!(phase.standing(), Standing::Slow(2 * SLOW));
        phase.begin(Some(0));
        assert_eq!(phase.standing(), Standing::Busy);
    }
}
