//! The formats of the output.

use std::borrow::Cow;
use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::check::reference::PAGE;
use crate::check::{CheckFinding, CheckGroup, CheckLevel};
use crate::commands::program;
use crate::commands::stdio::{self, Pipe, StreamError};
use crate::printable::printable;

/// The form of the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum CheckFormat {
    /// Every check by its group, with details of the findings
    Table,
    /// One line for each finding that is not fine
    Short,
    /// Everything as JSON, for other programs
    Json,
}

/// The version of the JSON. It changes when an older program could misread it.
const CHECK_VERSION: u32 = 1;

/// Writes the findings to standard output.
pub(super) fn print(format: CheckFormat, findings: &[CheckFinding]) -> Result<(), StreamError> {
    match format {
        CheckFormat::Table => stdio::stdout().write_all(table(findings, has_symbols()).as_bytes())?,
        CheckFormat::Short => Pipe::new(io::stdout()).write_all(short(findings).as_bytes())?,
        CheckFormat::Json => Pipe::new(io::stdout()).write_all(json(findings).as_bytes())?,
    }
    Ok(())
}

/// The number of findings of each level.
pub(super) fn summary(findings: &[CheckFinding]) -> String {
    let counts = CheckLevel::ALL.map(|level| format!("{} {}", count(findings, level), level.as_str()));
    format!("{}\n", counts.join(", "))
}

fn count(findings: &[CheckFinding], level: CheckLevel) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

/// Whether standard output is a terminal that shows UTF-8. The first of the variables that is set counts, as in
/// setlocale(3).
fn has_symbols() -> bool {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let locale = variables.filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default().to_lowercase().replace('-', "");
    io::stdout().is_terminal() && locale.contains("utf8")
}

/// The mark of a level, as `linkerd check` has it, or the word.
fn mark(level: CheckLevel, has_symbols: bool) -> String {
    if !has_symbols {
        return format!("{:7}", level.as_str());
    }
    let (symbol, color) = match level {
        CheckLevel::Ok => ("√", AnsiColor::Green),
        CheckLevel::Skipped => ("-", AnsiColor::Cyan),
        CheckLevel::Warning => ("‼", AnsiColor::Yellow),
        CheckLevel::Error => ("×", AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(color.into()));
    format!("{style}{symbol}{style:#}")
}

fn table(findings: &[CheckFinding], has_symbols: bool) -> String {
    let mut text = String::new();
    for group in CheckGroup::ALL {
        let mut of_group = findings.iter().filter(|finding| finding.group == group).peekable();
        if of_group.peek().is_none() {
            continue;
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{gap}{}", group.as_str());
        for finding in of_group {
            add_rows(&mut text, finding, has_symbols);
        }
    }
    text
}

/// Adds the line of a finding, and the details of one that is not fine.
fn add_rows(text: &mut String, finding: &CheckFinding, has_symbols: bool) {
    let mark = mark(finding.level, has_symbols);
    let is_fault = finding.level >= CheckLevel::Warning;
    let value = finding.value.as_deref().filter(|_| !is_fault).map(|value| format!(" ({value})"));
    let line = format!("{}: {}{}", finding.id, finding.sentence, value.unwrap_or_default());
    let _ = writeln!(text, "{mark} {}", printable(&line));
    if is_fault {
        let page = link(finding);
        let command = finding.command.as_deref().map(as_typed);
        let details =
            [("value", finding.value.as_deref()), ("run", command.as_deref()), ("see", Some(&*page))];
        for (label, detail) in details {
            if let Some(detail) = detail {
                let _ = writeln!(text, "    {label:5} {}", printable(detail));
            }
        }
    }
}

/// A command as the user of this process types it.
fn as_typed(command: &str) -> Cow<'_, str> {
    match command.strip_prefix("boundtoken ") {
        Some(rest) => Cow::Owned(format!("{} {rest}", program::name())),
        None => Cow::Borrowed(command),
    }
}

fn short(findings: &[CheckFinding]) -> String {
    let faults = findings.iter().filter(|finding| finding.level != CheckLevel::Ok);
    faults.fold(String::new(), |mut text, finding| {
        let line = format!("{} {}: {}", finding.level.as_str(), finding.id, finding.sentence);
        let _ = writeln!(text, "{}", printable(&line));
        text
    })
}

fn link(finding: &CheckFinding) -> String {
    format!("{PAGE}#{}", finding.id)
}

fn json(findings: &[CheckFinding]) -> String {
    let summary: serde_json::Map<_, _> = CheckLevel::ALL
        .map(|level| (level.as_str().to_owned(), count(findings, level).into()))
        .into_iter()
        .collect();
    let rows: Vec<serde_json::Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id,
                "group": finding.group.as_str(),
                "level": finding.level.as_str(),
                "sentence": finding.sentence,
                "value": finding.value,
                "command": finding.command,
                "docs": link(finding),
            })
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let document =
        json!({"checkVersion": CHECK_VERSION, "version": version, "summary": summary, "findings": rows});
    format!("{document:#}\n")
}
