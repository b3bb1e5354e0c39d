//! Restarts while the connections of an API server are idle. It reuses them for up to 90 seconds.
//!
//! Since Kubernetes 1.37 an API server chooses a replica for each call, and skips replicas that are not
//! ready. Older ones stay on their connections, as does the API server that these tests use.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Faults;
use crate::installed::{Installed, Replica};
use crate::rolling::{assert_drained, two};
use crate::table::Measuring;
use crate::traffic::Creator;

/// The number of Pods that are created at once.
const BURST: usize = 40;

/// A limit far longer than the first call of a burst takes, even on a busy machine.
const LONG: Duration = Duration::from_mins(3);

/// Every gap between two bursts, and how long before the second burst replicas get SIGTERM, in seconds.
pub(crate) async fn kept_connections(faults: Arc<Faults>) {
    for gaps in faults.size.gaps.chunks(10) {
        join_all(gaps.iter().map(|(gap, before)| gap_of(&faults, *gap, *before))).await;
    }
}

/// A burst, an idle time, the end of both replicas, an idle time, a burst.
async fn gap_of(faults: &Faults, gap: u64, before: u64) {
    let name = format!("idle-{gap}-ended-{before}-before");
    let installed = Installed::new(&faults.plane, &name).await;
    let old = two(&installed, &[]).await;
    let creator = Creator::new(&installed, &[&faults.other]).await;
    let measuring = Measuring::start(&name, &installed, &[&faults.other]).await;
    creator.burst(BURST).await;
    let silent = Instant::now();
    let new = two(&installed, &[]).await;
    sleep_until(silent + Duration::from_secs(gap - before)).await;
    old.iter().for_each(Replica::terminate);
    sleep_until(silent + Duration::from_secs(gap)).await;
    let second = creator.burst(BURST).await;
    let row = measuring.finish(&creator).await;
    row.assert_none_failed();
    // After 90 seconds the API server itself closes a connection, and the burst may have waited for other bursts.
    if second - silent.into_std() <= Duration::from_secs(75) {
        assert!(admissions(&new).await < BURST as u64, "no idle connection was used: {row}");
    }
    for replica in old {
        assert_drained(&replica.end().await);
    }
    faults.report(row);
}

/// The program exits immediately, while calls are in flight.
///
/// Idle connections do not show this: an API server notices when one is closed, and opens a new one. So the
/// test repeats until the signal arrives during a call.
pub(crate) async fn control_without_a_shutdown(faults: Arc<Faults>) {
    let name = "idle-control";
    let installed = Installed::new(&faults.plane, name).await;
    let abrupt = ["--shutdown-delay=0", "--shutdown-deadline=0"];
    let mut old = two(&installed, &abrupt).await;
    let creator = Creator::new(&installed, &[&faults.other]).await;
    let measuring = Measuring::start(name, &installed, &[&faults.other]).await;
    for _ in 0..5 {
        creator.burst(BURST).await;
        let silent = Instant::now();
        let new = two(&installed, &abrupt).await;
        sleep_until(silent + Duration::from_secs(30)).await;
        tokio::join!(creator.at_once(BURST), end_at_next_call(&old));
        if !creator.tally().failures.is_empty() {
            break;
        }
        old = new;
    }
    let row = measuring.finish(&creator).await;
    row.assert_failures("failed to call webhook");
    faults.report(row);
}

/// Ends replicas as soon as one of them has answered one more call: others are still in flight.
async fn end_at_next_call(replicas: &[Replica]) {
    let before = admissions(replicas).await;
    // This polls without a pause, since the moment is short.
    let called = async { while admissions(replicas).await == before {} };
    timeout(LONG, called).await.unwrap_or_else(|_| panic!("no call within {LONG:?}: still {before} reviews"));
    replicas.iter().for_each(Replica::terminate);
}

/// The number of reviews that the replicas have answered together.
async fn admissions(replicas: &[Replica]) -> u64 {
    join_all(replicas.iter().map(Replica::admissions)).await.iter().sum()
}
