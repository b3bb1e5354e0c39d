//! The number of connections that the replicas of an install accepted, each until it exited.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::endpoint::get;

/// The counters of all replicas, also of those that have exited.
#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Vec<Counter>>>);

#[derive(Clone, Copy)]
struct Counter {
    admin: SocketAddr,
    opened: u64,
    ended: bool,
}

impl Connections {
    /// Adds a replica, and returns its index.
    pub(super) fn add(&self, admin: SocketAddr) -> usize {
        let mut counters = self.0.lock().unwrap();
        counters.push(Counter { admin, opened: 0, ended: false });
        counters.len() - 1
    }

    /// Updates the count of a replica; `None` if it has exited.
    pub(super) async fn count(&self, number: usize) -> Option<()> {
        let Counter { admin, opened, ended } = self.0.lock().unwrap()[number];
        // A smaller count means that another program has taken the port.
        let now = if ended { None } else { ask(admin).await.filter(|now| *now >= opened) };
        let mut counters = self.0.lock().unwrap();
        match now {
            Some(now) => counters[number].opened = now,
            None => counters[number].ended = true,
        }
        now.map(drop)
    }

    /// The current total of all replicas.
    pub(super) async fn total(&self) -> u64 {
        let count = self.0.lock().unwrap().len();
        for number in 0..count {
            self.count(number).await;
        }
        self.0.lock().unwrap().iter().map(|counter| counter.opened).sum()
    }
}

/// The text of `/metrics`, if it is complete.
async fn ask(admin: SocketAddr) -> Option<u64> {
    let metrics = get(admin, "/metrics").await.filter(|metrics| metrics.ends_with("# EOF\n"))?;
    let opened = metrics.lines().find_map(|line| line.strip_prefix("boundtoken_connections_opened_total "));
    opened?.parse().ok()
}
