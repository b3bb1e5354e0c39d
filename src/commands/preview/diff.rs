//! A unified diff of two Pods in YAML.

use std::fmt::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use similar::{Algorithm, ChangeTag, TextDiff};

use super::effect::{TokenEffect, write_effects};
use super::report::BOLD;
use crate::manifest::to_yaml;
use crate::printable::printable;

/// Time limit for finding the smallest diff of one Pod.
const DIFF_TIMEOUT: Duration = Duration::from_secs(1);

/// The names of the two Pods, what happens to their tokens, and the lines that differ, with five lines around them.
pub(super) fn diff(
    header: [&str; 2],
    effects: &[TokenEffect],
    old: &Value,
    new: &Value,
) -> Result<String, serde_saphyr::ser::Error> {
    let (old, new) = (to_yaml(old)?, to_yaml(new)?);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, header, effects, &lines(&old, &new));
    Ok(text)
}

/// Compares lines with the patience algorithm, which is fast where lines are unique, such as container names.
/// Elsewhere, a larger diff is better than a late one.
fn lines<'a>(old: &'a str, new: &'a str) -> TextDiff<'a, 'a, 'a, str> {
    TextDiff::configure().algorithm(Algorithm::Patience).timeout(DIFF_TIMEOUT).diff_lines(old, new)
}

fn write<'a>(
    text: &mut String,
    [old, new]: [&str; 2],
    effects: &[TokenEffect],
    diff: &TextDiff<'a, 'a, 'a, str>,
) -> fmt::Result {
    line(text, BOLD, &printable(&format!("--- {old}")))?;
    line(text, BOLD, &printable(&format!("+++ {new}")))?;
    write_effects(effects.iter().map(|effect| (effect.container.as_str(), &effect.change)), text)?;
    for hunk in diff.unified_diff().context_radius(5).iter_hunks() {
        line(text, AnsiColor::Cyan.on_default(), &hunk.header().to_string())?;
        for change in hunk.iter_changes() {
            let (style, sign) = match change.tag() {
                ChangeTag::Delete => (AnsiColor::Red.on_default(), '-'),
                ChangeTag::Equal => (Style::new(), ' '),
                ChangeTag::Insert => (AnsiColor::Green.on_default(), '+'),
            };
            line(text, style, &format!("{sign}{}", printable(change.value().trim_end_matches('\n'))))?;
        }
    }
    Ok(())
}

fn line(text: &mut String, style: Style, line: &str) -> fmt::Result {
    writeln!(text, "{style}{line}{style:#}")
}
