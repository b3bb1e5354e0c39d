//! One process of the control plane, with its output in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::common::tied::tied;

/// A running program.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts a program whose output goes into `directory`.
    pub(crate) fn start(program: &Path, arguments: &[String], directory: &Path) -> Self {
        let name = program.file_name().unwrap().to_string_lossy().into_owned();
        let log = directory.join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let mut command = tied(program);
        command.args(arguments).current_dir(directory).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        Self { child: command.spawn().unwrap(), name, log }
    }

    /// The last lines of its output if it ended.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().unwrap()?;
        let text = String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
        Some(format!("{} ended with {status}:\n{last}", self.name))
    }

    /// Kills it: nothing of its state is needed any more.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
