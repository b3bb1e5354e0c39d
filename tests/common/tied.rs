//! Programs that end with the process that started them, however this ends.

use std::ffi::OsStr;
use std::process::Command;

/// A command that the kernel kills with the thread that starts it (`prctl(2)`, `PR_SET_PDEATHSIG`).
pub(crate) fn tied(program: impl AsRef<OsStr>) -> Command {
    if !cfg!(target_os = "linux") {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
