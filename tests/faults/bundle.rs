//! The `caBundle`, or the whole webhook configuration, is damaged and repaired within seconds.
//!
//! From the damage until API servers observe the repair they trust no certificate, so creates fail. The tests
//! measure for how long.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::time::{interval, sleep};

use crate::Faults;
use crate::damage::foreign;
use crate::installed::{Installed, Replica};
use crate::outage::Outage;
use crate::scene::{Scene, repair};
use crate::support::control_plane::eventually;
use crate::trust::published;

/// The bundle is emptied.
pub(crate) async fn wiped(faults: Arc<Faults>) {
    damaged(&faults, "bundle-wiped", &[], "", 1).await;
}

/// The bundle is overwritten with text that is no certificate.
pub(crate) async fn garbage(faults: Arc<Faults>) {
    damaged(&faults, "bundle-garbage", &[], "garbage", 1).await;
}

/// The bundle is overwritten with another CA, which is dropped once every replica could have requested it.
pub(crate) async fn foreign_authority(faults: Arc<Faults>) {
    let authority = foreign("other").0.certificate;
    damaged(&faults, "bundle-foreign", &["--tick=2", "--dwell=4"], &authority, 2).await;
}

async fn damaged(faults: &Faults, name: &str, more: &[&str], text: &str, writes: usize) {
    let scene = Scene::new(faults, name, more).await;
    let bundle = published(&scene.installed).await;
    let row = scene.through_outage(write(&scene.installed, text)).await;
    assert_eq!(published(&scene.installed).await, bundle);
    assert_eq!((scene.writes.secret(), scene.writes.configuration()), (0, writes));
    faults.report(row);
}

/// The bundle is overwritten ten times a second, as by a broken operator.
pub(crate) async fn overwritten_repeatedly(faults: Arc<Faults>) {
    let scene = Scene::new(&faults, "bundle-overwritten-repeatedly", &[]).await;
    let conflict = faults.size.damage.conflict;
    let (outage, took) = Outage::during(&scene.creator, async {
        let _ = tokio::time::timeout(conflict, keep_writing(&scene.installed)).await;
        let written = scene.writes.configuration();
        // Three writes at once, and then one every ten seconds.
        let most = 4 + usize::try_from(conflict.as_secs() / 10).unwrap();
        assert!((1..=most).contains(&written), "{}", scene.writes);
        repair("a bundle that is left alone", async || scene.settled().await).await
    })
    .await;
    // Ten seconds, with a margin for a busy machine.
    assert!(took < Duration::from_secs(20), "{took:?}");
    let ready = async || scene.replicas.iter().all(Replica::is_ready).then_some(());
    eventually("two ready replicas", ready).await;
    eventually("a create through each API server", async || {
        for api in scene.creator.apis() {
            scene.creator.dry_run(api).await?;
        }
        Ok::<_, String>(())
    })
    .await;
    let (row, ()) = scene.under_traffic(async {}).await;
    assert_eq!(scene.writes.secret(), 0);
    let (conflict, took) = (conflict.as_secs(), took.as_secs_f64());
    faults.report(row.noted(format!(
        "before that: {conflict} s of conflict, repaired {took:.1} s after it, {outage}; {}",
        scene.writes
    )));
}

async fn keep_writing(installed: &Installed) {
    let mut ticks = interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        write(installed, "").await;
    }
}

/// The configuration is deleted, so that no webhook is called, and then applied again from the manifest.
pub(crate) async fn configuration_deleted(faults: Arc<Faults>) {
    let scene = Scene::new(&faults, "configuration-deleted", &[]).await;
    let (installed, creator) = (&scene.installed, &scene.creator);
    let bundle = published(installed).await;
    let path = installed.configuration_path();
    installed.plane.api.delete(&path).await.ok().unwrap();
    for api in creator.apis() {
        eventually("an unchanged Pod", async || match creator.dry_run(api).await {
            Err(error) if error == "its tokens live [3607] seconds" => Ok(()),
            other => Err(other),
        })
        .await;
    }
    // Replicas stay ready without calls, as the probes show.
    sleep(Duration::from_secs(3)).await;
    assert!(scene.replicas.iter().all(Replica::is_ready));
    let row = scene
        .through_outage(async {
            let configuration = installed.manifest_of("MutatingWebhookConfiguration");
            installed.plane.api.create(&configuration).await.unwrap();
        })
        .await;
    assert_eq!(published(installed).await, bundle);
    assert_eq!((scene.writes.secret(), scene.writes.configuration()), (0, 1));
    faults.report(row);
}

/// Writes a `caBundle` as another client.
pub(crate) async fn write(installed: &Installed, text: &str) {
    let mut webhooks = installed.configuration().await["webhooks"].take();
    webhooks[0]["clientConfig"]["caBundle"] = STANDARD.encode(text).into();
    let change = json!({"webhooks": webhooks});
    installed.plane.api.patch(&installed.configuration_path(), &change).await.ok().unwrap();
}
