//! Binds the listeners. Errors name the flag to change.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::limits::{BACKLOG, SOCKET_BYTES};

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The port is in use.
    #[error(
        "{address} is already in use: set {flag} to another port, or stop the process that uses this one"
    )]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The flag that named it.
        flag: &'static str,
    },
    /// The system cannot listen on the address.
    #[error("failed to listen on {address}: set {flag} to another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that named it.
        flag: &'static str,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

/// Parses an address. Without a host, as in `:8443`, it means every address of this machine.
///
/// # Errors
/// When the text is not an IP address and a port. The error is a sentence for the user.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let every = text.strip_prefix(':').and_then(|port| port.parse().ok());
    let every = every.map(|port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port));
    every.or_else(|| text.parse().ok()).ok_or_else(|| {
        "must be an IP address and a port, such as 127.0.0.1:8443, [::]:8443 or :8443".to_owned()
    })
}

/// Binds an address; `[::]` becomes `0.0.0.0` where the system has no IPv6.
///
/// # Errors
/// When the port is in use, or the system cannot listen on the address.
pub fn bind(flag: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    let error = match listen(address) {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    if let Some(address) = without_ipv6(address, &error) {
        return listen(address).map_err(|error| bind_error(flag, address, error));
    }
    Err(bind_error(flag, address, error))
}

/// Listens with small kernel buffers, which each connection inherits.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind_error(flag: &'static str, address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, flag },
        _ => BindError::Listen { address, flag, source },
    }
}

/// Returns the same port on every IPv4 address, if the error means that the system has no IPv6.
fn without_ipv6(address: SocketAddr, error: &io::Error) -> Option<SocketAddr> {
    let missing = error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    let every = address.is_ipv6() && address.ip().is_unspecified();
    (missing && every).then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn only_the_host_of_an_address_is_optional() {
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

    /// The client takes next to nothing, so the rest of what is sent is in the kernel's buffer.
    #[tokio::test]
    async fn a_client_that_does_not_read_has_a_small_buffer() {
        let listener = bind("--listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let client = TcpSocket::new_v4().unwrap();
        client.set_recv_buffer_size(4096).unwrap();
        let client = client.connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (mut sent, bytes) = (0, [0; 4096]);
        let fill = async {
            while stream.writable().await.is_ok() {
                sent += stream.try_write(&bytes).unwrap_or_default();
            }
        };
        assert!(timeout(Duration::from_millis(200), fill).await.is_err());
        assert!(sent <= 3 * SOCKET_BYTES as usize, "{sent}");
        drop(client);
    }

    #[tokio::test]
    async fn the_error_of_a_port_in_use_names_its_flag() {
        let taken = bind("--listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind("--listen", address).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{address} is already in use: set --listen to another port, or stop the process that uses this one"
            )
        );
    }
}
