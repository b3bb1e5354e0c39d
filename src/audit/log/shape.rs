//! Reads the events in the fragments of a log, whatever the shape of the log.

use std::borrow::Cow;

use memchr::memmem::{Finder, FinderRev};
use time::OffsetDateTime;

use super::LogCounts;
use super::fragment::Fragment;
use super::nesting::PLAIN;
use super::plain::PlainReader;
use super::record::{LogRecord, Wrapper};
use super::table;
use crate::audit::event::{ACCOUNT_PREFIX, AuditEvent};
use crate::audit::timestamp::parse;

/// Most wrappers around an event.
const MAX_WRAPPERS: u8 = 3;

/// The part of a line of the text format that no other format has
/// (`EventString` in `k8s.io/apiserver/pkg/audit/format.go`).
const TEXT_FORMAT: &[u8] = b" AUDIT: id=\"";

/// The field with the time at which an event was written.
const STAGED: &[u8] = b"stageTimestamp";

/// A quote of the text of a record, and one in the string of a wrapper.
const QUOTES: [&[u8]; 2] = [b"\"", b"\\\""];

/// The field with the id of an event that is in no string.
const ID: &[u8] = br#""auditID":"#;

/// Names of records that lack [`STAGED`]: `LogEntry` of Google Cloud, and rows of tables.
const WITHOUT_STAGED: [&[u8]; 2] = [b"protoPayload", b"AuditId"];

/// Passes on the events of a log and counts what it cannot read.
pub(super) struct ShapeReader<'s> {
    sink: &'s mut dyn FnMut(&AuditEvent<'_>),
    pub(super) counts: LogCounts,
    pub(super) is_text: bool,
    /// The log stream of the records in the current document.
    stream: String,
    account: Finder<'static>,
    denied: Finder<'static>,
    staged: FinderRev<'static>,
    id: Finder<'static>,
    without_staged: [Finder<'static>; 2],
    plain: PlainReader,
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
    Truncated {
        /// Whether it still has its user.
        has_user: bool,
    },
    /// It is not JSON, or a field has another type.
    Malformed,
}

