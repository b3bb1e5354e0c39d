//! The manifests are applied again, and nothing changes; or they replace the objects, which are then
//! repaired.

use std::sync::Arc;

use serde_json::Value;

use crate::Faults;
use crate::installed::Installed;
use crate::scene::Scene;

pub(crate) async fn again_by_kubectl(faults: Arc<Faults>) {
    again(&faults, "applied-again", &[]).await;
}

pub(crate) async fn again_by_the_api_server(faults: Arc<Faults>) {
    again(&faults, "applied-again-server-side", &["--server-side"]).await;
}

/// Applies them twice, since the first time kubectl or the API server records what was applied.
async fn again(faults: &Faults, name: &str, more: &[&str]) {
    let scene = Scene::new(faults, name, &[]).await;
    let before = contents(&scene.installed).await;
    let (row, ()) = scene
        .under_traffic(async {
            for _ in 0..2 {
                scene.installed.apply(more);
                assert!(contents(&scene.installed).await == before);
            }
        })
        .await;
    assert!(contents(&scene.installed).await == before);
    assert_eq!((scene.writes.secret(), scene.writes.configuration()), (0, 0));
    faults.report(row.noted(scene.writes.to_string()));
}

/// The webhooks and their generation, the owners, and the data of the Secret.
async fn contents(installed: &Installed) -> [Value; 4] {
    let (mut secret, mut configuration) = (installed.secret().await, installed.configuration().await);
    let metadata = &mut configuration["metadata"];
    let (generation, owners) = (metadata["generation"].take(), metadata["ownerReferences"].take());
    assert!(owners.is_array() && secret["data"].is_object());
    [configuration["webhooks"].take(), generation, owners, secret["data"].take()]
}

/// The new objects lack the `caBundle`, the owner and every certificate.
pub(crate) async fn replaced(faults: Arc<Faults>) {
    let scene = Scene::new(&faults, "replaced", &[]).await;
    let [webhooks, _, owners, data] = contents(&scene.installed).await;
    let row = scene
        .through_outage(async {
            scene.installed.kubectl(&["replace", "-f", "-"], &scene.installed.manifest());
        })
        .await;
    let [webhooks_now, _, owners_now, data_now] = contents(&scene.installed).await;
    // Not `assert_eq!`, which would print private keys.
    assert!((webhooks_now, owners_now, data_now) == (webhooks, owners, data));
    assert_eq!((scene.writes.secret(), scene.writes.configuration()), (1, 1));
    faults.report(row);
}
