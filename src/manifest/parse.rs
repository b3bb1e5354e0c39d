//! Parses text into documents as kubectl does: a stream of JSON values, or YAML documents between lines of `---`.
//!
//! The source is `YAMLOrJSONDecoder` of `k8s.io/apimachinery/pkg/util/yaml`.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::compose::compose;
use super::compose_error::ComposeError;
use super::document::Offset;
use super::limits::Limits;
use super::{Document, Error, flow};

/// Some editors write it at the start of a text. It has no meaning.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The start of a line between two documents.
const SEPARATOR: &str = "---";

/// Parses all documents of a text; empty ones are skipped.
///
/// # Errors
/// When the text is neither YAML nor JSON, or exceeds the limits.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, Error> {
    let masked = flow::mask(text);
    let is_masked = matches!(masked, Cow::Owned(_));
    let source = Source { file: file.into(), text: masked.into(), is_masked };
    let mut documents = Documents { source: &source, limits: Limits::default(), found: Vec::new() };
    let start = source.text.trim_start_matches([BYTE_ORDER_MARK, ' ', '\t', '\r', '\n']);
    let offset = source.text.len() - start.len();
    if start.starts_with('{') {
        documents.add_json(offset)?;
    } else {
        documents.add_yaml(0)?;
    }
    Ok(documents.found)
}

/// A file.
struct Source {
    file: Arc<str>,
    text: Arc<str>,
    is_masked: bool,
}

impl Source {
    fn from(&self, offset: usize) -> &str {
        self.text.get(offset..).unwrap_or_default()
    }

    fn error(&self, line: u64, column: u64, reason: String) -> Error {
        Error::Syntax { path: self.file.to_string(), line, column, reason }
    }

    fn yaml_error(&self, before: Offset, error: &ComposeError) -> Error {
        let mut reason = format!("not YAML: {}", error.reason);
        if self.text.contains("{{") {
            reason.push_str("; this looks like a template: render it first, such as with `helm template`");
        }
        self.error(before.line(error.position), before.column(error.position), reason)
    }

    /// An error in the JSON that starts at an offset.
    fn json_error(&self, offset: usize, error: &serde_json::Error) -> Error {
        let before = Offset::default().after(self.text.get(..offset).unwrap_or_default());
        let message = error.to_string();
        let reason = format!("not JSON: {}", message.split(" at line ").next().unwrap_or(&message));
        let (line, column) = (error.line() as u64, error.column() as u64);
        let columns = if line == 1 { before.columns } else { 0 };
        self.error(before.lines + line, columns + column, reason)
    }
}

/// The documents of a file so far.
struct Documents<'s> {
    source: &'s Source,
    limits: Limits,
    found: Vec<Document>,
}

impl Documents<'_> {
    /// Adds JSON values, which may follow each other without a separator, and then the YAML that follows them.
    fn add_json(&mut self, start: usize) -> Result<(), Error> {
        let source = self.source;
        let mut values = serde_json::Deserializer::from_str(source.from(start)).into_iter::<&RawValue>();
        // Lines are counted from value to value: counting from the start each time would take quadratic time.
        let (mut counted, mut before) = (0, Offset::default());
        loop {
            let end = start + values.byte_offset();
            let error = match values.next() {
                None => return Ok(()),
                Some(Ok(value)) => {
                    let value = value.get();
                    let offset = value.as_ptr().addr() - source.text.as_ptr().addr();
                    before = before.after(source.text.get(counted..offset).unwrap_or_default());
                    counted = offset;
                    self.add(value, offset, before)?;
                    continue;
                }
                Some(Err(error)) => error,
            };
            return self.add_rest(end, source.json_error(start, &error));
        }
    }

    /// Adds the text after JSON values as YAML. After two values kubectl expects no YAML.
    fn add_rest(&mut self, start: usize, json_error: Error) -> Result<(), Error> {
        let rest = self.source.from(start).trim_start();
        let start = self.source.text.len() - rest.len();
        if self.found.len() > 1 && !rest.starts_with(SEPARATOR) {
            return Err(json_error);
        }
        // JSON with a mistake is YAML with a mistake; the message about JSON is clearer.
        let mut inside = rest.strip_prefix('{').unwrap_or_default().trim_start().chars();
        let is_like_json = matches!(inside.next(), Some('"' | '}')) && !rest.contains("{{");
        self.add_yaml(start).map_err(|error| if is_like_json { json_error } else { error })
    }

    /// Adds the YAML documents from an offset in the text.
    fn add_yaml(&mut self, offset: usize) -> Result<(), Error> {
        let source = self.source;
        let (mut start, mut end) = (offset, offset);
        let mut before = Offset::default().after(source.text.get(..offset).unwrap_or_default());
        let mut lines = before;
        for line in source.from(offset).split_inclusive('\n') {
            let next = lines.after(line);
            if let Some(rest) = line.strip_prefix(SEPARATOR) {
                if !matches!(rest.trim().chars().next(), None | Some('#')) {
                    let reason = "not YAML: after --- at the start of a line, only a comment may follow";
                    return Err(source.error(lines.lines + 1, 1, reason.to_owned()));
                }
                self.add(source.text.get(start..end).unwrap_or_default(), start, before)?;
                (start, before) = (end + line.len(), next);
            }
            (end, lines) = (end + line.len(), next);
        }
        self.add(source.text.get(start..end).unwrap_or_default(), start, before)
    }

    /// Adds the document of a text, which starts at an offset.
    fn add(&mut self, text: &str, offset: usize, before: Offset) -> Result<(), Error> {
        let document = text.trim_start_matches(BYTE_ORDER_MARK);
        let offset = offset + text.len() - document.len();
        let root = compose(document, offset, self.source.is_masked, &mut self.limits)
            .map_err(|error| self.source.yaml_error(before, &error))?;
        let Source { file, text, .. } = self.source;
        self.found.extend(root.map(|root| Document::new(file, text, root, before)));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
