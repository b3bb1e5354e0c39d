//! The manifests are applied again: nothing changes. They replace what is there: it is put right.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::sleep;

use crate::Faults;
use crate::installed::Installed;
use crate::outage::Outage;
use crate::scene::{SOON, Scene, repair};

pub(crate) async fn again_by_kubectl(faults: Arc<Faults>) {
    again(&faults, "applied-again", &[]).await;
}

pub(crate) async fn again_by_the_api_server(faults: Arc<Faults>) {
    again(&faults, "applied-again-server-side", &["--server-side"]).await;
}

/// Twice, since the first time kubectl or the API server notes what was applied.
async fn again(faults: &Faults, name: &str, more: &[&str]) {
    let scene = Scene::new(faults, name, &[]).await;
    let before = contents(&scene.installed).await;
    let (row, ()) = scene
        .under_traffic(async {
            for _ in 0..2 {
                scene.installed.apply(more);
                assert_eq!(contents(&scene.installed).await, before);
            }
        })
        .await;
    assert_eq!(contents(&scene.installed).await, before);
    assert_eq!((scene.writes.secret(), scene.writes.configuration()), (0, 0));
    faults.report(row.noted(scene.writes.to_string()));
}

/// The webhooks and their generation, the owners, and what the Secret holds.
async fn contents(installed: &Installed) -> [Value; 4] {
    let (mut secret, mut configuration) = (installed.secret().await, installed.configuration().await);
    let metadata = &mut configuration["metadata"];
    let (generation, owners) = (metadata["generation"].take(), metadata["ownerReferences"].take());
    assert!(owners.is_array() && secret["data"].is_object());
    [configuration["webhooks"].take(), generation, owners, secret["data"].take()]
}

/// What is replaced lacks the `caBundle`, the owner and every certificate.
pub(crate) async fn replaced(faults: Arc<Faults>) {
    let scene = Scene::new(&faults, "replaced", &[]).await;
    let [webhooks, _, owners, data] = contents(&scene.installed).await;
    let (outage, took) = Outage::during(&scene.creator, async {
        scene.installed.kubectl(&["replace", "-f", "-"], &scene.installed.manifest());
        let took = repair("a bundle that verifies", async || scene.settled().await).await;
        sleep(SOON * 3 / 2).await;
        took
    })
    .await;
    let (row, ()) = scene.under_traffic(async {}).await;
    let [webhooks_now, _, owners_now, data_now] = contents(&scene.installed).await;
    assert_eq!((webhooks_now, owners_now, data_now), (webhooks, owners, data));
    assert_eq!((scene.writes.secret(), scene.writes.configuration()), (1, 1));
    let took = took.as_secs_f64();
    let row = row.noted(format!("before that: repaired after {took:.2} s, {outage}; {}", scene.writes));
    assert!(took < SOON.as_secs_f64() && outage.lasted() < SOON, "{row} {outage:?}");
    faults.report(row);
}
