//! A page of a list, read object by object while it arrives. Pure.
//!
//! An object may have annotations of 256 KiB, and a page 500 objects: never more than one is in memory. Each
//! is read by itself, so that one that cannot be read does not hide the others.

use serde::Deserialize;

use super::metadata::Item;

/// A page of which so much has come.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// How many objects and lists are open.
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    in_items: bool,
    /// What has come of an object.
    item: Vec<u8>,
    /// What has come of everything else.
    rest: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct List {
    metadata: ListMeta,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    resource_version: Option<String>,
    r#continue: Option<String>,
}

/// What follows a page.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Another page, found with this token.
    Page(String),
    /// Nothing more: the list is complete as of this version.
    Version(String),
}

impl Page {
    /// Reads on, and hands over each object that is complete.
    pub(super) fn read(&mut self, bytes: &[u8], mut take: impl FnMut(Item)) {
        for byte in bytes {
            self.read_byte(*byte, &mut take);
        }
    }

    /// What follows, if all has come and it was a page.
    pub(super) fn end(self) -> Option<Next> {
        let List { metadata: ListMeta { resource_version, r#continue } } =
            serde_json::from_slice(&self.rest).ok()?;
        match r#continue.filter(|token| !token.is_empty()) {
            Some(token) => Some(Next::Page(token)),
            None => resource_version.filter(|version| !version.is_empty()).map(Next::Version),
        }
    }

    fn read_byte(&mut self, byte: u8, take: &mut impl FnMut(Item)) {
        let is_mark = !self.in_text;
        self.track_text(byte);
        match byte {
            b'{' | b'[' if is_mark => self.depth += 1,
            b'}' | b']' if is_mark => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        let ends_items = is_mark && byte == b']' && self.depth == 1;
        let ends_item = ends_items || is_mark && byte == b',' && self.depth == 2;
        if self.in_items && ends_item {
            self.hand_over(take);
        } else if self.in_items {
            self.item.push(byte);
        }
        self.in_items &= !ends_items;
        if !self.in_items {
            self.rest.push(byte);
        }
        // The one list of the outermost object.
        self.in_items |= is_mark && byte == b'[' && self.depth == 2;
    }

    /// Whether a mark means something, or stands in a text.
    fn track_text(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = self.in_text,
            b'"' => self.in_text = !self.in_text,
            _ => {}
        }
    }

    fn hand_over(&mut self, take: &mut impl FnMut(Item)) {
        if !self.item.trim_ascii().is_empty() {
            take(Item::parse(&self.item));
        }
        self.item.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the objects, and what follows, however the page is cut into pieces.
    fn read(text: &str) -> (Vec<Option<String>>, Option<Next>) {
        let all = read_in(usize::MAX, text);
        for size in [1, 2, 7] {
            assert_eq!(read_in(size, text), all, "in pieces of {size}: {text}");
        }
        all
    }

    fn read_in(size: usize, text: &str) -> (Vec<Option<String>>, Option<Next>) {
        let (mut page, mut names) = (Page::default(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            page.read(piece, |item| names.push(item.name().map(ToString::to_string)));
        }
        (names, page.end())
    }

    #[test]
    fn each_object_is_read_by_itself() {
        let odd = r#"{"metadata": {"name": "a", "resourceVersion": "7",
            "annotations": {"x": "],\"}, [{\\", "y": [[], {}]}}}"#;
        let text = format!(
            r#"{{"metadata": {{"resourceVersion": "5", "x": "[{{"}}, "items": [ {odd} , {{}}, 1, {odd}, {{"metadata": {{"name": "b"}}}} ]}}"#
        );
        let name = |name: &str| Some(name.to_owned());
        let names = vec![name("a"), None, None, name("a"), name("b")];
        assert_eq!(read(&text), (names, Some(Next::Version("5".to_owned()))));
    }

    #[test]
    fn a_page_says_what_follows() {
        let next = |metadata: &str| {
            let (names, next) = read(&format!(r#"{{"metadata": {metadata}, "items": null}}"#));
            assert_eq!(names, []);
            next
        };
        assert_eq!(next(r#"{"resourceVersion": "7"}"#), Some(Next::Version("7".to_owned())));
        let continued = next(r#"{"resourceVersion": "7", "continue": "x"}"#);
        assert_eq!(continued, Some(Next::Page("x".to_owned())));
        for metadata in ["{}", r#"{"resourceVersion": ""}"#, "null"] {
            assert_eq!(next(metadata), None, "{metadata}");
        }
    }

    #[test]
    fn what_breaks_off_or_is_no_page_has_no_end() {
        let whole = r#"{"metadata": {"resourceVersion": "5"}, "items": [{"metadata": {"name": "a"}}]}"#;
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]).1, None, "{length}");
        }
        for text in ["<html>[{}]</html>", "[]", "]]}}", "null", r#"{"items": []}"#] {
            assert_eq!(read(text).1, None, "{text}");
        }
    }
}
