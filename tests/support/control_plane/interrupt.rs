//! Cleanup when the program is interrupted.

use tokio::signal::unix::{SignalKind, signal};

/// The exit code of an interrupted program.
const INTERRUPTED: u8 = 130;

/// Waits for Ctrl-C or SIGTERM, which no longer end the program by themselves, and returns its exit code.
pub(crate) async fn interrupted() -> u8 {
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    INTERRUPTED
}
