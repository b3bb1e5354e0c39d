//! Logs and metrics.

mod age;
pub mod labels;
pub mod logs;
pub mod metrics;
mod process;

use std::error::Error;

/// An error with its sources, as one line. Some errors name their source themselves: once is enough.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}
