//! The resources of a port that clients share, and how much of them the clients of one address use.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::super::limits::{ADDRESS_LOOKUPS, BUFFERED_BYTES, LOOKUP, PARSER};

/// The network bits of an IPv6 address: the owner of a usual network, a /64, can choose all others.
const IPV6_NETWORK: u128 = !0 << 64;

/// Returns the address that a share belongs to: an IPv4 address, or the /64 network of an IPv6 address, since
/// one host can have all addresses of such a network.
pub(super) fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The resources that all clients of a port share.
#[derive(Debug)]
pub(super) struct Pool {
    /// Bytes of requests and responses in memory.
    memory: AtomicUsize,
    /// A parsed body takes many times the memory of its text, so large ones are parsed one at a time.
    parser: Arc<Semaphore>,
}

impl Default for Pool {
    fn default() -> Self {
        Self { memory: AtomicUsize::default(), parser: Arc::new(Semaphore::new(1)) }
    }
}

/// The resources that the clients of one address use.
#[derive(Debug)]
pub(super) struct Share {
    pool: Arc<Pool>,
    memory: AtomicUsize,
    parser: Arc<Semaphore>,
    lookups: Semaphore,
}

/// The permits to parse a large body: that of the address, and that of the port.
pub(in crate::server) type ParserPermit = [OwnedSemaphorePermit; 2];

impl Share {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let (parser, lookups) = (Arc::new(Semaphore::new(1)), Semaphore::new(ADDRESS_LOOKUPS));
        Self { pool, memory: AtomicUsize::default(), parser, lookups }
    }

    /// Bytes of requests and responses in memory.
    pub(super) fn memory(&self) -> usize {
        self.memory.load(Relaxed)
    }

    /// Takes memory if enough is left. Returns whether it did.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        let taken = self.pool.memory.fetch_add(bytes, Relaxed).saturating_add(bytes);
        if taken > BUFFERED_BYTES {
            self.pool.memory.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.memory.fetch_add(bytes, Relaxed);
        true
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.pool.memory.fetch_sub(bytes, Relaxed);
        self.memory.fetch_sub(bytes, Relaxed);
    }

    /// Waits for the parser; `None` after [`PARSER`]. Each address has at most one body in the queue, so
    /// addresses take turns, however many bodies one of them sends.
    pub(super) async fn parser(&self) -> Option<ParserPermit> {
        let permits = async {
            let turn = Arc::clone(&self.parser).acquire_owned().await.ok()?;
            Some([turn, Arc::clone(&self.pool.parser).acquire_owned().await.ok()?])
        };
        timeout(PARSER, permits).await.ok().flatten()
    }

    /// Waits for one of the [`ADDRESS_LOOKUPS`]; `None` after [`LOOKUP`].
    pub(super) async fn lookup(&self) -> Option<SemaphorePermit<'_>> {
        timeout(LOOKUP, self.lookups.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_or_an_ipv6_network_is_one_client() {
        for (one, other, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("fd00::1", "fd00::ffff:0:0:1", true),
            ("fd00::1", "fd00:0:0:1::1", false),
        ] {
            let [a, b] = [one, other].map(|text| client_network(text.parse().unwrap()));
            assert_eq!(a == b, same, "{one} {other}");
        }
    }
}
