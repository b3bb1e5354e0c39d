//! Parses text into documents: YAML as Kubernetes' own parser reads it, or JSON.

use std::sync::Arc;
use std::thread;

use serde_json::value::RawValue;
use serde_saphyr::UserMessageFormatter;

use super::document::Offset;
use super::node::Node;
use super::{Document, Error};

/// Stack size of the parser thread: the parser recurses, at some 40 kB per level in a debug build.
const STACK_BYTES: usize = 64 << 20;

/// Deepest nesting, below the limit of 128 levels in `serde_json`, which parses the review that contains a
/// Pod.
const MAX_DEPTH: usize = 100;

/// Most values in one file; the largest bundles of CRDs in use have some 300 000.
const MAX_NODES: usize = 1_000_000;

/// Most values that aliases may expand to, so that a small file cannot expand to a huge one.
const MAX_ALIASED: usize = 100_000;

/// Parses all documents of a text; empty ones are skipped.
///
/// # Errors
/// When the text is neither YAML nor JSON, or exceeds the limits.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, Error> {
    let file: Arc<str> = file.into();
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if start.starts_with('{') && !start.starts_with("{{") {
        return parse_json(&file, text, text.len() - start.len());
    }
    parse_yaml(&file, text, Offset::default())
}

/// Parses JSON documents, which may follow each other without a separator. Text after `---` is YAML.
fn parse_json(file: &Arc<str>, text: &str, start: usize) -> Result<Vec<Document>, Error> {
    let (_, body) = text.split_at_checked(start).unwrap_or_default();
    let mut documents = Vec::new();
    let mut pieces = serde_json::Deserializer::from_str(body).into_iter::<&RawValue>();
    // Lines are counted from piece to piece: counting from the start each time would take quadratic time.
    let (mut counted, mut before) = (0, Offset::default());
    let mut up_to = |offset: usize| {
        before = before.after(text.get(counted..offset).unwrap_or_default());
        counted = offset;
        before
    };
    loop {
        let (_, rest) = body.split_at_checked(pieces.byte_offset()).unwrap_or_default();
        if rest.trim_start().starts_with("---") {
            documents.extend(parse_yaml(file, rest, up_to(text.len() - rest.len()))?);
            return Ok(documents);
        }
        let Some(piece) = pieces.next() else { return Ok(documents) };
        let piece = piece.map_err(|error| json_error(file, text, start, &error))?.get();
        let offset = piece.as_ptr().addr() - text.as_ptr().addr();
        documents.extend(parse_yaml(file, piece, up_to(offset))?);
    }
}

fn json_error(file: &str, text: &str, start: usize, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line() as u64, error.column() as u64);
    let message = error.to_string();
    let reason = format!("not JSON: {}", message.split(" at line ").next().unwrap_or(&message));
    let before = newlines(text.get(..start).unwrap_or_default());
    Error::Syntax { path: file.to_owned(), line: before + line, column, reason }
}

fn newlines(text: &str) -> u64 {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64
}

/// Parses YAML, of which JSON is a subset.
fn parse_yaml(file: &Arc<str>, text: &str, before: Offset) -> Result<Vec<Document>, Error> {
    let roots = on_large_stack(file, || {
        serde_saphyr::from_multiple_with_options::<Node>(text, options(MAX_NODES))
            .map_err(|error| yaml_error(file, text, before.lines, &error))
    })?;
    let text: Arc<str> = text.into();
    Ok(roots.into_iter().map(|root| Document::new(file, &text, root, before)).collect())
}

/// Options that follow YAML 1.1 where Kubernetes' parser does: `0644` is octal, `yes` and `on` are Booleans.
fn options(max_nodes: usize) -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_documents: max_nodes,
            max_events: 4 * max_nodes,
            max_nodes: max_nodes,
            max_recorded_anchor_events: MAX_ALIASED,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// Runs the parser on a thread with a large stack: nesting of [`MAX_DEPTH`] would overflow the stack of a
/// server thread.
fn on_large_stack<T: Send, E: From<Error> + Send>(
    file: &str,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    let io_error = |source| E::from(Error::Io { path: file.to_owned(), source });
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let result = thread.map_err(io_error)?.join();
        result.unwrap_or_else(|_| Err(io_error(std::io::Error::other("the YAML parser failed"))))
    })
}

fn yaml_error(file: &str, text: &str, lines_before: u64, error: &serde_saphyr::Error) -> Error {
    let mut error = syntax_error(file, error);
    if let Error::Syntax { line, reason, .. } = &mut error {
        *line += lines_before;
        if text.contains("{{") {
            reason.push_str("; this looks like a template: render it first, such as with `helm template`");
        }
    }
    error
}

/// Converts a YAML error, with its position.
fn syntax_error(file: &str, error: &serde_saphyr::Error) -> Error {
    let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
    let message = error.render_with_formatter(&UserMessageFormatter);
    let reason = message.split(" at line ").next().unwrap_or(&message);
    Error::Syntax { path: file.to_owned(), line, column, reason: format!("not YAML: {reason}") }
}

#[cfg(test)]
mod tests;
