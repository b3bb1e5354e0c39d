//! Findings as workflow commands of GitHub Actions, which become annotations of lines.

use std::io::{self, Write};

use super::{RunFindings, help, path};
use crate::commands::preview::report::{Level, ReportEntry};
use crate::printable::printable;

/// Writes a workflow command for each finding.
pub(super) fn write(run: &RunFindings<'_>, out: &mut dyn Write) -> io::Result<()> {
    run.report.entries().try_for_each(|entry| writeln!(out, "{}", command(entry)))
}

/// A workflow command: `::error file=a.yaml,line=2,col=3,title=BT001%3A ...::text`.
fn command(entry: &ReportEntry) -> String {
    let name = match entry.level {
        Level::Note => "notice",
        Level::Warning => "warning",
        Level::Refused | Level::Error => "error",
    };
    let location = entry.place.location.as_ref().map(|location| {
        let file = property(path(&location.file));
        format!("file={file},line={},col={},", location.line, location.column)
    });
    let title = property(&format!("{}: {}", entry.code, entry.code.diagnostic().title));
    let object = entry.place.object.to_string();
    // The message about an object that is not in the input starts with its name.
    let text = if entry.text.starts_with(&object) {
        entry.text.clone()
    } else {
        format!("{object}: {}", entry.text)
    };
    let text = data(&format!("{}\n{}", printable(&text), help(entry.code)));
    format!("::{name} {}title={title}::{text}", location.unwrap_or_default())
}

/// Escapes the text of a command, as `escapeData` of the toolkit of GitHub Actions does.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property, as `escapeProperty` of the toolkit does.
fn property(text: &str) -> String {
    data(&printable(text)).replace(':', "%3A").replace(',', "%2C")
}
