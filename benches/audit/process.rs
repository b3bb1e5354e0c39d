//! Runs programs and measures their time and their memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The time between two looks at the memory of a process.
const LOOK: Duration = Duration::from_millis(2);

/// One run of a program.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) time: Duration,
    /// The peak of its resident memory, in MB.
    pub(crate) memory: f64,
}

impl Measured {
    /// Runs a command, which must succeed. Its output is discarded.
    pub(crate) fn of(command: &mut Command) -> Self {
        let begin = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut memory = 0.0;
        loop {
            if let Some(code) = child.try_wait().unwrap() {
                assert!(code.success(), "{code}: {command:?}");
                return Self { time: begin.elapsed(), memory };
            }
            memory = peak(&status).unwrap_or(memory);
            std::thread::sleep(LOOK);
        }
    }

    /// The run of several with the median time, and their greatest memory.
    pub(crate) fn median(runs: usize, mut command: impl FnMut() -> Command) -> Self {
        let mut all: Vec<Self> = (0..runs).map(|_| Self::of(&mut command())).collect();
        all.sort_by_key(|run| run.time);
        let memory = all.iter().map(|run| run.memory).fold(0.0, f64::max);
        Self { memory, ..all[runs / 2] }
    }

    /// MB per second for this number of bytes.
    pub(crate) fn rate(self, bytes: u64) -> f64 {
        bytes as f64 / 1e6 / self.time.as_secs_f64()
    }
}

/// `VmHWM` of `proc_pid_status(5)`, in MB; `None` once the process has ended.
fn peak(status: impl AsRef<Path>) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0 / 1e6)
}
