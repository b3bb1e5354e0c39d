//! Reads audit logs: as API servers write them, and as cloud providers export them.
//!
//! The shape is found in the content. A log is read in pieces, so memory does not depend on its size: `split` finds
//! the records, `shape` finds the event in each, and `plain` or `record` reads the fields that matter.

mod buffer;
mod fragment;
mod nesting;
mod plain;
mod record;
mod shape;
mod split;
mod table;

use std::io::{self, Read};
use std::ops::AddAssign;

use flate2::read::MultiGzDecoder;

use super::event::AuditEvent;
use buffer::ReadBuffer;
use shape::ShapeReader;
use split::Splitter;

/// The start of a file that is compressed with gzip (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The size of a log, and the numbers of its records.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LogCounts {
    /// Size after decompression.
    pub bytes: u64,
    /// Events, not counting truncated ones.
    pub events: u64,
    /// Lines and list elements that cannot be read.
    pub malformed: u64,
    /// Events whose end is missing.
    pub truncated: u64,
    /// Records that may have been a request of any user: malformed lines, and truncated events without their user.
    pub lost: u64,
}

impl AddAssign for LogCounts {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.events += other.events;
        self.malformed += other.malformed;
        self.truncated += other.truncated;
        self.lost += other.lost;
    }
}

/// An error that ends the reading of a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The log has the format that lacks annotations.
    #[error(
        "the log is in the text format, which has no annotations; run kube-apiserver with --audit-log-format=json"
    )]
    TextFormat,
    /// The log cannot be read.
    #[error("failed to read the log")]
    Io(#[from] io::Error),
}

/// Passes each event of a log to `sink`. An event that is neither of a service account nor of a refused token has
/// only the time at which it was written, and its API server. Malformed and truncated records are counted and do not end the reading.
///
/// # Errors
/// When the log cannot be read, or is in the text format.
pub fn read(mut input: impl Read, sink: &mut dyn FnMut(&AuditEvent<'_>)) -> Result<LogCounts, LogError> {
    let mut start = Vec::new();
    input.by_ref().take(GZIP.len() as u64).read_to_end(&mut start)?;
    let input = start.chain(input);
    if start == GZIP { read_plain(MultiGzDecoder::new(input), sink) } else { read_plain(input, sink) }
}

fn read_plain(mut input: impl Read, sink: &mut dyn FnMut(&AuditEvent<'_>)) -> Result<LogCounts, LogError> {
    let mut reader = ShapeReader::new(sink);
    let (mut splitter, mut buffer, mut bytes) = (Splitter::default(), ReadBuffer::default(), 0);
    let mut last = false;
    while !last {
        let read = match buffer.fill(&mut input) {
            Err(error) => reader.counts.count_damage(error).map(|()| 0)?,
            Ok(read) => read,
        };
        last = read == 0;
        bytes += read as u64;
        let used = splitter.feed(buffer.filled(), last, &mut |fragment| reader.fragment(fragment));
        buffer.consume(used);
        if reader.is_text {
            return Err(LogError::TextFormat);
        }
    }
    Ok(LogCounts { bytes, ..reader.counts })
}

impl LogCounts {
    /// Counts the damage of a compressed file, whose start is still read.
    fn count_damage(&mut self, error: io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated += 1,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => self.malformed += 1,
            _ => return Err(error),
        }
        Ok(())
    }
}
