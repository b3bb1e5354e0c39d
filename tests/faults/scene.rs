//! Two replicas that are ready and in sync, their writes, and Pods that are created meanwhile.

use std::time::{Duration, Instant};

use tokio::sync::SemaphorePermit;
use tokio::time::sleep;

use crate::Faults;
use crate::installed::{Installed, Replica};
use crate::outage::Outage;
use crate::support::control_plane::eventually;
use crate::table::{Measuring, Row};
use crate::traffic::Creator;
use crate::trust::{settled, trusted};
use crate::written::Writes;

/// The limit for the repair of damage.
const SOON: Duration = Duration::from_secs(10);

/// An install that belongs to one scenario.
pub(crate) struct Scene<'a> {
    pub(crate) installed: Installed,
    pub(crate) writes: Writes,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) creator: Creator,
    faults: &'a Faults,
    _turn: SemaphorePermit<'a>,
    more: &'a [&'a str],
}

impl<'a> Scene<'a> {
    /// Starts the install; `more` are arguments of `boundtoken serve`.
    pub(crate) async fn new(faults: &'a Faults, name: &str, more: &'a [&'a str]) -> Self {
        let turn = faults.turn().await;
        let installed = Installed::new(&faults.plane, name).await;
        let writes = Writes::watch(&installed).await;
        let start = || installed.replica_by(&writes.kubeconfig, more);
        let (one, other) = tokio::join!(start(), start());
        let replicas = vec![one.ready().await, other.ready().await];
        let creator = Creator::new(&installed, &faults.apis()).await;
        eventually("two replicas at rest", async || settled(&installed, &replicas).await).await;
        writes.reset();
        Self { installed, writes, replicas, creator, faults, _turn: turn, more }
    }

    /// Starts another replica, which may not become ready.
    pub(crate) async fn start(&self) -> Replica {
        self.installed.replica_by(&self.writes.kubeconfig, self.more).await
    }

    /// Checks that replicas, Secret and configuration are in sync.
    pub(crate) async fn settled(&self) -> Result<(), String> {
        settled(&self.installed, &self.replicas).await
    }

    /// Checks that API servers trust the served certificates.
    pub(crate) async fn trusted(&self) -> Result<(), String> {
        trusted(&self.installed, &self.replicas).await
    }

    /// Creates Pods while `happens` runs and for some time after it. No create may fail.
    pub(crate) async fn under_traffic<T>(&self, happens: impl Future<Output = T>) -> (Row, T) {
        let (apis, size) = (self.faults.apis(), self.faults.size.damage);
        let measuring = Measuring::start(&self.installed.name, &self.installed, &apis).await;
        let traffic = self.creator.start(size.rate);
        let happened = happens.await;
        // API servers keep their connections to the other replicas, but need new ones to this one.
        let connections = self.installed.connections().await;
        let third = self.start().await.ready().await;
        sleep(size.after).await;
        self.trusted().await.unwrap();
        traffic.stop().await;
        drop(third);
        let row = measuring.finish(&self.creator).await;
        row.assert_zero();
        assert!(self.installed.connections().await > connections, "{row}");
        (row, happened)
    }

    /// Measures how long creates fail after damage that no replica can prevent. None may fail after the
    /// repair.
    pub(crate) async fn through_outage(&self, damage: impl Future<Output = ()>) -> Row {
        let (outage, took) = Outage::during(&self.creator, async {
            damage.await;
            let took = repair("a bundle that verifies", async || self.trusted().await).await;
            // Long enough to show that the failures have ended.
            sleep(SOON * 3 / 2).await;
            took
        })
        .await;
        let (row, _) = self.under_traffic(repair("replicas at rest", async || self.settled().await)).await;
        assert!(outage.lasted() < SOON, "{row} {outage:?}");
        self.repaired(row, took, &format!("before that: {outage}, "))
    }

    /// The row of damage that was repaired within [`SOON`].
    pub(crate) fn repaired(&self, row: Row, took: Duration, before: &str) -> Row {
        let row = row.noted(format!("{before}repaired after {:.2} s; {}", took.as_secs_f64(), self.writes));
        assert!(took < SOON, "{row}");
        row
    }
}

/// The time until a check succeeds.
pub(crate) async fn repair(what: &str, ask: impl AsyncFnMut() -> Result<(), String>) -> Duration {
    let began = Instant::now();
    eventually(what, ask).await;
    began.elapsed()
}
