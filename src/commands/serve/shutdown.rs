//! Flags of the shutdown.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The times of a shutdown.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Shutdown")]
pub(super) struct ShutdownArgs {
    /// Seconds from SIGTERM to the end of accepting connections
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "15",
        value_parser = delay
    )]
    pub(super) shutdown_delay: Duration,
    /// Seconds from SIGTERM to the forced exit
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "110",
        value_parser = delay
    )]
    pub(super) shutdown_deadline: Duration,
}

/// Parses a time of at most an hour.
fn delay(text: &str) -> Result<Duration, String> {
    seconds(text, 0..=3600)
}

/// Parses whole seconds, with or without the unit `s`.
pub(super) fn seconds(text: &str, allowed: RangeInclusive<u64>) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
    let seconds = seconds.filter(|seconds| allowed.contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("must be {} to {} seconds", allowed.start(), allowed.end()))
}

/// The deadline is before the end of the delay.
#[derive(Debug, thiserror::Error)]
#[error(
    "--shutdown-deadline ({} s) must not be below --shutdown-delay ({} s): \
     both count from the signal",
    deadline.as_secs(),
    delay.as_secs()
)]
pub(super) struct DeadlineError {
    delay: Duration,
    deadline: Duration,
}

impl ShutdownArgs {
    /// Checks that the delay ends before the deadline.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn check(self) -> Result<(), DeadlineError> {
        let Self { shutdown_delay: delay, shutdown_deadline: deadline } = self;
        if deadline < delay { Err(DeadlineError { delay, deadline }) } else { Ok(()) }
    }
}
