//! `boundtoken explain`: explains keys and diagnostic codes, from the tables that the webhook uses.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::Style;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};

use super::{CommandError, Exit};
use crate::policy::diagnostics::{self, Diagnostic, Severity};
use crate::policy::keys::{self, Entry, OPT_IN_LABEL, OPT_IN_VALUE, PREFIX, Scope};
use crate::policy::nearest::nearest;

/// Longest line of running text, in characters.
const WIDTH: usize = 80;

const BOLD: Style = Style::new().bold();

/// The explanation of the label.
const LABEL: &str = "A label of Namespaces, not an annotation: the webhook admits the Pods that are created in a \
    labelled Namespace. Without annotations, each of their tokens lives one hour.";

/// Explain an annotation key, the label or a diagnostic code; without one, list them all
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Annotation key such as ttl or boundtoken.dev/ttl, the label webhook, or code such as BT004
    #[arg(value_name = "KEY|CODE", value_parser = NameParser, hide_possible_values = true)]
    name: Option<String>,
}

/// Accepts any name, because unknown ones get a better message later. Shells offer the known ones.
#[derive(Clone, Debug)]
struct NameParser;

impl TypedValueParser for NameParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names().chain(codes()).map(PossibleValue::new)))
    }
}

/// An error of `boundtoken explain`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is unknown.
    #[error("unknown key or code {0:?}; `boundtoken explain` lists them")]
    Unknown(String),
    /// The name is unknown, but similar to a known one.
    #[error("unknown key or code {name:?}; did you mean {nearest}?")]
    Misspelt {
        /// The name.
        name: String,
        /// The known name that is nearest to it.
        nearest: &'static str,
    },
    /// The explanation cannot be written.
    #[error("failed to write the output")]
    Io(#[from] io::Error),
}

/// Writes the explanation.
///
/// # Errors
/// When the name is unknown, or the output cannot be written.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    explain(args, &mut anstream::stdout())?;
    Ok(Exit::Done)
}

fn explain(args: &Args, out: &mut dyn Write) -> Result<(), Error> {
    let text = match args.name.as_deref().map(str::trim) {
        None => list(),
        Some(name) => one(name)?,
    };
    Ok(out.write_all(text.as_bytes())?)
}

/// The keys and the label without prefix.
fn names() -> impl Iterator<Item = &'static str> {
    keys::all().map(Entry::short_name).chain([label()])
}

fn codes() -> impl Iterator<Item = &'static str> {
    diagnostics::all().map(|diagnostic| diagnostic.name)
}

fn one(name: &str) -> Result<String, Error> {
    if name == OPT_IN_LABEL || name == label() {
        return Ok(about_label());
    }
    if let Some(entry) = keys::all().find(|entry| entry.name == name || entry.short_name() == name) {
        return Ok(key(entry));
    }
    if let Some(diagnostic) = diagnostics::all().find(|diagnostic| diagnostic.name.eq_ignore_ascii_case(name))
    {
        return Ok(code(diagnostic));
    }
    Err(match nearest_name(name) {
        Some(nearest) => Error::Misspelt { name: name.to_owned(), nearest },
        None => Error::Unknown(name.to_owned()),
    })
}

fn nearest_name(name: &str) -> Option<&'static str> {
    if let Some(code) = code_of_number(name) {
        return Some(code);
    }
    let lowercase: Vec<String> = codes().map(str::to_lowercase).collect();
    let near = |near: &str| codes().find(|code| code.eq_ignore_ascii_case(near));
    nearest(name.trim_start_matches(PREFIX), names())
        .or_else(|| nearest(name, lowercase.iter().map(String::as_str)).and_then(near))
}

/// The code for a number in any spelling, such as `bt4` or `BT0004`.
fn code_of_number(name: &str) -> Option<&'static str> {
    let number = |code: &str| {
        let (prefix, digits) = code.split_at_checked(2)?;
        let is_code = prefix.eq_ignore_ascii_case("BT") && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u32>().ok().filter(|_| is_code)
    };
    let wanted = number(name)?;
    codes().find(|code| number(code) == Some(wanted))
}

/// The label without prefix.
fn label() -> &'static str {
    OPT_IN_LABEL.trim_start_matches(PREFIX)
}

