//! Reads a request's body, and holds an answer's, within the limits of size, time and memory.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::limits::{
    ANSWER_FRAME_BYTES, BODY, BODY_BYTES, BUFFERED_BYTES, DRAINED_BYTES, MEMORY, SMALL_BODY_BYTES,
};
use super::refusal::Refusal;

/// The memory that all large bodies share; small ones are not counted.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: Arc<Semaphore>,
    /// What is parsed takes many times the memory of its text, so large bodies are parsed one at a time.
    parser: Semaphore,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: Arc::new(Semaphore::new(BUFFERED_BYTES)), parser: Semaphore::new(1) }
    }
}

impl Budget {
    /// The turn of a body to be parsed; a small one has it at once.
    pub(super) async fn turn(&self, body: &Buffered) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        if body.memory.is_none() {
            return Ok(None);
        }
        let turn = timeout(BODY, self.parser.acquire()).await;
        // Neither late nor closed: nobody closes this semaphore.
        turn.ok().and_then(Result::ok).map(Some).ok_or(Refusal::NoMemory)
    }

    /// An answer that counts until it is written, if it is large. It never waits: it is in memory already.
    pub(super) fn hold(&self, answer: Vec<u8>) -> Result<Body, Refusal> {
        if answer.len() <= SMALL_BODY_BYTES {
            return Ok(answer.into());
        }
        let reserved = Arc::clone(&self.bytes).try_acquire_many_owned(permits(answer.len()));
        let memory = reserved.map_err(|_| Refusal::NoMemory)?;
        Ok(Body::new(Held { rest: answer.into(), _memory: memory }))
    }

    /// Waits for memory. Whoever has some waits for the rest as shortly: bodies may wait for each other.
    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let reserved = timeout(MEMORY, Arc::clone(&self.bytes).acquire_many_owned(permits(bytes))).await;
        reserved.ok().and_then(Result::ok).ok_or(Refusal::NoMemory)
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A body in memory, with what it holds of the budget.
#[derive(Debug)]
pub(super) struct Buffered {
    /// The body.
    pub(super) bytes: Bytes,
    memory: Option<OwnedSemaphorePermit>,
}

