//! The connections of a port, what each client network uses, and which connection is evicted first.
//!
//! When connections or memory run out, a connection of the client network that holds most is evicted, so that
//! no network can lock out another, whatever it sends. The network that holds most can evict only connections
//! of its own.

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
pub(super) use serve::{discard, handshake, serve};
pub(super) use share::ParserPermit;
use share::{ClientNetwork, Pool, Share};

use super::limits::{BUFFERED_BYTES, MEMORY_RETRY, MEMORY_TIMEOUT, SWEEP_INTERVAL};
use crate::telemetry::incident::Incident;

/// The connections of one port.
#[derive(Debug)]
pub struct Connections {
    /// The name of the port, for the log.
    port: &'static str,
    limit: usize,
    idle: Duration,
    pool: Arc<Pool>,
    /// Locked when a connection begins or ends, at a sweep, and when memory runs out, not per request.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    networks: HashMap<ClientNetwork, NetworkConnections>,
    full: Incident,
}

/// The connections of one client network.
#[derive(Debug)]
struct NetworkConnections {
    share: Arc<Share>,
    connections: Vec<Arc<Connection>>,
}

/// An open connection, counted until this is dropped.
#[derive(Debug)]
pub struct Slot {
    pub(super) connection: Arc<Connection>,
    connections: Arc<Connections>,
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
    /// evicted, because its network holds most connections and is being served on all of them.
    pub fn admit(self: &Arc<Self>, client: IpAddr) -> Option<Slot> {
        let mut open = self.lock();
        let network = ClientNetwork::of(client);
        self.report(&mut open);
        if open.len() >= self.limit && !open.evict_for(network) {
            return None;
        }
        let network = open.networks.entry(network).or_insert_with(|| NetworkConnections {
            share: Arc::new(Share::new(Arc::clone(&self.pool))),
            connections: Vec::new(),
        });
        let connection = Arc::new(Connection::new(Arc::clone(&network.share), self.idle));
        network.connections.push(Arc::clone(&connection));
        Some(Slot { connection, connections: Arc::clone(self) })
    }

    /// Ends the connections without a request. A client that has just sent one gets no response.
    pub fn close_idle(&self) {
        let open = self.lock();
        let all = open.networks.values().flat_map(|network| &network.connections);
        all.filter(|connection| connection.is_idle()).for_each(|connection| connection.abort());
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs when the limit is reached, and when a tenth of the connections are free again.
    fn report(&self, open: &mut Open) {
        let (port, limit) = (self.port, self.limit);
        if open.len() >= limit {
            if open.full.failed("full") {
                let network = open.largest().map(|(network, _)| network.to_string());
                tracing::warn!(
                    port,
                    limit,
                    network,
                    "connection limit reached; evicting connections of the client network with most"
                );
            }
        } else if open.len() < limit - limit / 10 && open.full.recovered() {
            tracing::info!(port, limit, "connections are below the limit again");
        }
    }
}

impl Open {
    fn len(&self) -> usize {
        self.networks.values().map(|network| network.connections.len()).sum()
    }

    /// Returns a network with most connections, and their number.
    fn largest(&self) -> Option<(ClientNetwork, usize)> {
        let sizes = self.networks.iter().map(|(network, open)| (*network, open.connections.len()));
        sizes.max_by_key(|(_, size)| *size)
    }

    /// Evicts a connection in favour of one of the network `newcomer`. Returns whether one was evicted.
    fn evict_for(&mut self, newcomer: ClientNetwork) -> bool {
        let own = self.networks.get(&newcomer).map_or(0, |network| network.connections.len());
        let most = self.largest().map_or(0, |(_, size)| size);
        let gives_way = |network: ClientNetwork, connections: &[Arc<Connection>]| {
            if own < most { connections.len() == most } else { network == newcomer }
        };
        let victim = self
            .networks
            .iter()
            .filter(|(network, open)| gives_way(**network, &open.connections))
            .flat_map(|(_, open)| &open.connections)
            .min_by_key(|connection| connection.eviction_order())
            .filter(|connection| own < most || !connection.is_working())
            .cloned();
        victim.is_some_and(|connection| self.evict(&connection))
    }

    /// Evicts a connection so that `requester` can take `bytes`: of the network that holds most memory, the
    /// connection that holds most. If that is the network of `requester` itself, only a slow client is
    /// evicted.
    fn reclaim_for(&mut self, requester: &Arc<Connection>, bytes: usize) {
        let wanted = requester.share.memory().saturating_add(bytes);
        let most = self.networks.values().max_by_key(|network| network.share.memory());
        let Some(most) = most else { return };
        // When the memory is in use, the largest share is at least the average. If it is smaller, memory was given
        // back since `requester` failed to take some.
        if most.share.memory() < BUFFERED_BYTES.saturating_sub(bytes) / self.networks.len() {
            return;
        }
        let is_own = most.share.memory() <= wanted;
        let share = Arc::clone(if is_own { &requester.share } else { &most.share });
        let victim = self
            .networks
            .values()
            .filter(|network| Arc::ptr_eq(&network.share, &share))
            .flat_map(|network| &network.connections)
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
        for network in self.networks.values_mut() {
            network.connections.retain(|other| !Arc::ptr_eq(other, connection));
        }
        self.networks.retain(|_, network| !network.connections.is_empty());
        self.len() < before
    }
}

/// Ends overdue connections every [`SWEEP_INTERVAL`], as long as the port is served.
async fn sweep(connections: Weak<Connections>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        let Some(connections) = connections.upgrade() else { return };
        let open = connections.lock();
        let all = open.networks.values().flat_map(|network| &network.connections);
        all.filter(|connection| connection.is_overdue()).for_each(|connection| connection.expire());
    }
}

impl Slot {
    /// Returns a holder of memory for this connection, empty at first.
    pub(super) fn memory(&self) -> Memory {
        Memory::new(Arc::clone(&self.connection))
    }

    /// Takes memory, evicting connections if needed. Returns whether it succeeded within [`MEMORY_TIMEOUT`].
    pub(super) async fn grow(&self, memory: &mut Memory, bytes: usize) -> bool {
        if memory.try_grow(bytes) {
            return true;
        }
        let _waiting = self.connection.share.wait();
        let until = Instant::now() + MEMORY_TIMEOUT;
        while Instant::now() < until {
            self.connections.lock().reclaim_for(&self.connection, bytes);
            sleep(MEMORY_RETRY).await;
            if memory.try_grow(bytes) {
                return true;
            }
        }
        false
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
        self.connections.lock().remove(&self.connection);
    }
}
