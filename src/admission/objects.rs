//! Counts the objects of a body before any of them costs memory.

use std::borrow::Cow;

/// What an API server keeps of a Pod's history. Nothing here reads it, wherever it stands, and it
/// may have several objects for each that the Pod has.
const IGNORED: &[u8] = b"managedFields";

/// A body as text. An API server passes on raw what it keeps in `managedFields`, and that need not
/// be UTF-8; as in its own decoder, U+FFFD takes the place of what cannot be read.
pub fn readable(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

/// How many objects the JSON has outside of strings and of what is ignored.
///
/// In a text that is no JSON the count is right up to where a parser gives up.
pub(super) fn objects(json: &[u8]) -> usize {
    let mut count = Count { rest: json, objects: 0, depth: 0, ignored: None };
    while count.step().is_some() {}
    count.objects
}

struct Count<'a> {
    rest: &'a [u8],
    objects: usize,
    depth: usize,
    /// The depth of the object that has the ignored member.
    ignored: Option<usize>,
}

impl<'a> Count<'a> {
    /// Goes on behind the next byte that matters.
    fn step(&mut self) -> Option<()> {
        match self.next()? {
            b'"' => {
                let text = self.string()?;
                if self.ignored.is_none() && text == IGNORED && self.names_a_member() {
                    self.ignored = Some(self.depth);
                }
                return Some(());
            }
            b'{' => {
                self.objects += usize::from(self.ignored.is_none());
                self.depth = self.depth.saturating_add(1);
                return Some(());
            }
            b'[' => {
                self.depth = self.depth.saturating_add(1);
                return Some(());
            }
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            b',' => {}
            _ => return Some(()),
        }
        self.ignored = self.ignored.filter(|depth| self.depth > *depth);
        Some(())
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A string behind its first quote, as it is written.
    fn string(&mut self) -> Option<&'a [u8]> {
        let text = self.rest;
        loop {
            let at = memchr::memchr2(b'"', b'\\', self.rest)?;
            let is_end = self.rest.get(at) == Some(&b'"');
            self.rest = self.rest.get(at + if is_end { 1 } else { 2 }..)?;
            if is_end {
                return text.get(..text.len() - self.rest.len() - 1);
            }
        }
    }

    fn names_a_member(&self) -> bool {
        self.rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_where_they_are_some() {
        for (json, count) in [
            ("", 0),
            ("{}", 1),
            (r#"[{"a":{}},{}]"#, 3),
            (r#"{"a":"{{{","b\"{":"\\","c":{}}"#, 2),
            (r#"{"a":"{"#, 1),
            (r#"{"a":"{\"#, 1),
            (r#"{"managedFields":[{"a":{}},{}],"b":{}}"#, 2),
            (r#"{"a":{"managedFields" : {"managedFields":[{}],"c":{}}},"b":{}}"#, 3),
            (r#"{"managedFields":null,"b":{}}"#, 2),
            (r#"{"managedFields":"{","b":{}}"#, 2),
            (r#"{"a":"managedFields","b":{}}"#, 2),
            (r#"["managedFields",{}]"#, 1),
            (r#"{"b":{"managedFields":1},"c":{}}"#, 3),
        ] {
            assert_eq!(objects(json.as_bytes()), count, "{json}");
        }
    }
}
