//! One network attacks a replica at full force, while an API server with another address creates Pods: none fails, 99 of
//! 100 take less than a second, and the replica stays below the memory limit of the manifests.

mod attack;
mod attacker;
mod bodies;
mod memory;
mod poisoned;
mod random;
mod target;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Faults;
use crate::installed::machine_address;
use attacker::Way;
use bodies::endless_name;
pub(crate) use poisoned::a_poisoned_namespace;
pub(crate) use random::a_thousand_random_attackers;
use target::Target;

/// The connections of an attack, more than the server accepts in all.
const MANY: usize = 560;

/// Idle connections that are used each second fill all places, and 500 new ones a second make room.
pub(crate) async fn used_and_silent_connections(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-used").await;
    let row = target
        .attacked(faults.size.attack, |attack| {
            attack.add(511, &target.attacker(), Way::Used);
            attack.add(500, &target.attacker(), Way::Silent);
        })
        .await;
    faults.report(row);
}

/// Bodies that are parsed one at a time.
pub(crate) async fn costly_bodies(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-costly").await;
    let attack = |attack: &attack::Attack| attack.add(MANY, &target.attacker(), Way::Costly);
    faults.report(target.attacked(faults.size.attack, attack).await);
}

/// Answers of less than 64 KiB that are not read, beside bodies that list millions of names.
pub(crate) async fn clients_that_do_not_read(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-deaf").await;
    let row = target
        .attacked(faults.size.attack, |attack| {
            attack.add(MANY, &target.attacker(), Way::Deaf);
            attack.add(4, &target.attacker(), Way::Names);
        })
        .await;
    faults.report(row);
}

/// Five bodies hold all the memory, while Pods of 100 kB are created.
pub(crate) async fn bodies_that_stall(faults: Arc<Faults>) {
    let target = Target::padded(100_000, &faults, "attack-stalled").await;
    let attack = |attack: &attack::Attack| attack.add(5, &target.attacker(), Way::Stalled);
    faults.report(target.attacked(faults.size.attack, attack).await);
}

/// The largest bodies, with one name in every finding.
pub(crate) async fn endless_names(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-endless").await;
    let attack = |attack: &attack::Attack| attack.add(8, &target.attacker(), Way::Endless);
    faults.report(target.attacked(faults.size.attack, attack).await);
}

/// A tenant creates Pods with an endless name through the API server.
pub(crate) async fn pods_of_a_tenant(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-tenant").await;
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "endless"},
        "spec": {"containers": [{"image": "app"}]},
    });
    endless_name(&mut pod["spec"]["containers"][0], &"é".repeat(680_000));
    let volume = json!({"name": "kube-api-access-abcde", "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    ]}});
    pod["spec"]["volumes"] = json!([volume]);
    let (api, path, before) = (faults.plane.api.clone(), target.pods().to_owned(), target.reviews().await);
    let tenant = tokio::spawn(async move {
        loop {
            let answer = api.post(&path, &pod).await;
            assert!((400..500).contains(&answer.code) || answer.code == 504, "{answer:?}");
        }
    });
    let row = target.attacked(faults.size.attack, |_| ()).await;
    tenant.abort();
    assert!(tenant.await.unwrap_err().is_cancelled());
    assert!(target.reviews().await > before + u64::try_from(row.creates()).unwrap(), "the webhook saw them");
    faults.report(row);
}

/// The admin port is attacked, and the probes that decide whether API servers call the replica succeed.
pub(crate) async fn the_admin_port(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-admin").await;
    let row = target
        .attacked(faults.size.attack, |attack| {
            for way in [Way::Silent, Way::Used, Way::SlowHead, Way::Pipelining, Way::Deaf, Way::Resetting] {
                attack.add(40, &target.admin_attacker(), way);
            }
        })
        .await;
    faults.report(row);
}

/// Handshakes as fast as possible, each with a new session.
pub(crate) async fn handshakes(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-handshakes").await;
    let row = target
        .attacked(faults.size.attack, |attack| {
            attack.add(100, &target.attacker(), Way::Handshake);
            attack.add(100, &target.attacker(), Way::Resetting);
        })
        .await;
    faults.report(row);
}

/// Attackers that share the address of the API server share its connections as well, so that creates may fail.
pub(crate) async fn control_from_the_address_of_the_api_server(faults: Arc<Faults>) {
    let target = Target::start(&faults, "attack-control").await;
    let own = attacker::Attacker { from: machine_address().unwrap(), ..target.attacker() };
    let began = Instant::now();
    let row = loop {
        let row = target
            .measured(faults.size.attack, |attack| {
                attack.add(511, &own, Way::Used);
                attack.add(500, &own, Way::Silent);
            })
            .await;
        if row.has_failures() || began.elapsed() > faults.size.attack * 6 {
            break row;
        }
    };
    row.assert_failures("failed calling webhook");
    faults.report(row);
}

/// A part of the patch in an answer.
fn patch_of(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let patch = answer["response"]["patch"].as_str().unwrap_or_default();
    let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, patch);
    String::from_utf8(patch.unwrap_or_default()).unwrap_or_default()
}
