//! The memory limit of the manifests, imposed on a running replica by a cgroup where this user may make one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::eventually::eventually_within;
use crate::support::program::Serving;
use crate::support::shipped;

/// The time after an attack within which memory is free again.
const SOON: Duration = Duration::from_secs(20);

/// The memory that the allocator may keep after an attack, in addition to what the replica had before, in bytes.
const KEPT: u64 = 64 << 20;

/// A replica under the limit. Without a cgroup, its resident memory is compared with the limit.
pub(crate) struct Limited {
    group: Option<Group>,
    limit: u64,
    before: u64,
}

impl Limited {
    /// Imposes the limit.
    pub(crate) fn impose(serving: &Serving) -> Self {
        let (limit, before) = (limit(), resident(serving));
        // A cgroup is not charged for memory that a process had before it entered.
        let group = Group::make(limit - before).filter(|group| group.enter(serving.id()).is_ok());
        Self { group, limit, before }
    }

    /// The most memory that the replica had so far.
    pub(crate) fn note(&self, serving: &Serving) -> String {
        let way = if self.group.is_some() { "cgroup" } else { "resident" };
        format!("memory ({way}) {} MB, peak {}", mb(self.before), mb(self.peak(serving)))
    }

    fn peak(&self, serving: &Serving) -> u64 {
        match &self.group {
            Some(group) => self.before + group.peak(),
            None => u64::try_from(serving.peak_memory()).unwrap(),
        }
    }

    /// Asserts that the limit was not exceeded, and that the memory is free again.
    pub(crate) async fn assert_back(&self, serving: &Serving) {
        assert!(self.peak(serving) < self.limit, "{}", self.note(serving));
        eventually_within(SOON, "free memory", async || {
            let now = resident(serving);
            if now < self.before + KEPT {
                Ok(())
            } else {
                Err(format!("{} MB; {}", mb(now), self.note(serving)))
            }
        })
        .await;
    }
}

/// The memory limit of the Deployment, in bytes.
fn limit() -> u64 {
    let container = shipped::container();
    let limit = &container["resources"]["limits"]["memory"];
    limit.as_str().unwrap().strip_suffix("Mi").unwrap().parse::<u64>().unwrap() << 20
}

/// The resident memory of a replica, in bytes.
fn resident(serving: &Serving) -> u64 {
    u64::from(serving.memory("VmRSS:")) * 1024
}

fn mb(bytes: u64) -> u64 {
    bytes >> 20
}

/// A cgroup (`cgroups(7)`), removed when this is dropped.
struct Group {
    directory: PathBuf,
    files: &'static Files,
}

/// The names of files in a version of cgroups.
struct Files {
    limit: &'static str,
    /// The peak of the group. A kernel before 5.19 has none in version 2.
    peak: &'static str,
    /// Where the kernel counts the memory of sockets on its own, which it does only with a limit: limit and peak.
    sockets: Option<[&'static str; 2]>,
    /// The limit of the memory that is moved to disk, in addition, where the kernel offers one.
    swap: Option<&'static str>,
}

const V2: Files =
    Files { limit: "memory.max", peak: "memory.peak", sockets: None, swap: Some("memory.swap.max") };

const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
    sockets: Some(["memory.kmem.tcp.limit_in_bytes", "memory.kmem.tcp.max_usage_in_bytes"]),
    swap: None,
};

/// A file of every cgroup. Without it, a directory was made in another file system.
const PROCESSES: &str = "cgroup.procs";

impl Group {
    /// Makes a group with a limit below that of this process; `None` if the system does not allow it.
    fn make(limit: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        own.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let (root, files) = match controllers {
                "" => ("/sys/fs/cgroup", &V2),
                "memory" => ("/sys/fs/cgroup/memory", &V1),
                _ => return None,
            };
            Self::make_in(&Path::new(root).join(path.trim_start_matches('/')), files, limit).ok()
        })
    }

    fn make_in(parent: &Path, files: &'static Files, limit: u64) -> io::Result<Self> {
        let directory = parent.join(format!("boundtoken-attacked-{}", std::process::id()));
        fs::create_dir(&directory)?;
        let group = Self { directory, files };
        if ![PROCESSES, files.limit, files.peak].iter().all(|file| group.has(file)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        group.write(files.limit, limit)?;
        if let Some([sockets, _]) = files.sockets.filter(|[sockets, _]| group.has(sockets)) {
            group.write(sockets, limit)?;
        }
        if let Some(swap) = files.swap.filter(|swap| group.has(swap)) {
            group.write(swap, 0)?;
        }
        Ok(group)
    }

    fn has(&self, file: &str) -> bool {
        self.directory.join(file).exists()
    }

    fn write(&self, file: &str, value: u64) -> io::Result<()> {
        fs::write(self.directory.join(file), value.to_string())
    }

    fn enter(&self, process: u32) -> io::Result<()> {
        self.write(PROCESSES, process.into())
    }

    /// The most memory that was in use at a time.
    fn peak(&self) -> u64 {
        let read = |file: &str| {
            fs::read_to_string(self.directory.join(file)).unwrap().trim().parse::<u64>().unwrap()
        };
        let sockets = self.files.sockets.map(|[_, peak]| peak).filter(|peak| self.has(peak));
        read(self.files.peak) + sockets.map_or(0, read)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails as long as the process lives.
        let _ = fs::remove_dir(&self.directory);
    }
}
