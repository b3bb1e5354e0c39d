//! Cleaning up when the program is interrupted.

use tokio::signal::unix::{SignalKind, signal};

/// How a program ends that was interrupted.
const INTERRUPTED: u8 = 130;

/// Waits for Ctrl-C or SIGTERM, which end nothing by themselves from now on; the code to end with.
pub(crate) async fn interrupted() -> u8 {
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    INTERRUPTED
}
