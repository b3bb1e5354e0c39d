//! Binds the listeners, and says what to do when that fails.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::limits::{BACKLOG, SOCKET_BYTES};

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody else has the port.
    #[error("{address} is in use by another process: stop that one, or give {flag} another port")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The flag that named it.
        flag: &'static str,
    },
    /// The system refuses.
    #[error("failed to listen on {address}: give {flag} another address")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// The flag that named it.
        flag: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Reads an address; one without a host, as in `:8443`, means every address of this machine.
///
/// # Errors
/// A sentence that says what is allowed.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let every = text.strip_prefix(':').and_then(|port| port.parse().ok());
    let every = every.map(|port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port));
    every.or_else(|| text.parse().ok()).ok_or_else(|| {
        "an IP address and a port are expected, such as 127.0.0.1:8443, [::]:8443 or :8443".to_owned()
    })
}

/// Binds an address; `[::]` becomes `0.0.0.0` where the system has no IPv6.
///
/// # Errors
/// When the port is taken or the address is not ours.
pub fn bind(flag: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    let error = match listen(address) {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    if let Some(address) = without_ipv6(address, &error) {
        return listen(address).map_err(|error| refused(flag, address, error));
    }
    Err(refused(flag, address, error))
}

/// Listens with small buffers in the kernel, which each connection inherits.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn refused(flag: &'static str, address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, flag },
        _ => BindError::Refused { address, flag, source },
    }
}

/// The same port on every IPv4 address, if it was IPv6 as such that failed.
fn without_ipv6(address: SocketAddr, error: &io::Error) -> Option<SocketAddr> {
    let missing = error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    let every = address.is_ipv6() && address.ip().is_unspecified();
    (missing && every).then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_the_host_and_nothing_else() {
        for (text, expected) in
            [(":8443", "[::]:8443"), ("127.0.0.1:1", "127.0.0.1:1"), ("[::1]:65535", "[::1]:65535")]
        {
            assert_eq!(address(text), Ok(expected.parse().unwrap()));
        }
        for text in ["", ":", "::", "8443", "localhost:8443", "127.0.0.1", ":65536", "::1:8443", ": 1"] {
            assert!(address(text).unwrap_err().contains("such as 127.0.0.1:8443"), "{text}");
        }
    }

    #[test]
    fn a_host_without_ipv6_gets_ipv4() {
        let none = io::Error::from_raw_os_error(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
        let every: SocketAddr = "[::]:8443".parse().unwrap();
        assert_eq!(without_ipv6(every, &none), Some("0.0.0.0:8443".parse().unwrap()));
        assert_eq!(
            without_ipv6(every, &io::ErrorKind::AddrNotAvailable.into()).map(|a| a.port()),
            Some(8443)
        );
        assert_eq!(without_ipv6(every, &io::ErrorKind::AddrInUse.into()), None);
        assert_eq!(without_ipv6("[::1]:8443".parse().unwrap(), &none), None);
    }

    #[tokio::test]
    async fn a_port_in_use_is_a_sentence() {
        let taken = bind("--listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind("--listen", address).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{address} is in use by another process: stop that one, or give --listen another port")
        );
    }
}
