//! Runs the blocks of pages that need no running Pod.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::pods::{DEFAULT, held, owner, pod};
use crate::shop::Shop;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::pages::{block, file};
use crate::support::test_install::SHOP;

/// The exit code of `preview` if an object would change or be refused.
const FOUND: Option<i32> = Some(1);

/// README: the program is on the `PATH`, uses the settings of the Namespace, and its output can be applied.
pub(crate) async fn the_previews_of_the_readme(plane: Arc<ControlPlane>) {
    let Shop { install, terminal, .. } = &Shop::open(&plane, &[("ttl", "2h")]).await;
    let found = terminal.type_in(&(block("path") + "command -v boundtoken"));
    assert_eq!(found, format!("{}/target/release/boundtoken\n", terminal.directory().display()));
    terminal.write("deploy.yaml", &file("deploy.yaml"));
    let output = terminal.try_in(&(block("path") + &block("preview-with-namespace")));
    let difference = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), FOUND);
    assert!(difference.contains("\n+          expirationSeconds: 7200\n"), "{difference}");
    let applied = terminal.type_in(&(block("path") + &block("preview-applied")));
    assert_eq!(applied, "deployment.apps/web created\n");
    for pod in install.pods_of(SHOP, "web", 1).await {
        assert!(held(&pod).values().all(BTreeSet::is_empty), "{pod}");
    }
}

/// namespaces.md: a dry run changes nothing, and the restart after it bounds the listed tokens.
pub(crate) async fn a_namespace_is_rolled_out(plane: Arc<ControlPlane>) {
    let Shop { install, terminal, .. } = &Shop::open(&plane, &[]).await;
    terminal.type_in("kubectl label namespace shop boundtoken.dev/webhook-");
    terminal.type_in(&block("dry-run-first"));
    terminal.write("deploy.yaml", &file("deploy.yaml"));
    terminal.type_in("kubectl apply -f deploy.yaml");
    let pods = install.pods_of(SHOP, "web", 1).await;
    let name = pods[0]["metadata"]["name"].as_str().unwrap();
    let listed = terminal.type_in(&block("year-long-tokens"));
    assert!(listed.lines().any(|line| line == format!("shop/{name} 3607")), "{listed}");
    terminal.type_in(&block("dry-run-ended"));
    let bounded = BTreeSet::from([format!("{DEFAULT}/token - 3600")]);
    eventually("a Pod with an hour", async || {
        let pods = install.pods_of(SHOP, "web", 1).await;
        pods.iter().any(|pod| held(pod)["web"] == bounded).then_some(())
    })
    .await;
}

/// The message about a token of two hours in a Namespace that allows one.
const SENTENCE: &str = "boundtoken.dev/max-ttl: a token of 7200 s in the default token volume is not allowed: \
                        Namespace shop allows 3600 s (1h) (BT032)\n";

/// how-it-works.md, troubleshooting.md: `preview` predicts the messages of events and of a condition.
pub(crate) async fn where_a_refusal_shows(plane: Arc<ControlPlane>) {
    let terminal = &Shop::open(&plane, &[("max-ttl", "1h")]).await.terminal;
    let settings = [("ttl", "2h")];
    for (page, workload) in [
        (block("preview-of-a-deployment"), owner("Deployment", SHOP, "web", &settings)),
        (block("preview-of-a-pod"), pod(SHOP, "web", &settings)),
    ] {
        let file = page.rsplit(' ').next().unwrap().trim_end();
        terminal.write(file, &workload.to_string());
        let output = terminal.try_in(&(block("path") + &page));
        let expected = format!("{file}:1: refused: {SENTENCE}Pods: 1 would be refused\n");
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (FOUND, expected));
    }
    terminal.type_in("kubectl apply -f deploy.yaml");
    let denied = format!("admission webhook \"pods.boundtoken.dev\" denied the request: {SENTENCE}");
    eventually("an event and a condition", async || {
        // The last line is the condition.
        let printed = terminal.type_in(&block("refusals"));
        let both = printed.contains(&format!("Error creating: {denied}{denied}"));
        if both { Ok(()) } else { Err(printed) }
    })
    .await;
    let everywhere = terminal.type_in(&block("refusals-everywhere"));
    let ours = everywhere.lines().find(|line| line.starts_with("shop "));
    assert!(ours.is_some_and(|line| line.ends_with(denied.trim_end())), "{everywhere}");
}
