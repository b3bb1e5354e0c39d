//! Findings as SARIF 2.1.0, which GitHub and others show at the line.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{RunFindings, json_text, path, write_list};
use crate::commands::preview::place::Location;
use crate::commands::preview::report::{Level, ReportEntry};
use crate::policy::diagnostics::{self, Diagnostic, Severity};
use crate::printable::printable;

/// The schema of the format.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes the log. A finding without a file is a notification about the run: GitHub rejects a whole log if one
/// of its results has no location.
pub(super) fn write(run: &RunFindings<'_>, out: &mut dyn Write) -> io::Result<()> {
    let unlocated = run.report.entries().filter(|entry| entry.place.location.is_none());
    let invocation = json!({
        "executionSuccessful": run.report.worst() < Some(Level::Error),
        "toolExecutionNotifications": unlocated.map(notification).collect::<Vec<_>>(),
    });
    write!(out, "{{\"$schema\":\"{SCHEMA}\",\n\"version\":\"2.1.0\",\n\"runs\":[{{\"tool\":")?;
    json_text::write(&json!({"driver": driver()}), out)?;
    write!(out, ",\n\"columnKind\":\"unicodeCodePoints\",\n\"invocations\":[")?;
    json_text::write(&invocation, out)?;
    write!(out, "],\n\"results\":")?;
    let results = run.report.entries().filter_map(|entry| Some((entry, entry.place.location.as_ref()?)));
    write_list(results.map(|(entry, location)| result(entry, location)), out)?;
    writeln!(out, "}}]}}")
}

fn driver() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let rules: Vec<Value> = diagnostics::of_pods().map(rule).collect();
    json!({"name": "boundtoken", "version": version, "semanticVersion": version, "rules": rules})
}

/// The rule of a code.
fn rule(diagnostic: &Diagnostic) -> Value {
    let Diagnostic { code, name, severity, title, meaning, remedy } = diagnostic;
    let level = match severity {
        Severity::Forbidden | Severity::Invalid | Severity::Malformed | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note | Severity::Reason => "note",
    };
    let mut rule = json!({
        "id": name,
        "name": format!("{code:?}"),
        "shortDescription": {"text": title},
        "fullDescription": {"text": meaning},
        "help": {"text": format!("{meaning} {remedy}"), "markdown": format!("{meaning}\n\n{remedy}")},
        "defaultConfiguration": {"level": level},
    });
    if let (Some(page), Some(rule)) = (code.help_url(), rule.as_object_mut()) {
        rule.insert("helpUri".to_owned(), page.into());
    }
    rule
}

/// A text as a plain message: braces are doubled, because `{0}` is a placeholder (SARIF 2.1.0, 3.11.5), and a
/// bracket that would end the text of a link is escaped (3.11.6).
fn message(text: &str) -> String {
    let mut message = String::with_capacity(text.len());
    let mut is_escaped = false;
    let text = printable(text);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '{' | '}' => message.push(character),
            ']' if !is_escaped && characters.peek() == Some(&'(') => message.push('\\'),
            _ => {}
        }
        message.push(character);
        is_escaped = character == '\\' && !is_escaped;
    }
    message
}

fn result(entry: &ReportEntry, location: &Location) -> Value {
    json!({
        "ruleId": entry.code.name(),
        "level": level(entry),
        "message": {"text": message(&entry.text)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(path(&location.file))},
                "region": {"startLine": location.line, "startColumn": location.column},
            },
            "logicalLocations": [{
                "fullyQualifiedName": printable(&entry.place.object.to_string()),
                "kind": "resource",
            }],
        }],
        "properties": {"severity": entry.level.word(), "object": entry.place.object, "key": entry.place.key},
    })
}

fn notification(entry: &ReportEntry) -> Value {
    json!({
        "level": level(entry),
        "message": {"text": message(&entry.text)},
        "associatedRule": {"id": entry.code.name()},
    })
}

fn level(entry: &ReportEntry) -> &'static str {
    match entry.level {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Refused | Level::Error => "error",
    }
}

/// A path as a URI reference (RFC 3986), relative to the working directory unless it is absolute.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_neither_placeholders_nor_links() {
        for (text, expected) in [
            ("[{a: {0}}]", "[{{a: {{0}}}}]"),
            ("[a](b)", r"[a\](b)"),
            (r"[a\](b)", r"[a\](b)"),
            (r"[a\\](b)", r"[a\\\](b)"),
            ("[a] (b)", "[a] (b)"),
            ("a]", "a]"),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn a_path_becomes_a_uri_reference() {
        for (path, expected) in [
            ("a/b-1.yaml", "a/b-1.yaml"),
            ("a b:%?#\u{1b}.yaml", "a%20b%3A%25%3F%23%1B.yaml"),
            ("größe", "gr%C3%B6%C3%9Fe"),
            ("/srv/a.yaml", "file:///srv/a.yaml"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
