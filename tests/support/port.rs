//! Ports of a test's own.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A free port, and what keeps it: Linux gives nobody a port that a socket is bound to, unless by name.
///
/// A connection is refused as long as nobody listens there.
pub(crate) fn reserve() -> (SocketAddr, Option<TcpSocket>) {
    let socket = TcpSocket::new_v4().unwrap();
    // Else nobody could listen there, either.
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    (socket.local_addr().unwrap(), cfg!(target_os = "linux").then_some(socket))
}
