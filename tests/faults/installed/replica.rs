//! One replica: the real program, and its endpoint.

use rustix::process::Signal;

use super::endpoint::Endpoint;
use crate::support::program::Serving;

/// A running `boundtoken serve` behind the Service; killed when it is dropped.
pub(crate) struct Replica {
    pub(crate) serving: Serving,
    endpoint: Endpoint,
}

/// How a replica ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// Its log.
    pub(crate) lines: Vec<String>,
}

impl Replica {
    pub(super) fn new(serving: Serving, endpoint: Endpoint) -> Self {
        Self { serving, endpoint }
    }

    /// Waits until its Pod would be ready.
    pub(crate) async fn ready(self) -> Self {
        self.endpoint.ready().await;
        self
    }

    /// Like [`Self::ready`], for a borrowed replica.
    pub(crate) async fn wait_until_ready(&self) {
        self.endpoint.ready().await;
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.endpoint.is_ready()
    }

    /// Simulates the deletion of the Pod: SIGTERM, and an endpoint that becomes not ready after its lag.
    pub(crate) fn terminate(&self) {
        self.serving.signal(Signal::TERM);
        self.endpoint.delete();
    }

    /// Kills it with SIGKILL; its endpoint follows when the probe fails.
    pub(crate) fn kill(&mut self) {
        self.serving.kill();
    }

    /// Waits until it exits.
    pub(crate) async fn end(self) -> Ended {
        let Self { serving, endpoint } = self;
        let (code, lines) = tokio::task::spawn_blocking(|| serving.end()).await.unwrap();
        drop(endpoint);
        Ended { code, lines }
    }

    /// The number of reviews that it has answered.
    pub(crate) async fn admissions(&self) -> u64 {
        let metrics = self.serving.metrics().await;
        let counts = metrics.lines().filter_map(|line| line.strip_prefix("boundtoken_admissions_total{"));
        counts.filter_map(|line| line.split_once("} ")?.1.parse::<u64>().ok()).sum()
    }
}
