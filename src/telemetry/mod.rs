//! Logs and metrics.

pub mod labels;
pub mod logs;
pub mod metrics;
mod process;

use std::error::Error;

/// An error with its sources, as one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
