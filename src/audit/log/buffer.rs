//! The part of a log that is in memory.

use std::io::{self, ErrorKind, Read};

/// Bytes that are read at once: few enough for the processor's caches.
const CHUNK: usize = 256 << 10;

/// Bytes that were read and not used yet. Its memory is used again, so it is only as large as a record and a chunk.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl ReadBuffer {
    /// Reads more bytes. Returns their number; 0 is the end.
    pub(super) fn fill(&mut self, input: &mut impl Read) -> io::Result<usize> {
        if self.bytes.len() < self.filled + CHUNK {
            self.bytes.resize(self.filled + CHUNK, 0);
        }
        let space = self.bytes.get_mut(self.filled..).unwrap_or_default();
        loop {
            match input.read(space) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => {
                    self.filled += result.as_ref().copied().unwrap_or_default();
                    return result;
                }
            }
        }
    }

    /// The bytes that were read and not used yet.
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// Removes as many bytes from the start.
    pub(super) fn consume(&mut self, used: usize) {
        self.bytes.copy_within(used..self.filled, 0);
        self.filled -= used;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte at a time, and is interrupted before each.
    struct Slow<'t> {
        text: &'t [u8],
        is_interrupted: bool,
    }

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            self.text.read(&mut buffer[..1])
        }
    }

    #[test]
    fn bytes_stay_in_order_until_they_are_used() {
        let mut slow = Slow { text: b"abcd", is_interrupted: false };
        let mut buffer = ReadBuffer::default();
        for expected in ["a", "ab", "abc"] {
            assert_eq!(buffer.fill(&mut slow).unwrap(), 1);
            assert_eq!(buffer.filled(), expected.as_bytes());
        }
        buffer.consume(2);
        assert_eq!(buffer.filled(), b"c");
        assert_eq!((buffer.fill(&mut slow).unwrap(), buffer.fill(&mut slow).unwrap()), (1, 0));
        assert_eq!(buffer.filled(), b"cd");
    }

    #[test]
    fn its_memory_is_used_again() {
        let mut buffer = ReadBuffer::default();
        for _ in 0..100 {
            let read = buffer.fill(&mut io::repeat(b'x')).unwrap();
            buffer.consume(read - 10);
            buffer.consume(10);
        }
        assert_eq!(buffer.bytes.len(), CHUNK);
    }
}
