//! One process of the control plane, with its output in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::killed_with_parent;

/// A running program.
pub(crate) struct Process {
    child: Child,
    program: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
}

impl Process {
    /// Starts a program whose output goes into `directory`.
    pub(crate) fn start(program: &Path, arguments: &[String], directory: &Path) -> Self {
        let child = spawn(program, arguments, directory);
        Self { child, program: program.into(), arguments: arguments.into(), directory: directory.into() }
    }

    /// The name of the program.
    pub(crate) fn name(&self) -> &str {
        self.program.file_name().unwrap().to_str().unwrap()
    }

    /// Kills the process and starts it again.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.program, &self.arguments, &self.directory);
    }

    /// The last lines of its output if it has ended.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().unwrap()?;
        let log = std::fs::read(log_of(&self.program, &self.directory)).unwrap();
        let text = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
        Some(format!("{} ended with {status}:\n{last}", self.name()))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills the process. It needs no clean shutdown, since its state is not used again.
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

fn spawn(program: &Path, arguments: &[String], directory: &Path) -> Child {
    let output = File::options().create(true).append(true).open(log_of(program, directory)).unwrap();
    let mut command = killed_with_parent::killed_with_parent(program);
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command.stdout(output.try_clone().unwrap()).stderr(output);
    killed_with_parent::start(command)
}

fn log_of(program: &Path, directory: &Path) -> PathBuf {
    directory.join(program.file_name().unwrap()).with_extension("log")
}
