//! The findings, and their lines on standard error with file and line, as a compiler prints them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::place::Place;
use crate::commands::program::as_typed;
use crate::policy::diagnostics::Code;
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

/// Most similar findings that are written one by one.
const MAX_ALIKE: usize = 3;

/// Most lines of a summary in which each finding with a message of its own has a line.
const MAX_LINES: usize = 20;

/// Most names in a line about many objects.
pub(super) const MAX_NAMED: usize = 3;

/// A note that may be true of many objects.
pub(super) struct Alike {
    /// The name of the object, without its kind.
    pub(super) name: String,
    /// The note about this object alone.
    pub(super) sentence: String,
    /// The note about many, after their number: `Namespaces are not in the input`.
    pub(super) many: &'static str,
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
    /// The name of the object and the message about many, if the finding is about an object like others.
    alike: Option<(Box<str>, &'static str)>,
}

/// Which findings share a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Grouping {
    /// None.
    Nothing,
    /// Notes about many objects.
    Notes,
    /// Those and findings with the same message; if there are many, also findings with the same code. Errors never do:
    /// nothing else names a file that cannot be read.
    Codes,
}

/// What the findings that share a line have in common.
#[derive(Eq, Hash, PartialEq)]
enum LineKey<'e> {
    /// The code and the message about many.
    Alike(Code, &'static str),
    /// The severity, the code and the message.
    Same(Level, Code, &'e str),
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
        self.push(ReportEntry { level, code, place, text: text.to_string(), alike: None });
    }

    /// Adds a note that may be true of many objects.
    pub(super) fn add_note(&mut self, code: Code, place: Place, alike: Alike) {
        let Alike { name, sentence, many } = alike;
        let alike = Some((name.into(), many));
        self.push(ReportEntry { level: Level::Note, code, place, text: sentence, alike });
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

    /// Writes the findings of at least this severity without duplicates, a line for each or for those that share one.
    pub(super) fn write(&self, grouping: Grouping, least: Level, err: &mut dyn Write) -> io::Result<()> {
        let groups = self.groups(grouping, least);
        let lines = groups.iter().map(|entries| if entries.len() > MAX_ALIKE { 1 } else { entries.len() });
        if grouping == Grouping::Codes && lines.sum::<usize>() > MAX_LINES {
            write_codes(&groups, err)
        } else {
            groups.iter().try_for_each(|entries| write_group(entries, err))
        }
    }

    /// The findings of at least this severity, with those together that share a line if they are many.
    fn groups(&self, grouping: Grouping, least: Level) -> Vec<Vec<&ReportEntry>> {
        let mut groups: Vec<Vec<&ReportEntry>> = Vec::new();
        let mut known: HashMap<LineKey<'_>, usize> = HashMap::new();
        for entry in self.lines().filter(|entry| entry.level >= least) {
            let key = match entry.alike {
                _ if grouping == Grouping::Nothing => None,
                Some((_, many)) => Some(LineKey::Alike(entry.code, many)),
                None if entry.level == Level::Error || grouping == Grouping::Notes => None,
                None => Some(LineKey::Same(entry.level, entry.code, &entry.text)),
            };
            let index = key.map_or(groups.len(), |key| *known.entry(key).or_insert(groups.len()));
            match groups.get_mut(index) {
                Some(entries) => entries.push(entry),
                None => groups.push(vec![entry]),
            }
        }
        groups
    }

    /// The findings that differ in their line or their message.
    fn lines(&self) -> impl Iterator<Item = &ReportEntry> {
        let mut seen = HashSet::new();
        self.entries.iter().filter(move |entry| {
            let location = entry.place.location.as_ref();
            let line = location.map(|location| (&location.file, location.line));
            seen.insert((entry.level, entry.code, line, &entry.text))
        })
    }
}

/// Writes groups of findings, of those with the same severity and code only the first finding and their number.
fn write_codes(groups: &[Vec<&ReportEntry>], err: &mut dyn Write) -> io::Result<()> {
    let mut counts: HashMap<(Level, Code), usize> = HashMap::new();
    for entry in groups.iter().flatten() {
        *counts.entry((entry.level, entry.code)).or_default() += 1;
    }
    for entries in groups {
        let Some(first) = entries.first() else { continue };
        // An error is never in a group, and the groups after the first one of their code are counted in its line.
        let count = match first.level {
            Level::Error => Some(1),
            level => counts.remove(&(level, first.code)),
        };
        match count {
            None => {}
            Some(1) => write_line(first, &first.text, err)?,
            Some(count) if count == entries.len() && count > MAX_ALIKE => write_group(entries, err)?,
            Some(count) => {
                let text = format!("{}; {} more with this code, -v lists them", first.text, count - 1);
                write_line(first, &text, err)?;
            }
        }
    }
    Ok(())
}

/// Writes findings that are alike: in one line if they are many.
fn write_group(entries: &[&ReportEntry], err: &mut dyn Write) -> io::Result<()> {
    let Some(first) = entries.first().filter(|_| entries.len() > MAX_ALIKE) else {
        return entries.iter().try_for_each(|entry| write_line(entry, &entry.text, err));
    };
    let Some((_, many)) = &first.alike else {
        let text = format!("{}; likewise in {} other places", first.text, entries.len() - 1);
        return write_line(first, &text, err);
    };
    let names = entries.iter().filter_map(|entry| Some(&*entry.alike.as_ref()?.0));
    let text = format!("{} {many}: {}", entries.len(), first_of(names, entries.len()));
    writeln!(err, "{}: {} ({})", first.level, printable(&as_typed(&text)), first.code)
}

fn write_line(entry: &ReportEntry, text: &str, err: &mut dyn Write) -> io::Result<()> {
    if let Some(location) = &entry.place.location {
        write!(err, "{}: ", printable(&location.to_string()))?;
    }
    writeln!(err, "{}: {} ({})", entry.level, printable(&as_typed(text)), entry.code)
}

/// The first of `count` names, and how many more there are.
pub(super) fn first_of<'n>(names: impl Iterator<Item = &'n str>, count: usize) -> String {
    let first = names.take(MAX_NAMED).collect::<Vec<_>>().join(", ");
    match count.saturating_sub(MAX_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
