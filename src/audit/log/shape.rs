//! Reads the events in the fragments of a log, whatever the shape of the log.

use std::borrow::Cow;

use memchr::memmem::{Finder, FinderRev};
use time::OffsetDateTime;

use super::LogCounts;
use super::record::LogRecord;
use super::split::Fragment;
use super::table;
use crate::audit::event::{ACCOUNT_PREFIX, AuditEvent};
use crate::audit::time::parse;

/// Most wrappers around an event.
const MAX_WRAPPERS: u8 = 3;

/// The part of a line of the text format that no other format has
/// (`EventString` in `k8s.io/apiserver/pkg/audit/format.go`).
const TEXT_FORMAT: &[u8] = b" AUDIT: id=\"";

/// The field with the time of an event.
const RECEIVED: &[u8] = b"requestReceivedTimestamp";

/// Passes on the events of a log and counts what it cannot read.
pub(super) struct ShapeReader<'s> {
    sink: &'s mut dyn FnMut(&AuditEvent<'_>),
    pub(super) counts: LogCounts,
    pub(super) is_text: bool,
    account: Finder<'static>,
    denied: Finder<'static>,
    received: FinderRev<'static>,
}

/// The result of reading a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// It holds an event.
    Event,
    /// It is the first line of CSV, with the names of the columns.
    Header,
    /// It is JSON, but holds no event.
    Foreign,
    /// Its end is missing.
    Truncated,
    /// It is not JSON, or a field has another type.
    Malformed,
}

impl<'s> ShapeReader<'s> {
    pub(super) fn new(sink: &'s mut dyn FnMut(&AuditEvent<'_>)) -> Self {
        Self {
            sink,
            counts: LogCounts::default(),
            is_text: false,
            account: Finder::new(ACCOUNT_PREFIX),
            denied: Finder::new("401"),
            received: FinderRev::new(RECEIVED),
        }
    }

    pub(super) fn fragment(&mut self, fragment: Fragment<'_>) {
        let reading = match fragment {
            Fragment::Line(line) => self.line(line.trim_ascii()),
            Fragment::Element(element) => self.record(element, None, 0),
            Fragment::Cut(start) => match self.parse(start, None, 0) {
                Reading::Event => Reading::Event,
                _ => Reading::Truncated,
            },
        };
        match (reading, fragment) {
            (Reading::Event, _) => self.counts.events += 1,
            (Reading::Truncated, _) => self.counts.truncated += 1,
            (Reading::Malformed, _) | (Reading::Foreign, Fragment::Line(_)) => self.counts.malformed += 1,
            (Reading::Header | Reading::Foreign, _) => {}
        }
    }

    /// Reads a line: a record, a record after its time (an export of `CloudWatch` to S3), or a row of CSV.
    fn line(&mut self, line: &[u8]) -> Reading {
        if line.starts_with(b"{") {
            return self.record(line, None, 0);
        }
        if memchr::memmem::find(line, TEXT_FORMAT).is_some() {
            self.is_text = true;
        }
        let time = |bytes: &[u8]| parse(str::from_utf8(bytes).ok()?.trim_matches(['"', ',']));
        if let Some(start) = memchr::memmem::find(line, br#""{"""#) {
            let (before, quoted) = line.split_at_checked(start).unwrap_or_default();
            return self.record(&unquoted(quoted), time(before), 0);
        }
        match memchr::memchr(b' ', line).and_then(|end| line.split_at_checked(end)) {
            Some((before, rest)) if time(before).is_some() && rest.trim_ascii().starts_with(b"{") => {
                self.record(rest.trim_ascii(), time(before), 0)
            }
            _ if memchr::memmem::find(line, b"@message").is_some() => Reading::Header,
            _ => Reading::Malformed,
        }
    }

    /// Reads a record. `time` is that of the wrapper, if there is one.
    fn record(&mut self, bytes: &[u8], time: Option<OffsetDateTime>, wrappers: u8) -> Reading {
        if let Some(time) = self.irrelevant(bytes) {
            (self.sink)(&AuditEvent { time: Some(time), ..AuditEvent::default() });
            return Reading::Event;
        }
        self.parse(bytes, time, wrappers)
    }

    fn parse(&mut self, bytes: &[u8], time: Option<OffsetDateTime>, wrappers: u8) -> Reading {
        let (record, result) = LogRecord::read(bytes);
        match result {
            Err(error) if error.is_eof() || record.id.is_some() && !bytes.ends_with(b"}") => {
                if let Some(event) = record.event(time) {
                    (self.sink)(&event);
                }
                Reading::Truncated
            }
            Err(_) => Reading::Malformed,
            Ok(()) => self.interpret(bytes, &record, time, wrappers),
        }
    }

    fn interpret(
        &mut self,
        bytes: &[u8],
        record: &LogRecord<'_>,
        time: Option<OffsetDateTime>,
        wrappers: u8,
    ) -> Reading {
        if let Some(event) = record.google().or_else(|| record.event(time)) {
            (self.sink)(&event);
            return Reading::Event;
        }
        let inner = if record.is_row { table::event(bytes).ok().map(Cow::Owned) } else { record.wrapped() };
        match inner {
            Some(inner) if inner.starts_with('{') && wrappers < MAX_WRAPPERS => {
                self.record(inner.trim_end().as_bytes(), record.outer_time().or(time), wrappers + 1)
            }
            _ => Reading::Foreign,
        }
    }

    /// The time of an event that is neither of a service account nor of a refused token, found without parsing
    /// the event: most events of a log are of this kind.
    fn irrelevant(&self, bytes: &[u8]) -> Option<OffsetDateTime> {
        let is_complete = bytes.first() == Some(&b'{') && bytes.last() == Some(&b'}');
        if !is_complete || self.account.find(bytes).is_some() || self.denied.find(bytes).is_some() {
            return None;
        }
        let after = bytes.get(self.received.rfind(bytes)? + RECEIVED.len()..)?;
        let start = after.iter().take(8).position(u8::is_ascii_digit)?;
        let text = after.get(start..)?;
        let end = text.iter().take(40).position(|byte| matches!(byte, b'"' | b'\\'))?;
        parse(str::from_utf8(text.get(..end)?).ok()?)
    }
}

/// The content of a quoted cell of CSV.
fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().copied().skip(1);
    while let Some(byte) = bytes.next() {
        if byte == b'"' && bytes.next() != Some(b'"') {
            break;
        }
        content.push(byte);
    }
    content
}
