//! The parts into which a log is split.

/// Longest record that is kept, in bytes. `CloudWatch` cuts events at 256 KiB, and the API server limits objects to
/// 3 MiB.
pub(super) const MAX_RECORD: usize = 16 << 20;

/// Bytes at the start of a document that decide whether it is a list of records.
pub(super) const PREFIX: usize = 4096;

/// A part of a log that may hold an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fragment<'b> {
    /// A line, without its end.
    Line(&'b [u8]),
    /// An object in a list, or one that spans several lines.
    Element(&'b [u8]),
    /// The start of a record whose end is missing.
    Cut(&'b [u8]),
    /// The start of a document, before its elements.
    Document(&'b [u8]),
}
