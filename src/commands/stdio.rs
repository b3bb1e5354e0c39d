//! Standard output and standard error, whose reader may close the pipe early, as `head` does.

use std::io::{self, Stderr, Stdout, Write};

use anstream::AutoStream;

/// The output of a command cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the output")]
pub struct StreamError(#[from] io::Error);

/// A stream that discards what is written after its reader closed the pipe. The rest is not wanted then, and the exit
/// code says the same as without a pipe.
#[derive(Debug)]
pub struct Pipe<W> {
    stream: W,
    is_closed: bool,
}

impl<W: Write> Pipe<W> {
    /// A stream whose reader has not closed it yet.
    pub fn new(stream: W) -> Self {
        Self { stream, is_closed: false }
    }

    fn unless_closed<T>(&mut self, done: T, write: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.is_closed {
            return Ok(done);
        }
        match write(&mut self.stream) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(done)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(bytes.len(), |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed((), W::flush)
    }
}

/// Standard output, with colours where they are wanted.
pub fn stdout() -> Pipe<AutoStream<Stdout>> {
    Pipe::new(anstream::stdout())
}

/// Standard error, with colours where they are wanted.
pub fn stderr() -> Pipe<AutoStream<Stderr>> {
    Pipe::new(anstream::stderr())
}

/// Writes what standard output still buffers. The standard library does so at the exit, but ignores errors.
///
/// # Errors
/// When it cannot be written.
pub fn flush() -> Result<(), StreamError> {
    Ok(Pipe::new(io::stdout()).flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that fails in the same way at each write.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        let mut closed = Pipe::new(Failing(io::ErrorKind::BrokenPipe));
        assert!(closed.write_all(b"a").is_ok() && closed.flush().is_ok());
        let mut full = Pipe::new(Failing(io::ErrorKind::StorageFull));
        assert!(full.write_all(b"a").is_err() && full.flush().is_err());
    }
}
