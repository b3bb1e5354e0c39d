//! The connections of a port, what each client address uses, and which connection is evicted first.
//!
//! When connections or memory run out, a connection of the address that holds most is evicted, so that no
//! address can lock out another, whatever it sends. The address that holds most can evict only connections of
//! its own.

mod connection;
mod serve;
mod share;
mod stream;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep};

pub(super) use connection::{Connection, Memory};
pub(super) use serve::{serve, serve_tls};
pub(super) use share::ParserPermit;
use share::{Pool, Share, client_network};

use super::limits::{MEMORY, MEMORY_RETRY, SWEEP};
use crate::telemetry::incident::Incident;

/// The connections of one port.
#[derive(Debug)]
pub struct Connections {
    port: &'static str,
    limit: usize,
    idle: Duration,
    pool: Arc<Pool>,
    /// Locked when a connection begins or ends, at a sweep, and when memory runs out, not per request.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    addresses: HashMap<IpAddr, ClientAddress>,
    full: Incident,
}

/// The connections of one address.
#[derive(Debug)]
struct ClientAddress {
    share: Arc<Share>,
    connections: Vec<Arc<Connection>>,
}

/// An open connection, counted until this is dropped.
#[derive(Debug)]
pub struct Slot {
    pub(super) connection: Arc<Connection>,
    port: Arc<Connections>,
}

impl Connections {
    /// Creates an empty set, and starts the task that ends overdue connections.
    pub fn new(port: &'static str, limit: usize, idle: Duration) -> Arc<Self> {
        let (pool, open) = Default::default();
        let connections = Arc::new(Self { port, limit, idle, pool, open });
        tokio::spawn(sweep(Arc::downgrade(&connections)));
        connections
    }

    /// Admits a connection, after evicting another one if the limit is reached. Returns `None` if none may be
    /// evicted, because its address holds most connections and is being served on all of them.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        let mut open = self.open();
        let network = client_network(address);
        self.report(&mut open);
        if open.len() >= self.limit && !open.evict_for(network) {
            return None;
        }
        let address = open.addresses.entry(network).or_insert_with(|| ClientAddress {
            share: Arc::new(Share::new(Arc::clone(&self.pool))),
            connections: Vec::new(),
        });
        let connection = Arc::new(Connection::new(Arc::clone(&address.share), self.idle));
        address.connections.push(Arc::clone(&connection));
        Some(Slot { connection, port: Arc::clone(self) })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs when the limit is reached, and when a tenth of the connections are free again.
    fn report(&self, open: &mut Open) {
        let (port, limit) = (self.port, self.limit);
        if open.len() >= limit {
            if open.full.failed("full") {
                tracing::warn!(
                    port,
                    limit,
                    "connection limit reached; evicting connections of the address with most"
                );
            }
        } else if open.len() < limit - limit / 10 && open.full.recovered() {
            tracing::info!(port, limit, "connections are below the limit again");
        }
    }
}

impl Open {
    fn len(&self) -> usize {
        self.addresses.values().map(|address| address.connections.len()).sum()
    }

    /// Evicts a connection in favour of one of the network `newcomer`. Returns whether one was evicted.
    fn evict_for(&mut self, newcomer: IpAddr) -> bool {
        let own = self.addresses.get(&newcomer).map_or(0, |address| address.connections.len());
        let most = self.addresses.values().map(|address| address.connections.len()).max().unwrap_or(0);
        let gives_way = |network: &IpAddr, address: &ClientAddress| {
            if own < most { address.connections.len() == most } else { *network == newcomer }
        };
        let victim = self
            .addresses
            .iter()
            .filter(|(network, address)| gives_way(network, address))
            .flat_map(|(_, address)| &address.connections)
            .min_by_key(|connection| connection.eviction_order())
            .filter(|connection| own < most || !connection.is_working())
            .cloned();
        victim.is_some_and(|connection| self.evict(&connection))
    }

    /// Evicts a connection so that `requester` can take `bytes`: of the address that holds most memory, the
    /// connection that holds most. If that is the address of `requester` itself, only a slow client is evicted.
    fn reclaim_for(&mut self, requester: &Arc<Connection>, bytes: usize) {
        let wanted = requester.share.memory().saturating_add(bytes);
        let most = self.addresses.values().max_by_key(|address| address.share.memory());
        let Some(most) = most else { return };
        let is_own = most.share.memory() <= wanted;
        let share = Arc::clone(if is_own { &requester.share } else { &most.share });
        let victim = self
            .addresses
            .values()
            .filter(|address| Arc::ptr_eq(&address.share, &share))
            .flat_map(|address| &address.connections)
            .filter(|connection| connection.memory() > 0 && !Arc::ptr_eq(connection, requester))
            .filter(|connection| !is_own || connection.is_slow())
            .max_by_key(|connection| connection.memory())
            .cloned();
        if let Some(connection) = victim {
            self.evict(&connection);
        }
    }

    fn evict(&mut self, connection: &Arc<Connection>) -> bool {
        tracing::debug!(order = ?connection.eviction_order(), "evicted a connection");
        connection.abort();
        self.remove(connection)
    }

    /// Removes a connection. Returns whether it was present.
    fn remove(&mut self, connection: &Arc<Connection>) -> bool {
        let before = self.len();
        for address in self.addresses.values_mut() {
            address.connections.retain(|other| !Arc::ptr_eq(other, connection));
        }
        self.addresses.retain(|_, address| !address.connections.is_empty());
        self.len() < before
    }
}

/// Ends overdue connections every [`SWEEP`], as long as the port exists.
async fn sweep(port: Weak<Connections>) {
    loop {
        sleep(SWEEP).await;
        let Some(port) = port.upgrade() else { return };
        let open = port.open();
        let all = open.addresses.values().flat_map(|address| &address.connections);
        all.filter(|connection| connection.is_overdue()).for_each(|connection| connection.expire());
    }
}

impl Slot {
    /// Returns a holder of memory for this connection, empty at first.
    pub(super) fn memory(&self) -> Memory {
        Memory::new(Arc::clone(&self.connection))
    }

    /// Takes memory, evicting connections if needed. Returns whether it succeeded within [`MEMORY`].
    pub(super) async fn grow(&self, memory: &mut Memory, bytes: usize) -> bool {
        let mut until = None;
        while !memory.try_grow(bytes) {
            if Instant::now() >= *until.get_or_insert_with(|| Instant::now() + MEMORY) {
                return false;
            }
            self.port.open().reclaim_for(&self.connection, bytes);
            sleep(MEMORY_RETRY).await;
        }
        true
    }

    /// Waits for the parser of large bodies; `None` if that takes too long.
    pub(super) async fn parser(&self) -> Option<ParserPermit> {
        self.connection.share.parser().await
    }

    /// Waits for a permit to look up a Namespace; `None` if that takes too long.
    pub(super) async fn lookup(&self) -> Option<SemaphorePermit<'_>> {
        self.connection.share.lookup().await
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.port.open().remove(&self.connection);
    }
}
