//! The processes of containers, as seen on the host.

use std::path::PathBuf;

use rustix::process::Pid;
use serde_json::Value;

/// The processes of Pods that have one container with one process each.
pub(crate) fn of_pods(pods: &[Value]) -> Vec<Pid> {
    pods.iter().map(|pod| Pid::from_raw(of(pod)).unwrap()).collect()
}

fn of(pod: &Value) -> i32 {
    let container = pod["status"]["containerStatuses"][0]["containerID"].as_str().unwrap();
    let container = container.strip_prefix("containerd://").unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
    let mut own = processes.filter(|process| {
        std::fs::read_to_string(process.join("cgroup")).is_ok_and(|groups| groups.contains(container))
    });
    let process: PathBuf = own.next().unwrap();
    process.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// The resident memory of a process, in bytes.
pub(crate) fn memory(process: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
