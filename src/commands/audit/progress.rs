//! One line on a terminal's standard error that says how far an audit is.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

/// The line. It is written only if standard error is a terminal.
pub(super) struct ProgressLine {
    is_terminal: bool,
    is_shown: Cell<bool>,
}

impl Default for ProgressLine {
    fn default() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), is_shown: Cell::new(false) }
    }
}

impl ProgressLine {
    /// Replaces the line.
    pub(super) fn show(&self, text: &str) {
        if self.is_terminal {
            self.is_shown.set(true);
            // Without progress the audit is the same.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }

    /// Removes the line, before the output is printed.
    pub(super) fn clear(&self) {
        if self.is_shown.take() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// An error must not follow the line.
impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}
