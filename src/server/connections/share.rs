//! The resources of a port that clients share, and how much of them each client network uses.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::super::limits::{BUFFERED_BYTES, LOOKUP_TIMEOUT, NETWORK_LOOKUPS, PARSER_TIMEOUT};

/// The network bits of an IPv6 address: the owner of a usual network, a /64, can choose all others.
const IPV6_NETWORK: u128 = !0 << 64;

/// The clients that have one share: those of an IPv4 address, or of the /64 network of an IPv6 address, since
/// one host can have all addresses of such a network.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// Returns the network of a client with this address.
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(formatter, "{address}"),
            IpAddr::V6(network) => write!(formatter, "{network}/64"),
        }
    }
}

/// The resources that all clients of a port share.
#[derive(Debug)]
pub(super) struct Pool {
    /// Bytes of requests and responses in memory.
    memory: AtomicUsize,
    /// The shares that wait for memory, one entry for each body or response.
    waiting: Mutex<Vec<Arc<Share>>>,
    /// Their number, to be read without a lock.
    waiters: AtomicUsize,
    /// A parsed body takes many times the memory of its text, so large ones are parsed one at a time.
    parser: Arc<Semaphore>,
}

impl Default for Pool {
    fn default() -> Self {
        let (memory, waiting, waiters) = Default::default();
        Self { memory, waiting, waiters, parser: Arc::new(Semaphore::new(1)) }
    }
}

/// The resources that one client network uses.
#[derive(Debug)]
pub(super) struct Share {
    pool: Arc<Pool>,
    memory: AtomicUsize,
    parser: Arc<Semaphore>,
    lookups: Semaphore,
}

impl Pool {
    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Share>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A share that waits for memory until this is dropped.
#[derive(Debug)]
pub(super) struct MemoryWait(Arc<Share>);

impl Drop for MemoryWait {
    fn drop(&mut self) {
        let mut waiting = self.0.pool.waiting();
        if let Some(index) = waiting.iter().position(|share| Arc::ptr_eq(share, &self.0)) {
            waiting.swap_remove(index);
        }
        self.0.pool.waiters.store(waiting.len(), Relaxed);
    }
}

/// The permits to parse a large body: that of the network, and that of the port.
pub(in crate::server) type ParserPermit = [OwnedSemaphorePermit; 2];

impl Share {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let (parser, lookups) = (Arc::new(Semaphore::new(1)), Semaphore::new(NETWORK_LOOKUPS));
        Self { pool, memory: AtomicUsize::default(), parser, lookups }
    }

    /// Bytes of requests and responses in memory.
    pub(super) fn memory(&self) -> usize {
        self.memory.load(Relaxed)
    }

    /// Takes memory if enough is left, and no network that holds less waits for some: it would wait in vain while
    /// this one takes what others give back. Returns whether it did.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        if self.pool.waiters.load(Relaxed) > 0 && self.gives_way() {
            return false;
        }
        let taken = self.pool.memory.fetch_add(bytes, Relaxed).saturating_add(bytes);
        if taken > BUFFERED_BYTES {
            self.pool.memory.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.memory.fetch_add(bytes, Relaxed);
        true
    }

    fn gives_way(&self) -> bool {
        self.pool.waiting().iter().any(|share| share.memory() < self.memory())
    }

    /// Waits for memory until the guard is dropped.
    pub(super) fn wait(self: &Arc<Self>) -> MemoryWait {
        let mut waiting = self.pool.waiting();
        waiting.push(Arc::clone(self));
        self.pool.waiters.store(waiting.len(), Relaxed);
        MemoryWait(Arc::clone(self))
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.pool.memory.fetch_sub(bytes, Relaxed);
        self.memory.fetch_sub(bytes, Relaxed);
    }

    /// Waits for the parser; `None` after [`PARSER_TIMEOUT`]. Each network has at most one body in the queue,
    /// so networks take turns, however many bodies one of them sends.
    pub(super) async fn parser(&self) -> Option<ParserPermit> {
        let permits = async {
            let turn = Arc::clone(&self.parser).acquire_owned().await.ok()?;
            Some([turn, Arc::clone(&self.pool.parser).acquire_owned().await.ok()?])
        };
        timeout(PARSER_TIMEOUT, permits).await.ok().flatten()
    }

    /// Waits for one of the [`NETWORK_LOOKUPS`]; `None` after [`LOOKUP_TIMEOUT`].
    pub(super) async fn lookup(&self) -> Option<SemaphorePermit<'_>> {
        timeout(LOOKUP_TIMEOUT, self.lookups.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_or_an_ipv6_network_has_one_share() {
        for (one, other, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("fd00::1", "fd00::ffff:0:0:1", true),
            ("fd00::1", "fd00:0:0:1::1", false),
        ] {
            let [a, b] = [one, other].map(|text| ClientNetwork::of(text.parse().unwrap()));
            assert_eq!(a == b, same, "{one} {other}");
        }
    }

    #[test]
    fn a_network_is_shown_with_its_prefix() {
        for (address, shown) in
            [("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("fd00:0:0:1::2", "fd00:0:0:1::/64")]
        {
            assert_eq!(ClientNetwork::of(address.parse().unwrap()).to_string(), shown);
        }
    }
}
