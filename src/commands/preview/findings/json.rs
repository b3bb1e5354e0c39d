//! Findings as JSON, as `docs/findings.schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;

use super::{RunFindings, json_text, path, write_list};
use crate::commands::preview::place::ObjectName;
use crate::commands::preview::report::ReportEntry;

/// The version of the format. It changes when a field changes its meaning or is removed.
pub(super) const VERSION: u32 = 1;

/// A finding. Its texts are exact, control characters included: JSON escapes what its syntax needs.
#[derive(Serialize)]
struct JsonFinding<'r> {
    code: &'static str,
    severity: &'static str,
    object: &'r ObjectName,
    file: Option<&'r str>,
    line: Option<u64>,
    column: Option<u64>,
    key: Option<&'r str>,
    text: &'r str,
    help: Option<String>,
}

impl<'r> JsonFinding<'r> {
    fn new(entry: &'r ReportEntry) -> Self {
        let location = entry.place.location.as_ref();
        Self {
            code: entry.code.name(),
            severity: entry.level.word(),
            object: &entry.place.object,
            file: location.map(|location| path(&location.file)),
            line: location.map(|location| location.line),
            column: location.map(|location| location.column),
            key: entry.place.key.as_deref(),
            text: &entry.text,
            help: entry.code.help_url(),
        }
    }
}

/// Writes the findings.
pub(super) fn write(run: &RunFindings<'_>, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\"version\":{VERSION},\n\"pods\":")?;
    json_text::write(&run.pods, out)?;
    write!(out, ",\n\"findings\":")?;
    write_list(run.report.entries().map(JsonFinding::new), out)?;
    writeln!(out, "}}")
}
