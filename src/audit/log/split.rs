//! Splits the bytes of a log into lines and into the elements of JSON lists, without parsing them.

use memchr::memchr;

use super::fragment::{Fragment, MAX_RECORD, PREFIX};
use super::nesting::{Nesting, is_decidable};

/// Bytes with which some editors start a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Finds the fragments in consecutive pieces of a log.
#[derive(Debug, Default)]
pub(super) struct Splitter(Position);

/// The position between the pieces.
#[derive(Debug, Default)]
enum Position {
    /// At the start of a line or document.
    #[default]
    Between,
    /// Inside a document that is not a line.
    Within(Nesting),
    /// Inside a line whose start was too long.
    Skipping,
}

impl Splitter {
    /// Passes on the fragments that are complete. Returns the number of bytes that were used; the caller passes
    /// the others again, followed by more. `last` is the end of the log.
    pub(super) fn feed(&mut self, bytes: &[u8], last: bool, sink: &mut impl FnMut(Fragment<'_>)) -> usize {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let step = match &mut self.0 {
                Position::Between => self.begin(rest, last, sink),
                Position::Skipping => self.skip(rest),
                Position::Within(nesting) => {
                    let step = nesting.advance(rest, last, sink);
                    match nesting.is_open() {
                        Some(true) => {}
                        Some(false) => self.0 = Position::Between,
                        None => self.0 = Position::Skipping,
                    }
                    step
                }
            };
            match step {
                Some(step) => used += step,
                None => return used,
            }
        }
    }

    /// Takes a line, or enters a document.
    fn begin(&mut self, rest: &[u8], last: bool, sink: &mut impl FnMut(Fragment<'_>)) -> Option<usize> {
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',');
        let blank = match rest.strip_prefix(BYTE_ORDER_MARK) {
            Some(_) => BYTE_ORDER_MARK.len(),
            None => rest.iter().take_while(is_blank).count(),
        };
        if blank > 0 {
            return Some(blank);
        }
        let end = memchr(b'\n', rest);
        if rest.is_empty() || !is_decidable(rest, last) {
            return None;
        }
        let start = rest.get(..PREFIX).unwrap_or(rest);
        if let Some(nesting) = Nesting::at(start) {
            sink(Fragment::Document(start));
            self.0 = Position::Within(nesting);
            return Some(0);
        }
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let (fragment, used) = match end {
            Some(end) => (Fragment::Line(line), end + 1),
            None if last => (Fragment::Line(line), rest.len()),
            None if rest.len() > MAX_RECORD => {
                self.0 = Position::Skipping;
                (Fragment::Cut(line), rest.len())
            }
            None => return None,
        };
        sink(fragment);
        Some(used)
    }

    /// Skips the rest of a line.
    fn skip(&mut self, rest: &[u8]) -> Option<usize> {
        if let Some(end) = memchr(b'\n', rest) {
            self.0 = Position::Between;
            return Some(end);
        }
        (!rest.is_empty()).then_some(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fragments of a log that is read in pieces of `size` bytes.
    fn fragments(log: &[u8], size: usize) -> Vec<(char, String)> {
        let mut found = Vec::new();
        let mut splitter = Splitter::default();
        let mut sink = |fragment: Fragment<'_>| {
            let (kind, bytes) = match fragment {
                Fragment::Line(bytes) => ('L', bytes),
                Fragment::Element(bytes) => ('E', bytes),
                Fragment::Cut(bytes) => ('C', bytes),
                Fragment::Document(_) => return,
            };
            found.push((kind, String::from_utf8_lossy(bytes).into_owned()));
        };
        let (mut start, mut end) = (0, 0);
        while end < log.len() {
            end = (end + size).min(log.len());
            start += splitter.feed(&log[start..end], false, &mut sink);
        }
        splitter.feed(&log[start..], true, &mut sink);
        found
    }

    fn expect(log: &str, expected: &[(char, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect();
        for size in [1, 2, 3, 7, 64, 10_000] {
            assert_eq!(fragments(log.as_bytes(), size), expected, "{log} in pieces of {size}");
        }
    }

    #[test]
    fn each_line_is_a_fragment() {
        let expected = [('L', "{\"a\":1}\r"), ('L', "{\"b\""), ('L', "c")];
        expect("\u{feff}{\"a\":1}\r\n\n{\"b\"\nc", &expected);
        expect("", &[]);
    }

    #[test]
    fn each_object_of_a_list_is_a_fragment() {
        let (first, second) = (r#"{"a":"]}\\"}"#, r#"{"b":[{}]}"#);
        for (start, end) in [
            ("[", "]"),
            ("[\n  ", "\n]\n"),
            (r#"{"kind":"EventList","metadata":{},"items":["#, "]}"),
            ("{\n  \"events\": [\n    ", "\n  ],\n  \"searched\": []\n}\n"),
            (r#"{"results":[["#, r#"]],"statistics":{"a":1}}"#),
        ] {
            expect(&format!("{start}{first},\n  {second}{end}"), &[('E', first), ('E', second)]);
        }
    }

    #[test]
    fn documents_and_lines_may_follow_each_other() {
        let log = "{\"records\":[{\"a\":1}]}{\"records\":[{\"b\":2}]}\n{\"c\":3}\n[{\"d\":4}]";
        let expected = [('E', r#"{"a":1}"#), ('E', r#"{"b":2}"#), ('L', r#"{"c":3}"#), ('E', r#"{"d":4}"#)];
        expect(log, &expected);
    }

    #[test]
    fn an_object_on_several_lines_is_one_fragment() {
        let event = "{\n  \"kind\": \"Event\",\n  \"list\": [\n    {}\n  ]\n}";
        expect(&format!("{event}\n{event}\n"), &[('E', event), ('E', event)]);
    }

    #[test]
    fn a_cut_element_does_not_hide_the_next_one() {
        for cut in [r#"{"a":"x"#, r#"{"a":[1,"#, r#"{"a""#, r#"{"a":"\"#] {
            let log = format!("[\n  {cut}\n  {{\"b\":2}}\n]\n{{\"c\":3}}");
            expect(&log, &[('C', cut), ('E', r#"{"b":2}"#), ('L', r#"{"c":3}"#)]);
        }
    }

    #[test]
    fn a_record_begins_its_line_only_after_white_space() {
        // The start of a document is kept until its shape is known.
        let first = format!("{{\"a\":\"{}\"}}", "x".repeat(PREFIX));
        let second = "{\"b\":\n   {\"c\":2}}";
        for between in [",", ",  ", ", ", " , ", "],[", "], [  "] {
            let log = format!("[[\n   {first}{between}{second}\n]]");
            expect(&log, &[('E', &first), ('E', second)]);
        }
    }

    #[test]
    fn white_space_between_records_is_not_kept() {
        let mut splitter = Splitter::default();
        let mut sink = |_: Fragment<'_>| {};
        assert!(splitter.feed(format!("[{}", " ".repeat(PREFIX)).as_bytes(), false, &mut sink) > PREFIX);
    }

    #[test]
    fn a_cut_document_does_not_hide_the_next_one() {
        let next = r#"{"kind":"EventList","items":[{"b":2}]}"#;
        for cut in [r#"{"a":"x"#, r#"{"a":[1,"#, r#"{"a":"\"#] {
            let log = format!("{{\"kind\":\"EventList\",\"items\":[{cut}\n{next}\n{{\"c\":3}}");
            expect(&log, &[('C', cut), ('E', r#"{"b":2}"#), ('L', r#"{"c":3}"#)]);
        }
        for cut in [r#"{"items":["#, r#"{"items":[{"a":1},"#] {
            let complete = cut.contains('a').then_some(('E', r#"{"a":1}"#));
            let expected: Vec<_> = complete.into_iter().chain([('E', r#"{"b":2}"#)]).collect();
            expect(&format!("{cut}\n{next}"), &expected);
        }
    }

    #[test]
    fn the_shape_of_a_cut_document_does_not_depend_on_the_pieces() {
        for next in [r#""items":[{"b":2}]}"#, "{\n \"results\": [[\n  {\"b\":2}\n ]]\n}"] {
            let log = format!("{{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s{{\n{next}\n{{\"c\":3}}\n");
            let whole = fragments(log.as_bytes(), 10_000);
            for size in [1, 2, 3, 7, 44, 45, 46, 64] {
                assert_eq!(fragments(log.as_bytes(), size), whole, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn the_end_of_the_log_cuts_the_last_element() {
        expect(r#"[{"a":1},{"b":"#, &[('E', r#"{"a":1}"#), ('C', r#"{"b":"#)]);
    }

    #[test]
    fn a_record_that_is_too_long_does_not_hide_the_next_one() {
        let long = "x".repeat(MAX_RECORD + (2 << 20));
        for (log, next) in [
            (format!("{{\"kind\":\"Event\",\"a\":\"{long}\"}}\n{{\"b\":2}}"), 'L'),
            (format!("[{{\"a\":\"{long}\"}},{{\"b\":2}}]"), 'E'),
        ] {
            let found = fragments(log.as_bytes(), 1 << 20);
            assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<String>(), format!("C{next}"));
            assert_eq!(found.last(), Some(&(next, r#"{"b":2}"#.to_owned())));
        }
    }

    #[test]
    fn deep_nesting_ends_with_the_line() {
        let line = r#"{"kind":"Event",1}"#;
        let found = fragments(format!("{}\n{line}", "[".repeat(100_000)).as_bytes(), 4096);
        assert_eq!(found.last(), Some(&('L', line.to_owned())));
    }
}
