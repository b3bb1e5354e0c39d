//! Finds the records inside a JSON document: the objects in a list, or the document itself.

use std::ops::ControlFlow;

use memchr::{memchr, memchr3, memmem};

use super::fragment::{Fragment, MAX_RECORD, PREFIX};

/// The start of each line that the API server writes.
pub(super) const PLAIN: &[u8] = br#"{"kind":"Event","#;

/// The fields that hold records: of an `EventList`, of `CloudWatch` subscriptions, of `filter-log-events`, of Azure
/// Monitor, and of `CloudWatch` Logs Insights.
const LISTS: [&[u8]; 5] =
    [br#""items""#, br#""logEvents""#, br#""events""#, br#""records""#, br#""results""#];

/// Most containers around a record. Real ones have at most three.
const MAX_NESTING: usize = 64;

/// The position in a document.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    /// The containers around the record: `{` or `[` each.
    open: Vec<u8>,
    /// Whether the document itself is the record.
    is_record: bool,
    /// Containers of the record that are open; 0 outside of a record.
    depth: usize,
    /// Spaces since the start of the line, if nothing else is before the position.
    line: Option<usize>,
    /// Spaces before the record, if it begins a line.
    indent: usize,
    /// Whether the record was longer than [`MAX_RECORD`] and was passed on already.
    is_dropped: bool,
    /// Whether the position is in a string.
    in_string: bool,
    /// Bytes at the start of the next piece that were examined before.
    examined: usize,
}

impl Nesting {
    /// Enters a document, unless it is a line.
    pub(super) fn at(prefix: &[u8]) -> Option<Self> {
        match prefix.first()? {
            b'[' => Some(Self::default()),
            b'{' if prefix.starts_with(PLAIN) => None,
            b'{' if opens_list(prefix) => Some(Self::default()),
            b'{' if is_alone(prefix) => Some(Self { is_record: true, ..Self::default() }),
            _ => None,
        }
    }

    /// Whether the document continues; `None` if it is nested too deeply to be a log.
    pub(super) fn is_open(&self) -> Option<bool> {
        (self.open.len() <= MAX_NESTING).then_some(self.depth > 0 || !self.open.is_empty())
    }

    /// Examines the bytes up to the next boundary of a record. Returns the number of bytes that were used, or
    /// `None` if more are needed.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        last: bool,
        sink: &mut impl FnMut(Fragment<'_>),
    ) -> Option<usize> {
        let mut at = self.examined;
        self.examined = 0;
        loop {
            let (position, byte) = self.structural(bytes, at);
            let through = bytes.get(..=position).unwrap_or_default();
            let step = match byte {
                None => return self.wait(bytes, position, last, sink),
                Some(b'\n') => self.end_line(bytes, position, last, sink),
                Some(container @ (b'{' | b'[')) => boundary(self.enter(container, through, sink)),
                Some(_) => boundary(self.leave(through, sink)),
            };
            if let ControlFlow::Break(used) = step {
                return used;
            }
            at = position + 1;
        }
    }

