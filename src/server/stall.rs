//! Ends a connection that stalls in the middle of a head or of an answer.
//!
//! hyper has one timer for the idle time and the head together; they need limits
//! of their own, since an idle connection has to live longer than a slow head may.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::framing::Arrived;
use super::limits::{ANSWER, HEAD, WRITE};
use super::phase::Phase;

/// A stream that fails with [`io::ErrorKind::TimedOut`] when the client stalls.
#[derive(Debug)]
pub(super) struct Stalling<S> {
    stream: S,
    phase: Arc<Phase>,
    seen: u64,
    arrived: Arrived,
    /// Whether a head has begun.
    begun: bool,
    head: Option<Pin<Box<Sleep>>>,
    write: Option<Pin<Box<Sleep>>>,
    /// When the answers that are being written have to be written as a whole.
    overdue: Option<Instant>,
}

impl<S> Stalling<S> {
    pub(super) fn new(stream: S, phase: Arc<Phase>) -> Self {
        let (seen, arrived, begun, head, write, overdue) = Default::default();
        Self { stream, phase, seen, arrived, begun, head, write, overdue }
    }

    /// Whether bytes that arrive now belong to a head.
    ///
    /// One may have begun with the bytes of the request before. Who sends requests in a row is
    /// taken for such a client even if they were whole: no API server does that.
    fn is_between_requests(&mut self) -> bool {
        let turns = self.phase.turns();
        let between = turns.is_multiple_of(2);
        if between && turns != self.seen {
            self.seen = turns;
            self.begun = self.arrived.exceeds(self.phase.body());
            self.arrived = Arrived::new(self.begun);
            self.head = None;
        }
        between
    }

    /// Starts the clock of a head when its first bytes have arrived and the rest is awaited.
    ///
    /// Most heads arrive whole, and never cost a timer: arming one wakes another thread.
    fn check_head(&mut self, context: &mut Context<'_>, arrived: bool) -> io::Result<()> {
        self.begun |= arrived;
        if self.begun && !arrived && self.head.is_none() {
            self.head = Some(Box::pin(sleep(HEAD)));
            self.phase.begin_head();
        }
        let late = self.head.as_mut().is_some_and(|head| head.as_mut().poll(context).is_ready());
        if late { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }

    /// Starts the clocks of an answer when some of it has to wait; most are written at once.
    fn check_write<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write = None;
            return polled;
        }
        let now = Instant::now();
        let overdue = *self.overdue.get_or_insert(now + ANSWER);
        let write = self.write.get_or_insert_with(|| Box::pin(sleep_until(overdue.min(now + WRITE))));
        ready!(write.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let between = self.is_between_requests();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        self.arrived.add(bytes);
        self.phase.arrive(self.arrived.beyond());
        if between {
            self.check_head(context, !bytes.is_empty())?;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_write(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        if polled.is_ready() {
            self.phase.flush();
            self.overdue = None;
        }
        self.check_write(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.check_write(context, polled)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Writes 1 MiB to a client that takes 16 KiB, then waits, again and again; the seconds it took.
    async fn write_to_sipping(wait: Duration) -> (io::Result<()>, u64) {
        let (client, server) = duplex(16 * 1024);
        let began = Instant::now();
        let mut stream = Stalling::new(server, Arc::new(Phase::new(began)));
        let sips = tokio::spawn(async move {
            let (mut client, mut sip) = (client, vec![0; 16 * 1024]);
            while client.read_exact(&mut sip).await.is_ok() {
                sleep(wait).await;
            }
        });
        let written = async {
            stream.write_all(&vec![0; 1024 * 1024]).await?;
            stream.flush().await
        };
        let written = written.await;
        sips.abort();
        (written, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_taken_as_a_whole_in_its_time_or_not_at_all() {
        let (written, took) = write_to_sipping(Duration::from_secs(4)).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(took, ANSWER.as_secs());
        let (written, took) = write_to_sipping(Duration::from_millis(400)).await;
        assert!(written.is_ok() && took < ANSWER.as_secs());
        let (written, took) = write_to_sipping(Duration::from_mins(5)).await;
        assert!(written.is_err() && took == WRITE.as_secs());
    }
}