impl<'s> ShapeReader<'s> {
    pub(super) fn new(sink: &'s mut dyn FnMut(&AuditEvent<'_>)) -> Self {
        Self {
            sink,
            counts: LogCounts::default(),
            is_text: false,
            stream: String::new(),
            account: Finder::new(ACCOUNT_PREFIX),
            denied: Finder::new("401"),
            staged: FinderRev::new(STAGED),
            id: Finder::new(ID),
            without_staged: WITHOUT_STAGED.map(Finder::new),
            plain: PlainReader::new(),
        }
    }

    pub(super) fn fragment(&mut self, fragment: Fragment<'_>) {
        let stream = std::mem::take(&mut self.stream);
        let wrapper = Wrapper { time: None, server: &stream };
        let reading = match fragment {
            Fragment::Document(start) => {
                LogRecord::stream(start).as_str().clone_into(&mut self.stream);
                return;
            }
            Fragment::Line(line) => self.line(line.trim_ascii()),
            Fragment::Element(element) => self.record(element, wrapper, 0),
            Fragment::Cut(start) => match self.parse(start, wrapper, 0) {
                reading @ (Reading::Event | Reading::Truncated { .. }) => reading,
                _ => Reading::Truncated { has_user: false },
            },
        };
        self.stream = stream;
        let is_lost = matches!(reading, Reading::Malformed | Reading::Truncated { has_user: false });
        self.counts.lost += u64::from(is_lost);
        match (reading, fragment) {
            (Reading::Event, _) => self.counts.events += 1,
            (Reading::Truncated { .. }, _) => self.counts.truncated += 1,
            (Reading::Malformed, _) | (Reading::Foreign, Fragment::Line(_)) => self.counts.malformed += 1,
            (Reading::Header | Reading::Foreign, _) => {}
        }
    }

    /// Reads a line: a record, a record after its time (an export of `CloudWatch` to S3), or a row of CSV.
    fn line(&mut self, line: &[u8]) -> Reading {
        if line.starts_with(b"{") {
            return self.record(line, Wrapper::default(), 0);
        }
        if memchr::memmem::find(line, TEXT_FORMAT).is_some() {
            self.is_text = true;
        }
        let time = |bytes: &[u8]| parse(str::from_utf8(bytes).ok()?.trim_matches(['"', ',']));
        let at = |time| Wrapper { time, ..Wrapper::default() };
        if let Some(start) = memchr::memmem::find(line, br#""{"""#) {
            let (before, quoted) = line.split_at_checked(start).unwrap_or_default();
            return self.record(&unquoted(quoted), at(time(before)), 0);
        }
        match memchr::memchr(b' ', line).and_then(|end| line.split_at_checked(end)) {
            Some((before, rest)) if time(before).is_some() && rest.trim_ascii().starts_with(b"{") => {
                self.record(rest.trim_ascii(), at(time(before)), 0)
            }
            _ if memchr::memmem::find(line, b"@message").is_some() => Reading::Header,
            _ => Reading::Malformed,
        }
    }

    /// Reads a record inside of so many wrappers.
    fn record(&mut self, bytes: &[u8], wrapper: Wrapper<'_>, wrappers: u8) -> Reading {
        if let Some(logged) = self.irrelevant(bytes) {
            let server = wrapper.server;
            (self.sink)(&AuditEvent { logged: Some(logged), server, ..AuditEvent::default() });
            return Reading::Event;
        }
        if let Some(event) = self.plain.event(bytes, wrapper) {
            (self.sink)(&event);
            return Reading::Event;
        }
        self.parse(bytes, wrapper, wrappers)
    }

    fn parse(&mut self, bytes: &[u8], wrapper: Wrapper<'_>, wrappers: u8) -> Reading {
        let (record, result) = LogRecord::read(bytes);
        match result {
            Err(error) if error.is_eof() || record.id.is_some() && !bytes.ends_with(b"}") => {
                let event = record.event(wrapper);
                if let Some(event) = &event {
                    (self.sink)(event);
                }
                Reading::Truncated { has_user: event.is_some_and(|event| !event.user.is_empty()) }
            }
            Err(_) => Reading::Malformed,
            Ok(()) => self.interpret(bytes, &record, wrapper, wrappers),
        }
    }

    fn interpret(
        &mut self,
        bytes: &[u8],
        record: &LogRecord<'_>,
        wrapper: Wrapper<'_>,
        wrappers: u8,
    ) -> Reading {
        if let Some(event) = record.google().or_else(|| record.event(wrapper)) {
            (self.sink)(&event);
            return Reading::Event;
        }
        let inner = if record.is_row { table::event(bytes).ok().map(Cow::Owned) } else { record.wrapped() };
        match inner {
            Some(inner) if inner.starts_with('{') && wrappers < MAX_WRAPPERS => {
                self.record(inner.trim_end().as_bytes(), record.wrapper(wrapper), wrappers + 1)
            }
            _ => Reading::Foreign,
        }
    }

    /// The time at which an event was written that is neither of a service account nor of a refused token, found without parsing
    /// the event: most events of a log are of this kind.
    fn irrelevant(&self, bytes: &[u8]) -> Option<OffsetDateTime> {
        let is_complete = bytes.first() == Some(&b'{') && bytes.last() == Some(&b'}');
        if !is_complete || self.account.find(bytes).is_some() || self.denied.find(bytes).is_some() {
            return None;
        }
        let text = self.staged_text(bytes)?;
        let end = text.iter().take(40).position(|byte| matches!(byte, b'"' | b'\\'))?;
        parse(str::from_utf8(text.get(..end)?).ok()?)
    }

    /// What follows the opening quote of the field [`STAGED`]; `None` if that could be a text of a client instead, such
    /// as the name of a `RoleBinding` in an annotation. Quotes in such a text have one backslash more than those around
    /// fields.
    fn staged_text<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let at = self.staged.rfind(bytes)?;
        let (before, field) = bytes.split_at_checked(at)?;
        let [bare, escaped] = QUOTES;
        let quote = if before.ends_with(escaped) { escaped } else { bare };
        if before.strip_suffix(quote)?.ends_with(b"\\") || quote == escaped && self.id.find(bytes).is_some() {
            return None;
        }
        // The API server writes the field after all objects of clients, others in any order.
        if !bytes.starts_with(PLAIN) {
            let mut without = self.without_staged.iter();
            let is_only = memchr::memmem::find(before, STAGED).is_none();
            if !is_only || without.any(|name| name.find(bytes).is_some()) {
                return None;
            }
        }
        let value = field.strip_prefix(STAGED)?.strip_prefix(quote)?.trim_ascii_start().strip_prefix(b":")?;
        value.trim_ascii_start().strip_prefix(quote)
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
