//! Ports that belong to one test.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A free port, and a socket that reserves it: Linux assigns a bound port only when it is requested by
/// number.
///
/// Connections are refused until a listener is opened there.
pub(crate) fn reserve() -> (SocketAddr, Option<TcpSocket>) {
    let socket = TcpSocket::new_v4().unwrap();
    // Without this option no listener could bind the reserved port.
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    (socket.local_addr().unwrap(), cfg!(target_os = "linux").then_some(socket))
}
