//! Ports of a test's own.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A free port, and a socket that reserves it: Linux hands out a bound port only to a caller that names it.
///
/// Connections are refused until a listener is opened there.
pub(crate) fn reserve() -> (SocketAddr, Option<TcpSocket>) {
    let socket = TcpSocket::new_v4().unwrap();
    // Otherwise no listener could be opened there.
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    (socket.local_addr().unwrap(), cfg!(target_os = "linux").then_some(socket))
}
