//! The machine that the replicas run on.

use std::net::{IpAddr, UdpSocket};

/// An address of this machine that is not loopback, which no EndpointSlice may hold.
///
/// A datagram socket is connected without sending anything; the kernel chooses the address. The other end
/// is one of those kept for documentation (RFC 5737).
pub(crate) fn address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("203.0.113.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
