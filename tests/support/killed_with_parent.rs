//! Programs that the kernel kills when the process that started them ends.

use std::ffi::OsStr;
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};

/// A command that the kernel kills with the thread that starts it (`prctl(2)`, `PR_SET_PDEATHSIG`).
pub(crate) fn killed_with_parent(program: impl AsRef<OsStr>) -> Command {
    if !cfg!(target_os = "linux") {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts a command from a thread that lives as long as this process.
pub(crate) fn start(command: Command) -> Child {
    static STARTER: OnceLock<mpsc::Sender<(Command, mpsc::Sender<Child>)>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, commands) = mpsc::channel::<(Command, mpsc::Sender<Child>)>();
        std::thread::spawn(move || {
            for (mut command, answer) in commands {
                let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
                let _ = answer.send(child);
            }
        });
        sender
    });
    let (answer, child) = mpsc::channel();
    starter.send((command, answer)).unwrap();
    child.recv().unwrap()
}
