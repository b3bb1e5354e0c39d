//! Every limit of a connection, with its reason.

use std::time::Duration;

/// Deadline of a TLS handshake. The API server gives up after the same time.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Deadline of a request's head, from its first byte.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Deadline of a request's body, from the end of the head. The API server waits for a response for
/// `timeoutSeconds`: at most 30 s, and 5 s in the manifests.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Deadline for the client to take a response, from the end of the handler: at most 1.4 MB in 10 s.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server goes on serving during an uninstall.
pub const UNINSTALL_GRACE: Duration = Duration::from_secs(1);

/// Idle timeout of a connection. It must exceed the 90 s of the API server, which does not repeat a POST that
/// meets a closing connection. A new connection counts as idle, because Go pools connections that it dialled
/// and did not need.
pub const IDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// Idle timeout of a connection to the admin port. Each probe opens a new one.
pub const ADMIN_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often deadlines are checked, and so how late one may be noticed. One sweep of 512 connections takes
/// microseconds; a timer per request would cost each request more than a microsecond.
pub const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

/// A client that takes longer for a handshake, a body or a response is slow, and its connection is evicted if
/// others of its network wait for a connection or for memory. An API server sends a body at once.
pub const SLOW: Duration = Duration::from_secs(1);

/// Pause after a failed accept, for example for lack of file descriptors.
pub const ACCEPT_BACKOFF: Duration = Duration::from_secs(1);

/// Largest body of a request. The API server accepts objects of 3 MiB as protobuf, which are larger as JSON.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long a body or a response waits for memory. Longer than [`SLOW`], so that slow clients can be evicted
/// meanwhile. The API server waits 5 s for its response, and retries after a 503.
pub const MEMORY_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a body or a response that waits for memory tries again.
pub const MEMORY_RETRY: Duration = Duration::from_millis(10);

/// Most bytes of all bodies of requests and responses in memory together.
pub const BUFFERED_BYTES: usize = 4 * BODY_BYTES;

/// Largest body that counts as small, as that of nearly every Pod does. It is parsed at once, in a fraction
/// of a millisecond.
pub const SMALL_BODY_BYTES: usize = 32 * 1024;

/// How long a large body waits for the parser, for the reason of [`MEMORY_TIMEOUT`].
pub const PARSER_TIMEOUT: Duration = Duration::from_secs(2);

/// Most concurrent lookups of Namespaces for one client network. All networks share one limit of
/// requests to the API server.
pub const NETWORK_LOOKUPS: usize = 32;

/// How long a request waits for one of the [`NETWORK_LOOKUPS`].
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// How much of a body that is too large is still read and dropped, so that the client sees the response.
pub const DRAINED_BYTES: usize = 8 * BODY_BYTES;

/// Size of a connection's read buffer and of its write buffer. The head of a request must fit: an API
/// server's has about 300 bytes. Bytes of a body in the read buffer do not count against [`BUFFERED_BYTES`].
pub const CONNECTION_BYTES: usize = 16 * 1024;

/// Most bytes of an encrypted response that wait for the client.
pub const TLS_BYTES: usize = 16 * 1024;

/// Size of the kernel's buffer for each direction of a connection; the kernel allocates twice as much.
/// Without a limit it would grow them to megabytes, which count as memory of the container. 32 KiB in flight
/// are 32 MB/s at a round trip of 1 ms.
pub const SOCKET_BYTES: u32 = 32 * 1024;

/// Most connections that wait in the kernel to be accepted.
pub const BACKLOG: u32 = 1024;

/// Most connections to the admin port: probes and one or two scrapers.
pub const ADMIN_CONNECTIONS: usize = 64;
