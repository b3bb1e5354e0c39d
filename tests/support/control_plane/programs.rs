//! Where the programs of the control plane are.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// How `programs.sh` ends where the tests are to be left out.
const LEFT_OUT: i32 = 3;

/// Finds or builds them, or says how the run is to end without them.
pub(crate) fn find(names: &[&str]) -> Result<PathBuf, ExitCode> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/programs.sh");
    let output = Command::new(script).args(names).stderr(Stdio::inherit()).output().unwrap();
    match output.status.code() {
        Some(0) => Ok(String::from_utf8(output.stdout).unwrap().trim_end().into()),
        Some(LEFT_OUT) => Err(ExitCode::SUCCESS),
        _ => Err(ExitCode::FAILURE),
    }
}
