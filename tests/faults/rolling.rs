//! Rolling restarts under traffic, with endpoints that lag.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::Faults;
use crate::installed::{Ended, Installed, Replica};
use crate::table::Measuring;
use crate::traffic::Creator;

pub(crate) async fn restarts_with_endpoints_at_once(faults: Arc<Faults>) {
    restarts(&faults, 0).await;
}

pub(crate) async fn restarts_with_endpoints_after_a_second(faults: Arc<Faults>) {
    restarts(&faults, 1).await;
}

pub(crate) async fn restarts_with_endpoints_after_five_seconds(faults: Arc<Faults>) {
    restarts(&faults, 5).await;
}

/// The maximum number of replicas that terminate at the same time: each takes up to a minute and a half.
const MOST_ENDING: usize = 40;

/// Replaces one replica after the other, as the Deployment's strategy does: `maxUnavailable: 0`,
/// `maxSurge: 1`.
async fn restarts(faults: &Faults, lag: u64) {
    let name = format!("restarts-lag-{lag}");
    let mut installed = Installed::new(&faults.plane, &name).await;
    installed.endpoint_lag = Duration::from_secs(lag);
    let mut replicas = two(&installed, &[]).await;
    let creator = Creator::new(&installed, &faults.apis()).await;
    let measuring = Measuring::start(&name, &installed, &faults.apis()).await;
    let traffic = creator.start(faults.size.rate);
    let mut ending = JoinSet::new();
    for _ in 0..faults.size.restarts {
        for replica in &mut replicas {
            let next = installed.replica(&[]).await.ready().await;
            let last = std::mem::replace(replica, next);
            last.terminate();
            ending.spawn(async { assert_drained(&last.end().await) });
        }
        while ending.len() > MOST_ENDING {
            ending.join_next().await.unwrap().unwrap();
        }
    }
    ending.join_all().await;
    traffic.stop().await;
    let row = measuring.finish(&creator).await;
    row.assert_zero();
    faults.report(row);
}

/// The program exits immediately, while API servers consider it ready.
pub(crate) async fn control_without_a_shutdown(faults: Arc<Faults>) {
    let name = "restarts-control";
    let mut installed = Installed::new(&faults.plane, name).await;
    installed.endpoint_lag = Duration::from_secs(5);
    let [one, other] = two(&installed, &["--shutdown-delay=0", "--shutdown-deadline=0"]).await;
    let creator = Creator::new(&installed, &faults.apis()).await;
    let measuring = Measuring::start(name, &installed, &faults.apis()).await;
    one.terminate();
    one.end().await;
    creator.at_once(faults.size.rate.burst).await;
    let row = measuring.finish(&creator).await;
    row.assert_failures("connect: connection refused");
    faults.report(row);
    drop(other);
}

/// Starts two replicas and waits until both are ready.
pub(crate) async fn two(installed: &Installed, more: &[&str]) -> [Replica; 2] {
    let (one, other) = tokio::join!(installed.replica(more), installed.replica(more));
    [one.ready().await, other.ready().await]
}

/// Asserts that a replica exited because no connection was left, not because of its deadline.
pub(crate) fn assert_drained(ended: &Ended) {
    let drained = ended.lines.iter().any(|line| line.contains("every connection has ended"));
    assert!(ended.code == Some(0) && drained, "{ended:#?}");
}
