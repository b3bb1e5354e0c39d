//! How long and how much: one place for every limit of a connection.

use std::time::Duration;

/// A client that does not finish its TLS handshake; the API server gives up after the same time.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// A request's head, from its first byte.
pub const HEAD: Duration = Duration::from_secs(10);

/// A request's body, from the end of the head. The API server waits 30 s at most for an answer.
pub const BODY: Duration = Duration::from_secs(10);

/// A client that takes nothing of its answer.
pub const WRITE: Duration = Duration::from_secs(10);

/// A whole answer, from the end of the handler to its last byte. No API server waits longer for one.
pub const ANSWER: Duration = Duration::from_secs(30);

/// For the answers under way of a server that nobody will call any more.
pub const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A connection without a request. It must exceed the 90 s of the API server, which does not
/// repeat a POST that meets a closing connection. A new connection counts as idle, because
/// Go keeps connections in its pool that it dialled and did not need.
pub const IDLE: Duration = Duration::from_mins(2);

/// A connection to the admin port without a request. Nobody minds a new connection there, and
/// those who say nothing must not keep out the probes.
pub const ADMIN_IDLE: Duration = Duration::from_secs(10);

/// A handshake, a head or a body that is incomplete for so long makes room before any idle
/// connection does: an API server sends each of them at once.
pub const SLOW: Duration = Duration::from_secs(1);

/// How long a connection that has to make room may take for it, before another one has to.
pub const ROOM: Duration = Duration::from_millis(100);

/// After a failed accept, such as one for lack of file descriptors.
pub const ACCEPT_BACK_OFF: Duration = Duration::from_secs(1);

/// A request's body. The API server takes objects of 3 MiB, as protobuf, which grow as JSON.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long a large body waits for memory. The API server waits 5 s for its answer, and asks again after a 503.
pub const MEMORY: Duration = Duration::from_secs(1);

/// All bodies of requests and answers in memory together, without the small ones.
pub const BUFFERED_BYTES: usize = 4 * BODY_BYTES;

/// A body that counts as small: nearly every Pod. It never waits for memory, so that nobody who
/// sends large bodies can hold it up.
pub const SMALL_BODY_BYTES: usize = 64 * 1024;

/// What of a large answer is handed over at a time.
pub const ANSWER_FRAME_BYTES: usize = 16 * 1024;

/// What of a body that is too large is still read (and dropped), so that the client sees the answer.
pub const DRAINED_BYTES: usize = 8 * BODY_BYTES;

/// A request's head.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Connections to the admin port: probes and a scraper or two.
pub const ADMIN_CONNECTIONS: usize = 64;
