//! An audit log of any shape, compressed or not: its events, whatever the pieces in which it is read.

#![no_main]

use std::io::Read;

use boundtoken::audit::log::{LogCounts, LogError, read};
use libfuzzer_sys::fuzz_target;

/// Most bytes that are decompressed: a few bytes of gzip can hold megabytes of zeros.
const MOST: u64 = 1 << 20;

/// The start of a compressed file.
const GZIP: &[u8] = &[0x1f, 0x8b];

fuzz_target!(|input: &[u8]| {
    let (whole, counts) = events(input);
    let (pieces, other) = events(Pieces(input));
    let (Ok(counts), Ok(other)) = (counts, other) else { return };
    // How much of a damaged file can be decompressed depends on how much of it is read at once.
    if input.starts_with(GZIP) && counts.malformed + counts.truncated + other.malformed + other.truncated > 0
    {
        return;
    }
    assert_eq!((&whole, counts), (&pieces, other));
    // Of a truncated event there may be enough to report it.
    let reported = counts.events..=counts.events + counts.truncated;
    assert!(reported.contains(&(whole.len() as u64)), "{} events, {counts:?}", whole.len());
});

fn events(input: impl Read) -> (Vec<String>, Result<LogCounts, LogError>) {
    let mut events = Vec::new();
    let counts = read(input.take(MOST), &mut |event| events.push(format!("{event:?}")));
    (events, counts)
}

/// Reads seven bytes at a time.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = buffer.len().min(7);
        self.0.read(&mut buffer[..size])
    }
}
