//! The findings, and their lines on standard error with file and line, as a compiler prints them.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::place::Place;
use crate::policy::diagnostics::Code;
use crate::policy::fitted;
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
    /// Every level, the least severe first.
    pub(super) const ALL: [Self; 4] = [Self::Note, Self::Warning, Self::Refused, Self::Error];

    /// The word for the level in every form of the output.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Refused => "refused",
            Self::Error => "error",
        }
    }

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
        write!(formatter, "{style}{}{style:#}", self.word())
    }
}

/// Something that preview reports about the input.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(super) struct ReportEntry {
    /// The severity.
    pub(super) level: Level,
    /// The code.
    pub(super) code: Code,
    /// The object and the position.
    pub(super) place: Place,
    /// The message, without the code.
    pub(super) text: String,
    /// Whether the message is shown in at most 120 characters, as kubectl shows it.
    is_fitted: bool,
}

impl ReportEntry {
    /// The message with its code, as it is written to standard error.
    fn message(&self) -> String {
        if self.is_fitted { fitted(self.code, &self.text) } else { format!("{} ({})", self.text, self.code) }
    }
}

/// The findings, in the order in which they are printed.
#[derive(Debug, Default)]
pub(super) struct Report {
    entries: Vec<ReportEntry>,
    worst: Option<Level>,
}

impl Report {
    /// Adds a finding.
    pub(super) fn add(&mut self, level: Level, code: Code, place: Place, text: impl fmt::Display) {
        self.push(ReportEntry { level, code, place, text: text.to_string(), is_fitted: false });
    }

    /// Adds a warning of the webhook, which is shown in at most 120 characters.
    pub(super) fn add_warning(&mut self, code: Code, place: Place, text: &str) {
        let text = text.to_owned();
        self.push(ReportEntry { level: Level::Warning, code, place, text, is_fitted: true });
    }

    fn push(&mut self, entry: ReportEntry) {
        self.worst = self.worst.max(Some(entry.level));
        self.entries.push(entry);
    }

    /// The most severe finding.
    pub(super) fn worst(&self) -> Option<Level> {
        self.worst
    }

    /// The findings without duplicates.
    pub(super) fn entries(&self) -> impl Iterator<Item = &ReportEntry> {
        let mut seen = HashSet::new();
        self.entries.iter().filter(move |entry| seen.insert(*entry))
    }

    /// Writes a line for each finding, without duplicates.
    pub(super) fn write(&self, err: &mut dyn Write) -> io::Result<()> {
        let mut written = HashSet::new();
        for entry in &self.entries {
            let location = entry.place.location.as_ref();
            let line = location.map(|location| (&location.file, location.line));
            if !written.insert((entry.level, entry.code, line, &entry.text)) {
                continue;
            }
            if let Some(location) = location {
                write!(err, "{}: ", printable(&location.to_string()))?;
            }
            writeln!(err, "{}: {}", entry.level, printable(&entry.message()))?;
        }
        Ok(())
    }
}