/// A large answer. Its frames are copies: a frame that waits to be written keeps nothing else in memory.
struct Held {
    rest: Bytes,
    _memory: OwnedSemaphorePermit,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.rest.len().min(ANSWER_FRAME_BYTES);
        let frame = Bytes::copy_from_slice(&self.rest.split_to(size));
        Poll::Ready((!frame.is_empty()).then(|| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

/// Reads the body of a request that says it is JSON.
pub(super) async fn read(request: Request, budget: &Budget) -> Result<Buffered, Refusal> {
    if !is_json(request.headers()) {
        return Err(Refusal::ContentType);
    }
    let deadline = Instant::now() + BODY;
    let mut arriving = Arriving::new(request.into_body());
    within(deadline, arriving.read_beyond(SMALL_BODY_BYTES)).await?;
    within(deadline, arriving.read_rest(budget)).await?;
    arriving.finish()
}

/// Asks a future twice before it is worth a timer: arming one wakes another thread.
///
/// hyper hands over a body only when it was asked for, so even one that has arrived whole is never
/// there at once.
async fn within(
    deadline: Instant,
    reading: impl Future<Output = Result<(), Refusal>>,
) -> Result<(), Refusal> {
    let mut reading = pin!(reading);
    match asked_twice(reading.as_mut()).await {
        Some(result) => result,
        None => timeout_at(deadline, reading).await.unwrap_or(Err(Refusal::TooSlow)),
    }
}

async fn asked_twice<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut asked = false;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if asked => Poll::Ready(None),
        Poll::Pending => {
            asked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split_once(';').map_or(value, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The frames of a body so far; one that comes in one piece is not copied.
struct Arriving {
    body: Body,
    first: Bytes,
    rest: BytesMut,
    size: usize,
    ended: bool,
    /// What a large body holds of the budget.
    memory: Option<OwnedSemaphorePermit>,
}

impl Arriving {
    fn new(body: Body) -> Self {
        Self { body, first: Bytes::new(), rest: BytesMut::new(), size: 0, ended: false, memory: None }
    }

    /// Reads the rest of a large body. What has arrived counts, not what was announced: that may never come.
    async fn read_rest(&mut self, budget: &Budget) -> Result<(), Refusal> {
        if self.ended {
            return Ok(());
        }
        self.make_room();
        let mut counted = 0;
        while self.size <= DRAINED_BYTES {
            self.count(self.size - counted, budget).await?;
            counted = self.size;
            if self.ended {
                break;
            }
            self.read_beyond(counted).await?;
        }
        Ok(())
    }

    async fn count(&mut self, bytes: usize, budget: &Budget) -> Result<(), Refusal> {
        if self.size > BODY_BYTES {
            self.memory = None;
            return Ok(());
        }
        let more = budget.reserve(bytes).await?;
        match &mut self.memory {
            Some(memory) => memory.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }

    /// Reads to the end of the body, or until it is larger than this.
    async fn read_beyond(&mut self, limit: usize) -> Result<(), Refusal> {
        while !self.ended && self.size <= limit {
            match self.body.frame().await {
                None => self.ended = true,
                Some(frame) => {
                    if let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() {
                        self.add(data);
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, data: Bytes) {
        self.size = self.size.saturating_add(data.len());
        if self.size > BODY_BYTES {
            (self.first, self.rest) = (Bytes::new(), BytesMut::new());
        } else if self.size == data.len() {
            self.first = data;
        } else {
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
            self.rest.extend_from_slice(&data);
        }
    }

    /// Makes room for the whole body at once: growing would take up to twice its size. Room that nothing is
    /// written to takes no memory.
    fn make_room(&mut self) {
        let rest = self.body.size_hint().upper().and_then(|rest| usize::try_from(rest).ok());
        let whole = rest.map_or(BODY_BYTES, |rest| self.size.saturating_add(rest).min(BODY_BYTES));
        self.rest.reserve(whole.saturating_sub(self.rest.len()));
    }

    fn finish(self) -> Result<Buffered, Refusal> {
        let bytes = match self.size {
            size if size > BODY_BYTES => return Err(Refusal::TooLarge),
            _ if self.rest.is_empty() => self.first,
            _ => self.rest.freeze(),
        };
        Ok(Buffered { bytes, memory: self.memory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(size: usize) -> Request {
        let body = Body::from(vec![b' '; size]);
        Request::builder().header(CONTENT_TYPE, "application/json").body(body).unwrap()
    }

    async fn read_size(size: usize, budget: &Budget) -> Result<usize, Refusal> {
        read(request(size), budget).await.map(|body| body.bytes.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_waits_a_second_for_memory() {
        let budget = Budget::default();
        let all = budget.reserve(BUFFERED_BYTES).await.unwrap();
        let began = Instant::now();
        assert!(matches!(read_pieces(&budget).await, Err(Refusal::NoMemory)));
        assert_eq!(began.elapsed().as_secs(), MEMORY.as_secs());
        assert_eq!(read_size(SMALL_BODY_BYTES, &budget).await.unwrap(), SMALL_BODY_BYTES);
        drop(all);
        let body = read_pieces(&budget).await.unwrap();
        assert_eq!(budget.bytes.available_permits(), BUFFERED_BYTES - 3 * SMALL_BODY_BYTES);
        drop(body);
        assert_eq!(budget.bytes.available_permits(), BUFFERED_BYTES);
    }

    /// Reads a large body of unknown length, in pieces.
    async fn read_pieces(budget: &Budget) -> Result<Buffered, Refusal> {
        let request = Request::builder().header(CONTENT_TYPE, "application/json");
        read(request.body(Body::new(Pieces(3))).unwrap(), budget).await
    }

    struct Pieces(u8);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let rest = self.0.checked_sub(1);
            self.0 = rest.unwrap_or_default();
            Poll::Ready(rest.map(|_| Ok(Frame::data(vec![b' '; SMALL_BODY_BYTES].into()))))
        }
    }
}
