//! A running attack: attackers that begin again when the server ends their connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attacker::{Attacker, Way};

/// The priority of attackers, the lowest. They would be other machines, and must not take the CPU time of the API
/// server.
const NICE: i32 = 19;

/// The pause after a connection.
const PAUSE: Duration = Duration::from_millis(1);

/// A running attack.
pub(crate) struct Attack {
    runtime: Runtime,
    attackers: TaskTracker,
    stop: CancellationToken,
    connections: Arc<AtomicU64>,
}

impl Attack {
    pub(crate) fn begin() -> Self {
        // Attackers and server are on this machine, and a user may have as few as 1024 files.
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_start(|| {
                nice(NICE).unwrap();
            })
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime,
            attackers: TaskTracker::new(),
            stop: CancellationToken::new(),
            connections: Arc::default(),
        }
    }

    /// Adds attackers of one kind.
    pub(crate) fn add(&self, count: usize, attacker: &Attacker, way: Way) {
        for _ in 0..count {
            self.spawn(attacker.clone(), move || (way, None));
        }
    }

    /// Adds an attacker that chooses for each connection what it does, and for how long at most.
    pub(crate) fn spawn(
        &self,
        attacker: Attacker,
        mut choose: impl FnMut() -> (Way, Option<Duration>) + Send + 'static,
    ) {
        let (stop, connections) = (self.stop.clone(), Arc::clone(&self.connections));
        let attacking = async move {
            loop {
                let (way, limit) = choose();
                let limit = limit.unwrap_or(Duration::MAX);
                // An error means that the server has ended the connection.
                let _ = tokio::time::timeout(limit, attacker.attack(way)).await;
                connections.fetch_add(1, Ordering::Relaxed);
                sleep(PAUSE).await;
            }
        };
        let attacking = async move {
            stop.run_until_cancelled(attacking).await;
        };
        self.attackers.spawn_on(attacking, self.runtime.handle());
    }

    /// Ends the attack, and returns the number of connections that have ended.
    pub(crate) async fn end(self) -> u64 {
        self.stop.cancel();
        self.attackers.close();
        self.attackers.wait().await;
        self.runtime.shutdown_background();
        self.connections.load(Ordering::Relaxed)
    }
}
