//! The blocks of docs/operate/emergency.md, run unchanged, most of them while the webhook is down.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::pods::{DEFAULT, all_hold, held, pod};
use crate::shop::{Shop, Terminal};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::guard::guard;
use crate::support::pages::{block, file};
use crate::support::test_install::SHOP;

/// Each block admits or rejects Pods, as the probe shows, even while the webhook is down.
pub(crate) async fn the_card_works_while_the_webhook_is_down(plane: Arc<ControlPlane>) {
    let shop = Shop::open(&plane, &[]).await;
    until(&shop.terminal, "3600").await;
    let shop = shop
        .without_webhook(async |terminal| {
            until(terminal, REFUSED).await;
            for (opens, closes) in [
                (block("pause-one"), block("resume-one")),
                (block("pause-all"), block("resume-all")),
                (block("open"), block("close")),
            ] {
                terminal.type_in(&opens);
                until(terminal, "3607").await;
                terminal.type_in(&closes);
                until(terminal, REFUSED).await;
            }
            let again = terminal.try_in(&block("resume-all"));
            let said = String::from_utf8(again.stderr).unwrap();
            assert!(
                said.contains("the server rejected our request due to an error in our request"),
                "{said}"
            );
        })
        .await;
    until(&shop.terminal, "3600").await;
}

/// The guard refuses what an open webhook admits, until its block turns it into a warning.
pub(crate) async fn the_guard_is_opened_and_closed(plane: Arc<ControlPlane>) {
    let shop = Shop::open(&plane, &[]).await;
    guard(&plane, SHOP).await;
    let shop = shop
        .without_webhook(async |terminal| {
            until(terminal, REFUSED).await;
            terminal.type_in(&block("open"));
            until_printed(terminal, "'boundtoken-guard' denied request").await;
            terminal.type_in(&block("guard-open"));
            until_printed(terminal, "3607\nWarning: Validation failed").await;
            terminal.type_in(&block("guard-close"));
            until_printed(terminal, "'boundtoken-guard' denied request").await;
            terminal.type_in(&block("close"));
            until(terminal, REFUSED).await;
        })
        .await;
    until(&shop.terminal, "3600").await;
}

/// One Pod is admitted while the webhook is down, and the Namespace stays protected afterwards.
pub(crate) async fn one_pod_while_the_webhook_is_down(plane: Arc<ControlPlane>) {
    let shop = Shop::open(&plane, &[]).await;
    shop.terminal.write("pod.yaml", &pod(SHOP, "urgent", &[]).to_string());
    let shop = shop
        .without_webhook(async |terminal| {
            until(terminal, REFUSED).await;
            terminal.type_in(&block("one-pod"));
            until(terminal, REFUSED).await;
        })
        .await;
    let stored = plane.api.get("/api/v1/namespaces/shop/pods/urgent").await.unwrap();
    assert_eq!(held(&stored), all_hold(&["DEFAULT/token - 3607"]));
    until(&shop.terminal, "3600").await;
}

/// The Pods that were created during a pause are listed and restarted.
pub(crate) async fn pods_created_during_a_pause_keep_their_token(plane: Arc<ControlPlane>) {
    let Shop { install, terminal, .. } = &Shop::open(&plane, &[]).await;
    terminal.type_in(&block("pause-one"));
    until(terminal, "3607").await;
    terminal.write("deploy.yaml", &file("deploy.yaml"));
    terminal.type_in("kubectl apply -f deploy.yaml");
    let paused = install.pods_of(SHOP, "web", 1).await;
    let name = paused[0]["metadata"]["name"].as_str().unwrap();
    terminal.type_in(&block("resume-one"));
    until(terminal, "3600").await;
    assert_eq!(terminal.type_in(&block("list-after-a-pause")), format!("{name} 3607\n"));
    assert_eq!(terminal.type_in(&block("restart-after-a-pause")), "deployment.apps/web restarted\n");
    eventually("a new Pod", async || {
        let pods = install.pods_of(SHOP, "web", 1).await;
        let bounded = BTreeSet::from([format!("{DEFAULT}/token - 3600")]);
        pods.iter().any(|pod| held(pod)["web"] == bounded).then_some(())
    })
    .await;
}

/// The error of the API server about an unreachable webhook.
const REFUSED: &str = "failed calling webhook";

/// Waits until the probe of the page prints this, and nothing else unless it is [`REFUSED`].
async fn until(terminal: &Terminal, expected: &str) {
    wait(terminal, expected, |printed| {
        printed.trim() == expected || expected == REFUSED && printed.contains(REFUSED)
    })
    .await;
}

/// Waits until the output of the probe of the page contains this.
async fn until_printed(terminal: &Terminal, expected: &str) {
    wait(terminal, expected, |printed| printed.contains(expected)).await;
}

async fn wait(terminal: &Terminal, expected: &str, is_expected: impl Fn(&str) -> bool) {
    let probe = block("probe");
    eventually(&format!("{expected:?} from the probe"), async || {
        let output = terminal.try_in(&probe);
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        if is_expected(&printed) { Ok(()) } else { Err(printed) }
    })
    .await;
}
