//! Tells whether a client sent more than one request, without reading any of it.

/// The bytes of a request so far: hyper reads ahead, and does not tell what it has left.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Whether there was anything but empty lines, which may stand before a head.
    started: bool,
    /// Whether the line so far is empty.
    empty: bool,
    /// Bytes after the head, once its end was seen.
    beyond: Option<u64>,
}

impl Arrived {
    /// Nothing yet; or the beginning of a head that was read with the request before it.
    pub(super) fn new(started: bool) -> Self {
        Self { started, ..Self::default() }
    }

    /// Adds bytes of a connection.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let beyond = match self.beyond {
            Some(beyond) => beyond.saturating_add(bytes.len() as u64),
            None => match self.head_end(bytes) {
                Some(end) => bytes.len().saturating_sub(end) as u64,
                None => return,
            },
        };
        self.beyond = Some(beyond);
    }

    /// Bytes after the head so far.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond.unwrap_or_default()
    }

    /// Whether there is more than a head and a body of this length.
    pub(super) fn exceeds(&self, body: u64) -> bool {
        self.beyond.is_some_and(|beyond| beyond > body)
    }

    /// How many of these bytes belong to the head, if its last one is among them.
    fn head_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.started && self.empty => return Some(index + 1),
                b'\n' => self.empty = true,
                b'\r' => {}
                _ => (self.started, self.empty) = (true, false),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_after_a_head_are_counted_however_they_arrive() {
        for (text, beyond) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", Some(0)),
            ("\r\n\r\nGET / HTTP/1.1\nhost: a\n\nab", Some(2)),
            ("GET / HTTP/1.1\r\nhost: a\r\n", None),
            ("GET / HTTP/1.1\r\n\r\nG\r\n\r\n", Some(5)),
        ] {
            for size in 1..=text.len() {
                let mut arrived = Arrived::new(false);
                text.as_bytes().chunks(size).for_each(|chunk| arrived.add(chunk));
                assert_eq!(arrived.beyond, beyond, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_head_that_began_before_may_end_with_an_empty_line() {
        let mut arrived = Arrived::new(true);
        arrived.add(b"x: y\r\n\r\n{}");
        assert!(arrived.exceeds(1) && !arrived.exceeds(2) && !Arrived::new(true).exceeds(0));
    }
}
