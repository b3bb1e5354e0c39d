//! Cleans up after a node that did not shut down properly: containers, mounts, files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

/// The directory of a node, which is removed on drop.
pub(super) struct Remains(Mutex<Option<PathBuf>>);

impl Remains {
    pub(super) fn of(directory: &Path) -> Self {
        Self(Mutex::new(Some(directory.to_owned())))
    }

    /// Removes the directory, on the first call.
    pub(super) fn clear(&self) {
        let Some(directory) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        end_containers(&directory);
        unmount(&directory);
        if std::env::var_os("KEEP_CLUSTER").is_some() {
            eprintln!("kept: {}", directory.display());
        } else if let Err(error) = std::fs::remove_dir_all(&directory) {
            eprintln!("{}: {error}", directory.display());
        }
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Kills the shims of containerd, whose command lines contain its socket, and all of their child processes.
fn end_containers(directory: &Path) {
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for process in processes.flatten().map(|process| process.path()) {
        let command_line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&command_line).into_owned();
        if command_line.contains("containerd-shim") && command_line.contains(&*directory.to_string_lossy()) {
            kill_with_children(&process);
        }
    }
}

fn kill_with_children(process: &Path) {
    let Some(name) = process.file_name().and_then(|name| name.to_str()) else { return };
    let children = process.join("task").join(name).join("children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    for pid in children.split_whitespace().chain([name]).filter_map(|pid| pid.parse().ok()) {
        let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
    }
}

/// Unmounts everything below a directory, the innermost mount first.
fn unmount(directory: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| Path::new(point).starts_with(directory)) {
        let _ = Command::new("umount").args(["--lazy", point]).output();
    }
}
