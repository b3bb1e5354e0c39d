//! What people are told on standard error, with file and line, as a compiler does.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use json_patch::jsonptr::Pointer;

use crate::commands::printable::printable;
use crate::manifest::Object;

/// Titles.
pub(super) const BOLD: Style = Style::new().bold();

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Severity {
    /// Good to know.
    Note,
    /// Please mend this.
    Warning,
    /// The API server will not take the object.
    Refused,
    /// What would happen is unknown.
    Error,
}

impl Severity {
    fn style(self) -> Style {
        let color = match self {
            Self::Note => AnsiColor::Cyan,
            Self::Warning => AnsiColor::Yellow,
            Self::Refused | Self::Error => AnsiColor::Red,
        };
        color.on_default().bold()
    }
}

impl fmt::Display for Severity {
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

/// Everything that was found, each once.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<(Severity, String, String)>);

impl Report {
    /// Adds a finding at a place within an object.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        object: &Object<'_>,
        within: &Pointer,
        text: impl fmt::Display,
    ) {
        self.push(severity, format!("{}:{}: ", object.document.file, object.line(within)), text.to_string());
    }

    /// Adds a note that belongs to no place.
    pub(super) fn note(&mut self, text: impl fmt::Display) {
        self.push(Severity::Note, String::new(), text.to_string());
    }

    fn push(&mut self, severity: Severity, place: String, text: String) {
        let finding = (severity, place, text);
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// The gravest severity that was found.
    pub(super) fn worst(&self) -> Option<Severity> {
        self.0.iter().map(|(severity, ..)| *severity).max()
    }

    /// Writes a line for each finding.
    pub(super) fn write(&self, err: &mut dyn Write) -> io::Result<()> {
        for (severity, place, text) in &self.0 {
            writeln!(err, "{}{severity}: {}", printable(place), printable(text))?;
        }
        Ok(())
    }
}
