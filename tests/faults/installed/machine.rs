//! The machine that the replicas run on.

use std::net::{IpAddr, UdpSocket};

/// An address of this machine other than loopback, which an EndpointSlice must not contain.
///
/// The kernel chooses the address for a datagram socket that is connected but sends nothing. The peer is an
/// address reserved for documentation (RFC 5737).
pub(crate) fn address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("203.0.113.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
