//! Findings, printed to standard error with file and line, as a compiler does.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use json_patch::jsonptr::Pointer;

use crate::manifest::{Node, Object};
use crate::printable::printable;

/// Style of titles.
pub(super) const BOLD: Style = Style::new().bold();

/// The severity of a finding.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Level {
    /// For information only.
    Note,
    /// Should be fixed.
    Warning,
    /// The API server refuses the object.
    Refused,
    /// The result cannot be predicted.
    Error,
}

impl Level {
    fn style(self) -> Style {
        let color = match self {
            Self::Note => AnsiColor::Cyan,
            Self::Warning => AnsiColor::Yellow,
            Self::Refused | Self::Error => AnsiColor::Red,
        };
        color.on_default().bold()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = self.style();
        let word = match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Refused => "refused",
            Self::Error => "error",
        };
        write!(formatter, "{style}{word}{style:#}")
    }
}

/// A line of a file.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Location {
    file: Arc<str>,
    line: u64,
}

impl Location {
    /// The location of a part of an object, or of its nearest existing parent.
    pub(super) fn of(object: &Object<'_>, within: &Pointer) -> Self {
        Self { file: Arc::clone(&object.document.file), line: object.line(within) }
    }

    /// The location of a node within an object.
    pub(super) fn of_node(object: &Object<'_>, node: &Node) -> Self {
        Self { file: Arc::clone(&object.document.file), line: object.document.line(node) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// Something that preview reports about the input.
#[derive(Debug, Eq, Hash, PartialEq)]
struct ReportEntry {
    severity: Level,
    location: Option<Location>,
    text: String,
}

/// The findings, in the order in which they are printed.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<ReportEntry>,
    worst: Option<Level>,
}

impl Report {
    /// Adds a finding.
    pub(super) fn add(&mut self, severity: Level, location: Location, text: impl fmt::Display) {
        self.push(ReportEntry { severity, location: Some(location), text: text.to_string() });
    }

    /// Adds a note without a location.
    pub(super) fn note(&mut self, text: impl fmt::Display) {
        self.push(ReportEntry { severity: Level::Note, location: None, text: text.to_string() });
    }

    fn push(&mut self, finding: ReportEntry) {
        self.worst = self.worst.max(Some(finding.severity));
        self.findings.push(finding);
    }

    /// The most severe finding.
    pub(super) fn worst(&self) -> Option<Level> {
        self.worst
    }

    /// Writes a line for each finding, without duplicates.
    pub(super) fn write(&self, err: &mut dyn Write) -> io::Result<()> {
        let mut written = HashSet::new();
        for finding in self.findings.iter().filter(|finding| written.insert(*finding)) {
            let ReportEntry { severity, location, text } = finding;
            if let Some(location) = location {
                write!(err, "{}: ", printable(&location.to_string()))?;
            }
            writeln!(err, "{severity}: {}", printable(text))?;
        }
        Ok(())
    }
}
