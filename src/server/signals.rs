//! Forwards SIGTERM and SIGINT to the server.

use std::io::{self, IsTerminal};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// A signal that ends the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StopSignal {
    /// SIGTERM or SIGINT from a program, such as the kubelet. Clients may go on calling until they learn of it.
    Terminate,
    /// Ctrl-C in a terminal: SIGINT while standard input is one. A person waits for the end.
    Interrupt,
}

/// Returns a channel with a message for each SIGTERM and SIGINT from now on.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn listen() -> io::Result<mpsc::Receiver<StopSignal>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let of_interrupt = if io::stdin().is_terminal() { StopSignal::Interrupt } else { StopSignal::Terminate };
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            let stop = tokio::select! {
                _ = terminate.recv() => StopSignal::Terminate,
                _ = interrupt.recv() => of_interrupt,
            };
            if sender.send(stop).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
