//! Reads a request's body, within the limits of size, time and memory.

use axum::body::{Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request};
use bytes::BytesMut;

use super::connections::{Memory, Slot};
use super::http_error::HttpError;
use super::limits::{BODY_BYTES, DRAINED_BYTES};

/// Reads the body of a request, whose content type must be JSON. The bytes hold their [`Memory`] as long as
/// they are in use.
pub(super) async fn read<B>(request: Request<B>, slot: &Slot) -> Result<Bytes, HttpError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if !is_json(request.headers()) {
        return Err(HttpError::ContentType);
    }
    let mut body = request.into_body();
    let mut received = Received::new(slot.memory());
    while let Some(piece) = slot.connection.next_piece(&mut body).await? {
        received.add(piece, &body, slot).await?;
    }
    slot.connection.begin_work();
    received.finish()
}

/// Whether the content type is `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split_once(';').map_or(value, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The part of a body received so far. A body of one piece is not copied.
struct Received {
    first: Bytes,
    whole: BytesMut,
    size: usize,
    memory: Memory,
}

impl Received {
    fn new(memory: Memory) -> Self {
        Self { first: Bytes::new(), whole: BytesMut::new(), size: 0, memory }
    }

    /// Adds a piece. Memory is taken for bytes that arrived, not for the announced length, which a client may
    /// never send. A body that is too large is dropped.
    async fn add(&mut self, piece: Bytes, rest: &impl HttpBody, slot: &Slot) -> Result<(), HttpError> {
        self.size = self.size.saturating_add(piece.len());
        if self.size > DRAINED_BYTES {
            return Err(HttpError::TooLarge);
        }
        if self.size > BODY_BYTES {
            (self.first, self.whole, self.memory) = (Bytes::new(), BytesMut::new(), slot.memory());
            return Ok(());
        }
        if !slot.grow(&mut self.memory, piece.len()).await {
            return Err(HttpError::Busy);
        }
        if self.size == piece.len() {
            self.first = piece;
            return Ok(());
        }
        if self.whole.is_empty() {
            // Growing step by step takes up to twice the size. Unwritten pages take no memory.
            let announced = rest.size_hint().upper().and_then(|rest| usize::try_from(rest).ok());
            let whole = announced.map_or(BODY_BYTES, |rest| self.size.saturating_add(rest).min(BODY_BYTES));
            self.whole.reserve(whole);
            self.whole.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.whole.extend_from_slice(&piece);
        Ok(())
    }

    fn finish(self) -> Result<Bytes, HttpError> {
        match self.size {
            size if size > BODY_BYTES => Err(HttpError::TooLarge),
            _ if self.whole.is_empty() => Ok(self.memory.hold(self.first)),
            _ => Ok(self.memory.hold(self.whole)),
        }
    }
}
