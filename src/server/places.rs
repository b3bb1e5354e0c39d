//! The places for connections on a port. When all are taken, slow and idle connections make room.

use std::sync::{Arc, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::limits::{ROOM, SLOW};
use super::phase::{Phase, Standing};

/// The place of one connection, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// Where the connection is.
    pub(super) phase: Arc<Phase>,
    /// Cancelled when the connection has to make room.
    pub(super) over: CancellationToken,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What is known of a place that was given away.
#[derive(Debug)]
struct Taken {
    phase: Weak<Phase>,
    over: CancellationToken,
}

impl Taken {
    fn is_open(&self) -> bool {
        self.phase.strong_count() > 0 && !self.over.is_cancelled()
    }
}

/// All places of a port. They belong to its accept loop alone, so that there is nothing to lock.
#[derive(Debug)]
pub(super) struct Places {
    port: &'static str,
    limit: usize,
    free: Arc<Semaphore>,
    taken: Vec<Taken>,
    epoch: Instant,
    /// Whether the lack of places was logged, and no tenth of them was free since.
    lacking: bool,
}

impl Places {
    pub(super) fn new(port: &'static str, limit: usize) -> Self {
        let (free, epoch) = (Arc::new(Semaphore::new(limit)), Instant::now());
        Self { port, limit, free, taken: Vec::new(), epoch, lacking: false }
    }

    /// Waits for a place, and makes room where connections are slow or idle.
    ///
    /// Without this, whoever opens connections and says little would keep the API server out.
    pub(super) async fn next(&mut self) -> OwnedSemaphorePermit {
        self.lacking &= self.free.available_permits() <= self.limit / 10;
        let began = Instant::now();
        loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                return permit;
            }
            self.say_once();
            self.make_room(began.elapsed() >= SLOW);
            // Only a closed semaphore has no permits, and nobody closes this one.
            if let Ok(Ok(permit)) = timeout(ROOM, Arc::clone(&self.free).acquire_owned()).await {
                return permit;
            }
        }
    }

    /// A place for a new connection; without a permit it is one above the limit.
    pub(super) fn give(&mut self, permit: Option<OwnedSemaphorePermit>) -> Place {
        if self.taken.len() >= self.limit.saturating_mul(2) {
            self.taken.retain(Taken::is_open);
        }
        let (phase, over) = (Arc::new(Phase::new(self.epoch)), CancellationToken::new());
        self.taken.push(Taken { phase: Arc::downgrade(&phase), over: over.clone() });
        Place { phase, over, _permit: permit }
    }

    /// Ends the connection whose standing is the least.
    ///
    /// What arrives may prove to be slow: until then idle connections stay, unless this was
    /// `patient` already. That bounds the wait where requests come all the time.
    fn make_room(&mut self, patient: bool) {
        self.taken.retain(Taken::is_open);
        let taken =
            self.taken.iter().filter_map(|taken| Some((taken.phase.upgrade()?.standing(), &taken.over)));
        let (mut arrives, mut first) = (false, None);
        for (standing, over) in taken {
            arrives |= standing == Standing::Arriving;
            if first.is_none_or(|(least, _)| standing < least) {
                first = Some((standing, over));
            }
        }
        let Some((standing, over)) = first.filter(|(standing, _)| standing.may_end()) else { return };
        if patient || !arrives || !matches!(standing, Standing::Idle(_)) {
            over.cancel();
            tracing::debug!(port = self.port, ?standing, "ended a connection to make room");
        }
    }

    /// Says once that places lack, not for each connection that leaves and comes.
    fn say_once(&mut self) {
        if !self.lacking {
            self.lacking = true;
            let (port, limit) = (self.port, self.limit);
            tracing::warn!(
                port,
                limit,
                "as many connections are open as may be; slow and idle ones have to make room"
            );
        }
    }
}
