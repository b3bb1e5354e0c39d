//! A second API server that observes a new `caBundle` half a minute after the first one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::Faults;
use crate::installed::{Installed, Replica};
use crate::rolling::two;
use crate::rotation::{force_new_key, wait_for_new_key};
use crate::support::control_plane::{Api, eventually};
use crate::table::{Measuring, Row};
use crate::traffic::{Creator, Traffic};

const LAG: Duration = Duration::from_secs(30);

/// The number of concurrent calls in a burst when every connection is new.
const MANY: usize = 40;

/// An install, with its traffic through both API servers.
struct Case<'a> {
    installed: &'a Installed,
    replicas: [Replica; 2],
    arguments: &'a [&'a str],
    creator: Creator,
    measuring: Measuring<'a>,
    traffic: Traffic,
    /// The Secret's data, and the configuration.
    before: (Value, Value),
}

/// A new key is forced in two installs: one with a dwell time above the lag, the other with one below.
pub(crate) async fn new_key(faults: Arc<Faults>) {
    for number in 0..faults.size.lagging {
        new_key_during_lag(&faults, number).await;
    }
}

async fn new_key_during_lag(faults: &Faults, number: usize) {
    let names = [format!("lag-{number}-below-dwell"), format!("lag-{number}-above-dwell-control")];
    let [patient, hasty] = names.each_ref().map(|name| Installed::new(&faults.plane, name));
    let (patient, hasty) = tokio::join!(patient, hasty);
    let (mut patient, mut hasty) = tokio::join!(
        Case::start(faults, &patient, &["--dwell=40", "--tick=8"]),
        Case::start(faults, &hasty, &["--dwell=4", "--tick=4"])
    );
    for case in [&patient, &hasty] {
        case.wait_until_seen_by(&faults.other, |bundle, before| bundle == before).await;
    }
    faults.etcd_proxy.hold();
    let held = Instant::now();
    for case in [&patient, &hasty] {
        force_new_key(case.installed).await;
        case.wait_until_seen_by(&faults.plane.api, |bundle, before| bundle != before).await;
    }
    hasty.serve_under_new_key().await;
    sleep_until(held + LAG).await;
    for case in [&patient, &hasty] {
        assert_eq!(case.seen_by(&faults.other).await, case.before.1, "this API server should not know yet");
    }
    faults.etcd_proxy.release();
    patient.serve_under_new_key().await;
    let (patient, hasty) = (patient.end().await, hasty.end().await);
    patient.assert_zero();
    hasty.assert_failures("x509: certificate signed by unknown authority");
    faults.report(patient);
    faults.report(hasty);
}

impl<'a> Case<'a> {
    async fn start(faults: &'a Faults, installed: &'a Installed, arguments: &'a [&'a str]) -> Self {
        let replicas = two(installed, arguments).await;
        let creator = Creator::new(installed, &faults.apis()).await;
        let measuring = Measuring::start(&installed.name, installed, &faults.apis()).await;
        let traffic = creator.start(faults.size.rate);
        let before = (installed.secret().await["data"].take(), installed.configuration().await);
        Self { installed, replicas, arguments, creator, measuring, traffic, before }
    }

    /// Waits for the new key, and restarts the replicas, so that every connection is a new one.
    async fn serve_under_new_key(&mut self) {
        wait_for_new_key(self.installed, &self.before.0).await;
        let new = two(self.installed, self.arguments).await;
        for old in std::mem::replace(&mut self.replicas, new) {
            old.terminate();
            tokio::spawn(old.end());
        }
        self.creator.burst(MANY).await;
    }

    async fn end(self) -> Row {
        self.traffic.stop().await;
        self.measuring.finish(&self.creator).await
    }

    /// The configuration in the cache of an API server, which decides what it trusts.
    async fn seen_by(&self, api: &Api) -> Value {
        api.get(&format!("{}?resourceVersion=0", self.installed.configuration_path())).await.unwrap()
    }

    /// Waits until a comparison of the current `caBundle` with the previous one succeeds.
    async fn wait_until_seen_by(&self, api: &Api, compares: impl Fn(&Value, &Value) -> bool) {
        let bundle = |configuration: &Value| configuration["webhooks"][0]["clientConfig"]["caBundle"].clone();
        eventually("an API server that sees the caBundle", async || {
            compares(&bundle(&self.seen_by(api).await), &bundle(&self.before.1)).then_some(())
        })
        .await;
    }
}
