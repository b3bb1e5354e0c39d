//! The Namespaces of a real API server, as `boundtoken serve` observes them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::pods::{all_hold, held, pod};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{TestInstall, namespace_of, probe};

/// The number of Namespaces in a long list.
const MANY: u64 = 520;

/// The metric of the number of Namespaces that a replica knows.
const KNOWN: &str = "boundtoken_namespaces ";

/// The number of changes of one Namespace, and of clients that create Pods in it meanwhile.
const CHANGES: u64 = 100;
const OBSERVERS: usize = 2;

/// A list of several pages is read to its end.
pub(crate) async fn a_long_list(plane: Arc<ControlPlane>) {
    let ttl = |number: u64| format!("{}", 600 + number);
    let mut creates = JoinSet::new();
    for number in 0..MANY {
        let plane = Arc::clone(&plane);
        let namespace = namespace_of("paged", &format!("paged-{number:03}"), &[("ttl", &ttl(number))]);
        creates.spawn(async move { plane.api.create(&namespace).await.unwrap() });
    }
    creates.join_all().await;
    let install = TestInstall::start(&plane, "paged", &[("paged-probe", &[])]).await;
    eventually("every Namespace", async || {
        let metrics = install.serving.metrics().await;
        let known = value(&metrics, KNOWN);
        // Namespaces of other tests count as well.
        if known >= MANY { Ok(()) } else { Err(known) }
    })
    .await;
    // The API server lists Namespaces by name.
    for number in (0..MANY).step_by(40).chain([499, 500, 501, MANY - 1]) {
        let name = format!("paged-{number:03}");
        plane.wait_for_service_account(&name).await;
        let answer = install.dry_run(&pod(&name, "bare", &[])).await;
        let expected = format!("DEFAULT/token - {}", ttl(number));
        assert_eq!(held(&answer.body), all_hold(&[&expected]), "{name}: {answer:?}");
    }
}

/// Changes of a Namespace apply to its new Pods.
pub(crate) async fn a_namespace_that_changes(plane: Arc<ControlPlane>) {
    let name = "changing";
    let install =
        TestInstall::start(&plane, name, &[("changing-probe", &[]), (name, &[("ttl", "2h")])]).await;
    until_held(&install, name, &["DEFAULT/token - 7200"]).await;
    annotate(&plane, name, &json!({"annotations": {"boundtoken.dev/ttl": "30m"}})).await;
    until_held(&install, name, &["DEFAULT/token - 1800"]).await;
    annotate(&plane, name, &json!({"annotations": {"boundtoken.dev/ttl": null}})).await;
    until_held(&install, name, &["DEFAULT/token - 3600"]).await;

    annotate(&plane, name, &json!({"labels": {"boundtoken.dev/webhook": null}})).await;
    until_held(&install, name, &["DEFAULT/token - 3607"]).await;
    eventually("an API server that calls no more", async || {
        let before = install.admissions().await;
        until_held(&install, name, &["DEFAULT/token - 3607"]).await;
        (install.admissions().await == before).then_some(())
    })
    .await;
    annotate(&plane, name, &json!({"labels": {"boundtoken.dev/webhook": "enabled"}})).await;
    until_held(&install, name, &["DEFAULT/token - 3600"]).await;

    assert!(plane.api.delete(&format!("/api/v1/namespaces/{name}")).await.ok().is_ok());
    eventually("a Namespace that is gone", async || {
        plane.api.get(&format!("/api/v1/namespaces/{name}")).await.err()
    })
    .await;
    // The settings of the deleted Namespace of this name no longer apply.
    let again = namespace_of(name, name, &[("mode", "disable")]);
    install.create(&again).await.unwrap();
    plane.wait_for_service_account(name).await;
    until_held(&install, name, &[]).await;
}

/// Once a Pod got newer settings, no later Pod of the same client gets older ones.
pub(crate) async fn settings_that_change_all_the_time(plane: Arc<ControlPlane>) {
    let name = "restless";
    let install = TestInstall::start(&plane, name, &[(name, &[("ttl", "10000")])]).await;
    until_held(&install, name, &["DEFAULT/token - 10000"]).await;
    let last = 10_000 + CHANGES;
    let mut observers = JoinSet::new();
    for _ in 0..OBSERVERS {
        observers.spawn(observe_until(Arc::clone(&plane), name, last));
    }
    for ttl in 10_001..=last {
        annotate(&plane, name, &json!({"annotations": {"boundtoken.dev/ttl": ttl.to_string()}})).await;
        eventually("the newer settings", async || {
            let got = lifetime(&plane, name).await;
            assert!([ttl - 1, ttl].contains(&got), "{got} after {ttl} was written");
            (got == ttl).then_some(())
        })
        .await;
    }
    observers.join_all().await;
}

/// Creates Pods one after the other until one has the last settings. None may have older settings than its
/// predecessor.
async fn observe_until(plane: Arc<ControlPlane>, namespace: &'static str, last: u64) {
    let mut before = 0;
    while before != last {
        let got = lifetime(&plane, namespace).await;
        assert!(got >= before, "{got} after {before}");
        before = got;
    }
}

/// The lifetime that the default token of a Pod would get, in seconds.
async fn lifetime(plane: &ControlPlane, namespace: &str) -> u64 {
    let pod = probe(plane, namespace).await.ok().unwrap();
    let sources = &pod["spec"]["volumes"][0]["projected"]["sources"];
    sources[0]["serviceAccountToken"]["expirationSeconds"].as_u64().unwrap()
}

/// An invalid Namespace rejects its Pods until it is corrected.
pub(crate) async fn a_namespace_with_a_mistake(plane: Arc<ControlPlane>) {
    let name = "mistaken";
    let install = TestInstall::start(&plane, name, &[("mistaken-probe", &[]), (name, &[])]).await;
    until_held(&install, name, &["DEFAULT/token - 3600"]).await;
    annotate(&plane, name, &json!({"annotations": {"boundtoken.dev/ttl": "a while"}})).await;
    let refusal = eventually("a refusal", async || {
        let answer = install.dry_run(&pod(name, "bare", &[])).await;
        if answer.code == 422 { Ok(answer) } else { Err(answer) }
    })
    .await;
    let message = refusal.message();
    for part in ["denied the request", "boundtoken.dev/ttl", name] {
        assert!(message.contains(part), "{message}");
    }
    annotate(&plane, name, &json!({"annotations": {"boundtoken.dev/ttl": "1h"}})).await;
    until_held(&install, name, &["DEFAULT/token - 3600"]).await;
}

/// Sends a merge patch for the metadata of a Namespace.
pub(crate) async fn annotate(plane: &ControlPlane, name: &str, metadata: &Value) {
    let path = format!("/api/v1/namespaces/{name}");
    plane.api.patch(&path, &json!({"metadata": metadata})).await.ok().unwrap();
}

/// Waits until each container of a Pod would get these tokens.
async fn until_held(install: &TestInstall, namespace: &str, files: &[&str]) {
    let expected = all_hold(files);
    eventually(&format!("{files:?} in {namespace}"), async || {
        let answer = install.dry_run(&pod(namespace, "bare", &[])).await;
        if answer.code == 201 && held(&answer.body) == expected { Ok(()) } else { Err(answer) }
    })
    .await;
}

/// The value of a metric.
fn value(metrics: &str, start: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(start));
    line.unwrap_or_else(|| panic!("no {start}in\n{metrics}")).parse().unwrap()
}