fn about_label() -> String {
    let example = format!("{OPT_IN_LABEL}: \"{OPT_IN_VALUE}\"");
    let rows = [
        ("Value", format!("`{OPT_IN_VALUE}`; any other value means the same as no label")),
        ("Default", "no label: the webhook is not called".to_owned()),
        ("Set on", "a Namespace".to_owned()),
        ("Example", example),
    ];
    format!("{BOLD}{OPT_IN_LABEL}{BOLD:#}\n\n{}\n{}", paragraph(LABEL), table(rows.into_iter()))
}

fn list() -> String {
    let keys = keys::all().map(|entry| (entry.name, entry.value().into_owned()));
    let codes = diagnostics::all();
    let codes = codes.map(|code| (code.name, format!("{}: {}", severity(code.severity), code.title)));
    let label = std::iter::once((OPT_IN_LABEL, format!("`{OPT_IN_VALUE}`: the Namespace opts in")));
    let (label, keys, codes) = (table(label), table(keys), table(codes));
    format!("{BOLD}Label{BOLD:#}\n{label}\n{BOLD}Keys{BOLD:#}\n{keys}\n{BOLD}Codes{BOLD:#}\n{codes}")
}

/// Formats two columns, the second one wrapped.
fn table(rows: impl Iterator<Item = (&'static str, String)> + Clone) -> String {
    let width = rows.clone().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, what) in rows {
        let mut name = name;
        for line in wrapped(&what, WIDTH.saturating_sub(width + 4)) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:width$}  {line}");
            name = "";
        }
    }
    text
}

fn key(entry: &Entry) -> String {
    let Entry { name, scope, default, meaning, example, .. } = entry;
    let place = match scope {
        Scope::Namespace => "a Namespace",
        Scope::NamespaceAndPod => {
            "a Namespace, as the default of its Pods; a Pod or Pod template, which overrides it"
        }
    };
    // Quoted, because an annotation must be a string even if it looks like a number or a Boolean.
    let example = format!("{name}: \"{example}\"");
    let rows = [("Value", &*entry.value()), ("Default", default), ("Set on", place), ("Example", &example)];
    let rows = rows.map(|(what, text)| (what, text.to_owned())).into_iter();
    format!("{BOLD}{name}{BOLD:#}\n\n{}\n{}", paragraph(meaning), table(rows))
}

fn code(diagnostic: &Diagnostic) -> String {
    let Diagnostic { code: _, name, severity: of, title, meaning, remedy } = diagnostic;
    let severity = severity(*of);
    format!("{BOLD}{name}: {title}{BOLD:#} ({severity})\n\n{}\n{}", paragraph(meaning), paragraph(remedy))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Forbidden => "refused, forbidden by the Namespace",
        Severity::Invalid => "refused, invalid",
        Severity::Malformed => "refused, malformed",
        Severity::Warning => "warning",
        Severity::Note => "note of preview",
        Severity::Error => "error of preview",
    }
}

fn paragraph(text: &str) -> String {
    wrapped(text, WIDTH).iter().fold(String::new(), |text, line| text + line + "\n")
}

/// Breaks a text at spaces into lines of at most `width` characters; returns at least one line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(name: &str) -> String {
        let mut out = Vec::new();
        explain(&Args { name: Some(name.to_owned()) }, &mut out).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn a_key_is_found_with_and_without_prefix() {
        assert_eq!(explained("mode"), explained("boundtoken.dev/mode"));
        assert!(explained("mode").starts_with("boundtoken.dev/mode\n\nWhat happens to the default token."));
    }

    #[test]
    fn a_code_is_found_in_either_case() {
        assert_eq!(explained("bt004"), explained("BT004"));
        assert!(explained("BT004").starts_with("BT004: "));
    }

    #[test]
    fn every_key_and_code_is_explained_in_short_lines() {
        for name in keys::all().map(|entry| entry.name).chain(diagnostics::all().map(|code| code.name)) {
            let text = explained(name);
            assert!(
                text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= WIDTH),
                "{text}"
            );
        }
    }

    #[test]
    fn the_list_has_every_key_and_code() {
        let text = list();
        for name in keys::all().map(|entry| entry.name).chain(diagnostics::all().map(|code| code.name)) {
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        for (name, message) in [
            ("tll", "unknown key or code \"tll\"; did you mean ttl?"),
            ("boundtoken.dev/max-tl", "unknown key or code \"boundtoken.dev/max-tl\"; did you mean max-ttl?"),
            ("BT0004", "unknown key or code \"BT0004\"; did you mean BT004?"),
            ("zebra\u{1b}", "unknown key or code \"zebra\\u{1b}\"; `boundtoken explain` lists them"),
        ] {
            assert_eq!(one(name).unwrap_err().to_string(), message);
        }
    }
}
