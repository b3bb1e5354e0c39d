//! Every limit of a connection, with its reason.

use std::time::Duration;

/// A TLS handshake; the API server gives up after the same time.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// A request's head, from its first byte.
pub const HEAD: Duration = Duration::from_secs(10);

/// A request's body, from the end of the head. The API server waits 30 s at most for a response.
pub const BODY: Duration = Duration::from_secs(10);

/// A response, from the end of the handler to the byte that the client takes last: 1.4 MB at most, in 10 s.
pub const RESPONSE: Duration = Duration::from_secs(10);

/// Grace period for in-flight responses during an uninstall.
pub const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A connection without a request. It must exceed the 90 s of the API server, which does not repeat a POST that
/// meets a closing connection. A new connection counts as idle, because Go keeps connections in its pool that it
/// dialled and did not need.
pub const IDLE: Duration = Duration::from_mins(2);

/// A connection to the admin port without a request. Probes dial each time.
pub const ADMIN_IDLE: Duration = Duration::from_secs(10);

/// How often deadlines are checked, so how late one may be noticed. One sweep of 512 connections takes
/// microseconds; a timer per request would cost each request more than one.
pub const SWEEP: Duration = Duration::from_millis(500);

/// A client that takes so long for a body or a response gives its memory back if others of its address wait for
/// memory: an API server sends a body at once.
pub const SLOW: Duration = Duration::from_secs(1);

/// After a failed accept, such as one for lack of file descriptors.
pub const ACCEPT_BACK_OFF: Duration = Duration::from_secs(1);

/// A request's body. The API server takes objects of 3 MiB, as protobuf, which grow as JSON.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long a body or a response waits for memory: longer than [`SLOW`], so that slow clients give theirs back
/// meanwhile. The API server waits 5 s for its response, and asks again after a 503.
pub const MEMORY: Duration = Duration::from_secs(2);

/// How often a body or a response that waits for memory looks for some.
pub const MEMORY_RETRY: Duration = Duration::from_millis(10);

/// All bodies of requests and responses in memory together.
pub const BUFFERED_BYTES: usize = 4 * BODY_BYTES;

/// A body that counts as small: nearly every Pod. It is parsed at once, in a fraction of a millisecond.
pub const SMALL_BODY_BYTES: usize = 32 * 1024;

/// How long a large body waits for the parser.
pub const PARSER: Duration = Duration::from_secs(10);

/// Namespaces that are looked up at a time for the clients of one address. All addresses together share the
/// questions that the API server is asked at a time.
pub const ADDRESS_LOOKUPS: usize = 32;

/// How long a request waits until the clients of its address may have one more Namespace looked up.
pub const LOOKUP: Duration = Duration::from_secs(2);

/// What of a body that is too large is still read (and dropped), so that the client sees the response.
pub const DRAINED_BYTES: usize = 8 * BODY_BYTES;

/// The buffers of a connection for reading and for writing. The head of a request must fit in: that of an API
/// server has about 300 bytes. Part of a body that waits to be read is not counted otherwise.
pub const CONNECTION_BYTES: usize = 16 * 1024;

/// What of a response waits in encrypted form at most.
pub const TLS_BYTES: usize = 16 * 1024;

/// The buffers of the kernel for each direction of a connection; it allots twice as much. Without these it would
/// grow them to megabytes, and they count as memory of the container. 32 KiB in flight are 32 MB/s at 1 ms.
pub const SOCKET_BYTES: u32 = 32 * 1024;

/// Connections that the kernel keeps until they are accepted.
pub const BACKLOG: u32 = 1024;

/// Connections to the admin port: probes and a scraper or two.
pub const ADMIN_CONNECTIONS: usize = 64;
