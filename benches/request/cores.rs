//! One core for the servers and another for the client, so that they do not compete for its caches.

use std::process::{Child, Command};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::Result;

/// The cores in use; `None` where there is only one, and nothing is pinned.
pub(super) struct Cores(Option<(CpuSet, CpuSet)>);

impl Cores {
    /// Takes the first core of this process for the client, the calling thread, and the last one for servers.
    pub(super) fn pin() -> Result<Self> {
        let all = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).map(only);
        let cores = cores.next().zip(cores.next_back());
        if let Some((client, _)) = &cores {
            sched_setaffinity(None, client)?;
        }
        Ok(Self(cores))
    }

    /// Starts a server: a process inherits the core of the thread that starts it.
    pub(super) fn spawn(&self, command: &mut Command) -> Result<Child> {
        let Some((client, server)) = &self.0 else { return Ok(command.spawn()?) };
        sched_setaffinity(None, server)?;
        let child = command.spawn();
        sched_setaffinity(None, client)?;
        Ok(child?)
    }
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}
