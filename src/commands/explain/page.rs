//! The layout of `boundtoken explain`: running text and tables in the width of the terminal.

use std::fmt::Write as _;

use anstyle::Style;

/// Width without a terminal, in characters.
const DEFAULT_WIDTH: usize = 80;

/// Greatest width, as that of `--help`: longer lines are hard to read.
const MAX_WIDTH: usize = 100;

/// Style of titles.
const BOLD: Style = Style::new().bold();

/// A page of text. Its lines have at most `width` characters, except examples and words that are longer.
#[derive(Debug)]
pub(super) struct TextPage {
    width: usize,
    text: String,
}

impl TextPage {
    /// An empty page for the terminal of this process.
    pub(super) fn of_terminal() -> Self {
        Self::new(terminal_width().unwrap_or(DEFAULT_WIDTH).min(MAX_WIDTH))
    }

    /// An empty page of this width.
    pub(super) fn new(width: usize) -> Self {
        Self { width, text: String::new() }
    }

    /// The text, with styles.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Adds a title, and what follows it on the same line.
    pub(super) fn title(&mut self, title: &str, rest: &str) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(self.text, "{BOLD}{title}{BOLD:#}{rest}");
    }

    /// Adds an empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Adds running text.
    pub(super) fn paragraph(&mut self, text: &str) {
        for line in wrapped(text, self.width) {
            let _ = writeln!(self.text, "{line}");
        }
    }

    /// Adds two columns, the second one wrapped.
    pub(super) fn table<'r>(&mut self, rows: impl Iterator<Item = (&'r str, String)> + Clone) {
        let width = rows.clone().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, what) in rows {
            let mut name = name;
            for line in wrapped(&what, self.width.saturating_sub(width + 4)) {
                let _ = writeln!(self.text, "  {name:width$}  {line}");
                name = "";
            }
        }
    }

    /// Adds an example on one line, so that it can be copied.
    pub(super) fn example(&mut self, example: &str) {
        let _ = writeln!(self.text, "  Example  {example}");
    }
}

/// The width of the terminal, or that of the variable `COLUMNS` without one, as for `--help`.
fn terminal_width() -> Option<usize> {
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    terminal.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
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
