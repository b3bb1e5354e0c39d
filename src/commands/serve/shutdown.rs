//! How the server ends.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How the server ends.
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
    /// Seconds from SIGTERM to the end, even if connections are open
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "110",
        value_parser = delay
    )]
    pub(super) shutdown_deadline: Duration,
}

/// At most an hour: nobody waits longer for a Pod to end.
fn delay(text: &str) -> Result<Duration, String> {
    seconds(text, 0..=3600)
}

/// Whole seconds, with or without the unit `s`.
pub(super) fn seconds(text: &str, allowed: RangeInclusive<u64>) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
    let seconds = seconds.filter(|seconds| allowed.contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("{} to {} seconds are allowed", allowed.start(), allowed.end()))
}

/// Times that contradict each other.
#[derive(Debug, thiserror::Error)]
#[error(
    "--shutdown-deadline ({} s) is below --shutdown-delay ({} s): both count from the signal, \
     give the deadline at least the delay",
    deadline.as_secs(),
    delay.as_secs()
)]
pub(super) struct DeadlineError {
    delay: Duration,
    deadline: Duration,
}

impl ShutdownArgs {
    /// Whether both times can be kept.
    ///
    /// # Errors
    /// When they cannot.
    pub(super) fn check(self) -> Result<(), DeadlineError> {
        let Self { shutdown_delay: delay, shutdown_deadline: deadline } = self;
        if deadline < delay { Err(DeadlineError { delay, deadline }) } else { Ok(()) }
    }
}