    /// Handles the end of a line at a position. Where a document or a record begins on the next line, although the current
    /// one has not ended, the end of the current one is missing.
    fn end_line(
        &mut self,
        bytes: &[u8],
        at: usize,
        last: bool,
        sink: &mut impl FnMut(Fragment<'_>),
    ) -> ControlFlow<Option<usize>> {
        let next = bytes.get(at + 1..).unwrap_or_default();
        let is_cut = self.is_cut(next);
        let is_document = if self.open.is_empty() { Some(false) } else { begins_list(next, last) };
        let Some(is_document) = is_document else {
            return ControlFlow::Break(self.wait(bytes, at, last, sink));
        };
        if is_document {
            self.open.clear();
        }
        match is_cut {
            None if !last && !is_document => ControlFlow::Break(self.wait(bytes, at, last, sink)),
            _ if self.depth > 0 && (is_document || is_cut == Some(true)) => {
                let cut = bytes.get(..at).unwrap_or_default();
                ControlFlow::Break(Some(self.finish(Fragment::Cut(cut), at, sink)))
            }
            _ if is_document => ControlFlow::Break(Some(at + 1)),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Enters the container that begins with the last byte of `through`. Returns the number of bytes that were used
    /// if a boundary is there.
    fn enter(&mut self, container: u8, through: &[u8], sink: &mut impl FnMut(Fragment<'_>)) -> Option<usize> {
        if self.depth > 0 {
            self.depth += 1;
            return None;
        }
        if container == b'{' && self.is_between_records() {
            let until = through.get(..through.len() - 1).unwrap_or_default();
            if until.is_empty() {
                self.depth = 1;
                self.indent = self.line.unwrap_or_default();
                return None;
            }
            self.pass(until);
            return Some(until.len());
        }
        self.open.push(container);
        (self.open.len() > MAX_NESTING).then(|| {
            sink(Fragment::Line(through));
            through.len()
        })
    }

    /// Leaves the container that ends with the last byte of `through`, like [`Self::enter`].
    fn leave(&mut self, through: &[u8], sink: &mut impl FnMut(Fragment<'_>)) -> Option<usize> {
        match self.depth {
            0 => {
                self.open.pop();
                self.open.is_empty().then_some(through.len())
            }
            1 => Some(self.finish(Fragment::Element(through), through.len(), sink)),
            _ => {
                self.depth -= 1;
                None
            }
        }
    }

    /// The next bracket or end of a line, outside of strings. A string ends with its line, because JSON escapes
    /// line ends: the rest is missing.
    fn structural(&mut self, bytes: &[u8], mut at: usize) -> (usize, Option<u8>) {
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let found = if self.in_string {
                memchr3(b'"', b'\\', b'\n', rest)
            } else {
                rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b'\n'))
            };
            let Some(found) = found else { return (bytes.len(), None) };
            at += found;
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'\\'), None) => return (at, None),
                (Some(b'\\'), Some(b'\n')) => at += 1,
                (Some(b'\\'), Some(_)) => at += 2,
                (Some(b'"'), _) => {
                    self.in_string = !self.in_string;
                    at += 1;
                }
                (byte, _) => {
                    self.in_string = false;
                    return (at, byte.copied());
                }
            }
        }
    }

    fn is_between_records(&self) -> bool {
        if self.open.is_empty() { self.is_record } else { self.open.last() == Some(&b'[') }
    }

    /// Whether a record begins on the next line where the current one began on its own: the end of the current one
    /// is missing. `None` if that line is not known yet.
    fn is_cut(&self, next: &[u8]) -> Option<bool> {
        if self.depth == 0 {
            return Some(false);
        }
        let (space, rest) = next.split_at_checked(self.indent)?;
        Some(rest.first()? == &b'{' && space.iter().all(|byte| matches!(byte, b' ' | b'\t')))
    }

    /// Ends a record after `used` bytes.
    fn finish(&mut self, fragment: Fragment<'_>, used: usize, sink: &mut impl FnMut(Fragment<'_>)) -> usize {
        if !self.is_dropped {
            sink(fragment);
        }
        self.is_dropped = false;
        self.depth = 0;
        self.line = None;
        used
    }

    /// Passes over bytes between records.
    fn pass(&mut self, bytes: &[u8]) {
        let other = bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
        self.line = match other {
            None => self.line.map(|spaces| spaces + bytes.len()),
            Some(other) => (bytes.get(other) == Some(&b'\n')).then_some(bytes.len() - other - 1),
        };
    }

    /// Handles the end of a piece. Keeps a record that is not complete.
    fn wait(
        &mut self,
        bytes: &[u8],
        at: usize,
        last: bool,
        sink: &mut impl FnMut(Fragment<'_>),
    ) -> Option<usize> {
        let is_record = self.depth > 0;
        if last {
            self.open.clear();
            let used =
                if is_record { self.finish(Fragment::Cut(bytes), bytes.len(), sink) } else { bytes.len() };
            return (used > 0).then_some(used);
        }
        let examined = bytes.get(..at).unwrap_or_default();
        let used = match is_record {
            true if bytes.len() <= MAX_RECORD => 0,
            true => {
                if !self.is_dropped {
                    sink(Fragment::Cut(examined));
                }
                self.is_dropped = true;
                at
            }
            false => {
                self.pass(examined);
                at
            }
        };
        self.examined = at - used;
        (used > 0).then_some(used)
    }
}

/// The step to a boundary, if there is one.
fn boundary(used: Option<usize>) -> ControlFlow<Option<usize>> {
    used.map_or(ControlFlow::Continue(()), |used| ControlFlow::Break(Some(used)))
}

/// Whether a document with a list of records begins here; `None` if more bytes are needed.
fn begins_list(next: &[u8], last: bool) -> Option<bool> {
    match next.first() {
        None => last.then_some(false),
        // Inside of a document, a list is indented or follows the name of its field.
        Some(b'[') => Some(true),
        Some(b'{') if next.starts_with(PLAIN) => Some(false),
        Some(b'{') if !is_decidable(next, last) => None,
        Some(b'{') => Some(opens_list(next.get(..PREFIX).unwrap_or(next))),
        Some(_) => Some(false),
    }
}

/// Whether enough of a document is known to find its shape. A line of the API server is known by its first bytes; of all
/// else [`PREFIX`] bytes are examined, whatever the pieces in which the log is read.
pub(super) fn is_decidable(start: &[u8], last: bool) -> bool {
    last || start.len() >= PREFIX || start.starts_with(PLAIN)
}

/// Whether the first line has only one byte, as where a document is indented.
fn is_alone(text: &[u8]) -> bool {
    let line = memchr(b'\n', text).and_then(|end| text.get(1..end));
    line.is_some_and(|line| line.trim_ascii().is_empty())
}

/// Whether an object has a list of records.
fn opens_list(prefix: &[u8]) -> bool {
    let is_list = |at: usize, length: usize| {
        let value =
            prefix.get(at + length..).map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b":"));
        value.is_some_and(|value| value.trim_ascii_start().starts_with(b"["))
            && is_at_top(prefix.get(..at).unwrap_or_default())
    };
    LISTS.iter().any(|name| memmem::find_iter(prefix, name).any(|at| is_list(at, name.len())))
}

/// Whether a position is directly in the outermost object.
fn is_at_top(before: &[u8]) -> bool {
    let (mut nesting, mut at, mut depth) = (Nesting::default(), 0, 0_usize);
    loop {
        match nesting.structural(before, at) {
            (_, None) => return depth == 1 && !nesting.in_string,
            (position, byte) => {
                match byte {
                    Some(b'{' | b'[') => depth += 1,
                    Some(b'}' | b']') if depth <= 1 => return false,
                    Some(b'}' | b']') => depth -= 1,
                    _ => {}
                }
                at = position + 1;
            }
        }
    }
}
