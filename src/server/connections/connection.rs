//! One connection: its stage, its deadline, and the memory that it holds.

use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::super::http_error::HttpError;
use super::super::limits::{BODY_TIMEOUT, HANDSHAKE_TIMEOUT, HEAD_TIMEOUT, RESPONSE_TIMEOUT, SLOW};
use super::share::Share;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Stage {
    /// The end of the TLS handshake.
    Handshake,
    /// The first byte of a request.
    Idle,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// The client, to take the response.
    Response,
    /// The handler, to produce the response.
    Working,
}

impl Stage {
    const ALL: [Self; 6] =
        [Self::Handshake, Self::Idle, Self::Head, Self::Body, Self::Response, Self::Working];
}

/// The order in which connections of a network are evicted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum EvictionRank {
    /// In a handshake for longer than [`SLOW`], so probably silent.
    SlowHandshake,
    /// Without a request, or with a part of its head.
    Idle,
    /// In a handshake. An API server finishes it in milliseconds, and then sends the request that waits for it.
    Handshake,
    /// Within a request, and waiting for the client.
    Waiting,
    /// Within a request, and waiting for the server.
    Working,
}

/// Bits of [`Connection::state`] that hold the stage.
const STAGE_BITS: u32 = 3;

/// One connection. Each change of stage is one atomic store, and arms no timer: [`super::Connections`] checks
/// the deadlines of all connections twice a second.
#[derive(Debug)]
pub(in crate::server) struct Connection {
    opened: Instant,
    /// Idle timeout.
    idle: Duration,
    /// The stage in the low bits, and above them the microseconds from `opened` to the start of the stage.
    state: AtomicU64,
    /// Wakes the task that waits for more of a body.
    body: AtomicWaker,
    task: OnceLock<AbortHandle>,
    pub(super) share: Arc<Share>,
    /// Bytes of its requests and responses in memory.
    memory: AtomicUsize,
}

impl Connection {
    pub(super) fn new(share: Arc<Share>, idle: Duration) -> Self {
        let (state, body, task, memory) = Default::default();
        Self { opened: Instant::now(), idle, state, body, task, share, memory }
    }

    /// Sets the task that serves this connection, so that it can be aborted.
    pub(in crate::server) fn attach(&self, task: AbortHandle) {
        // Set once: a connection has one task.
        let _ = self.task.set(task);
    }

    pub(super) fn enter(&self, stage: Stage) {
        let since = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX >> STAGE_BITS);
        self.state.store(since << STAGE_BITS | stage as u64, Relaxed);
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage_since().0
    }

    fn stage_since(&self) -> (Stage, Instant) {
        let bits = self.state.load(Relaxed);
        let index = usize::try_from(bits & ((1 << STAGE_BITS) - 1)).unwrap_or_default();
        let stage = Stage::ALL.get(index).copied().unwrap_or(Stage::Handshake);
        (stage, self.opened + Duration::from_micros(bits >> STAGE_BITS))
    }

    /// Sort key of eviction, least first: the rank, and among equals the start of the stage.
    pub(super) fn eviction_order(&self) -> (EvictionRank, Instant) {
        let (stage, since) = self.stage_since();
        let rank = match stage {
            Stage::Handshake if since.elapsed() >= SLOW => EvictionRank::SlowHandshake,
            Stage::Handshake => EvictionRank::Handshake,
            Stage::Idle | Stage::Head => EvictionRank::Idle,
            Stage::Body | Stage::Response => EvictionRank::Waiting,
            Stage::Working => EvictionRank::Working,
        };
        (rank, since)
    }

    /// Whether the client has exceeded the deadline of the stage. The server's own work has other limits.
    pub(super) fn is_overdue(&self) -> bool {
        let (stage, since) = self.stage_since();
        let limit = match stage {
            Stage::Handshake => HANDSHAKE_TIMEOUT,
            Stage::Idle => self.idle,
            Stage::Head => HEAD_TIMEOUT,
            Stage::Body => BODY_TIMEOUT,
            Stage::Response => RESPONSE_TIMEOUT,
            Stage::Working => return false,
        };
        since.elapsed() >= limit
    }

    /// Whether no request with a complete head is lost with the connection.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage(), Stage::Handshake | Stage::Idle | Stage::Head)
    }

    /// Whether the client waits for the server.
    pub(super) fn is_working(&self) -> bool {
        self.stage() == Stage::Working
    }

    /// Whether the client is slower with its body or a response than an API server ever is.
    pub(super) fn is_slow(&self) -> bool {
        let (stage, since) = self.stage_since();
        matches!(stage, Stage::Body | Stage::Response) && since.elapsed() >= SLOW
    }

    /// Ends an overdue connection. One that waits for a body is woken instead, to respond with 408.
    pub(super) fn expire(&self) {
        match self.stage() {
            Stage::Body => self.body.wake(),
            _ => self.abort(),
        }
    }

    /// Ends the connection at once.
    pub(super) fn abort(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Records that the body of the request is complete.
    pub(in crate::server) fn begin_work(&self) {
        self.enter(Stage::Working);
    }

    /// Waits for the next piece of a body; `None` after the last one.
    pub(in crate::server) async fn next_piece<B>(&self, body: &mut B) -> Result<Option<Bytes>, HttpError>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        std::future::poll_fn(|context| {
            loop {
                let piece = match Pin::new(&mut *body).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => Ok(Some(data)),
                        Err(_trailers) => continue,
                    },
                    Poll::Ready(Some(Err(_))) => Err(HttpError::Broken),
                    Poll::Ready(None) => Ok(None),
                    Poll::Pending => {
                        self.body.register(context.waker());
                        if !self.is_overdue() {
                            return Poll::Pending;
                        }
                        Err(HttpError::TooSlow)
                    }
                };
                return Poll::Ready(piece);
            }
        })
        .await
    }

    /// Bytes of its requests and responses in memory.
    pub(super) fn memory(&self) -> usize {
        self.memory.load(Relaxed)
    }
}

/// Memory that a connection holds until this is dropped.
#[derive(Debug)]
pub(in crate::server) struct Memory {
    connection: Arc<Connection>,
    bytes: usize,
}

impl Memory {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, bytes: 0 }
    }

    /// Takes more memory if enough is left. Returns whether it did.
    pub(super) fn try_grow(&mut self, bytes: usize) -> bool {
        let taken = self.connection.share.try_take(bytes);
        if taken {
            self.connection.memory.fetch_add(bytes, Relaxed);
            self.bytes += bytes;
        }
        taken
    }

    /// Returns `data` as bytes that hold this memory as long as any part of them is in use.
    pub(in crate::server) fn hold(self, data: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Held { data, _memory: self })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.connection.share.give_back(self.bytes);
        self.connection.memory.fetch_sub(self.bytes, Relaxed);
    }
}

struct Held<T> {
    data: T,
    _memory: Memory,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.data.as_ref()
    }
}
