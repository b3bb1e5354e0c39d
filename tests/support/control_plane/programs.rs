//! Finds the programs of the control plane.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// The exit code of `programs.sh` when the tests have to be skipped.
const LEFT_OUT: i32 = 3;

/// Finds or builds the programs, or returns the exit code of the run without them.
pub(crate) fn find(names: &[&str]) -> Result<PathBuf, ExitCode> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/programs.sh");
    let output = Command::new(script).args(names).stderr(Stdio::inherit()).output().unwrap();
    match output.status.code() {
        Some(0) => Ok(String::from_utf8(output.stdout).unwrap().trim_end().into()),
        Some(LEFT_OUT) => Err(ExitCode::SUCCESS),
        _ => Err(ExitCode::FAILURE),
    }
}
