//! docs/operate/guard.md: the manifests of the guard, applied and deleted as the page says, and together with the base.

use std::sync::Arc;

use serde_json::Value;

use crate::shop::{Terminal, alone};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::pages::block;
use crate::support::test_install::{SHOP, namespace_of, probe};

/// A clone of the repository in which webhook and guard select the Namespace of this test only.
pub(crate) fn clone_of_the_manifests(plane: &ControlPlane) -> Terminal {
    let terminal = Terminal::of(plane);
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    terminal.type_in(&format!("cp -r {manifests} ."));
    let restricted = r"s|^( *)boundtoken.dev/webhook: enabled$|&\n\1install: shop|";
    let files = "manifests/base/webhook.yaml manifests/guard/policy.yaml";
    terminal.type_in(&format!("sed -E -i '{restricted}' {files}"));
    assert_eq!(terminal.type_in(&format!("grep -c 'install: shop' {files} | cut -d: -f2")), "1\n1\n");
    terminal
}

/// In both orders, base and guard refuse a Pod while they are installed, and leave nothing that refuses one.
pub(crate) async fn applied_and_removed_in_any_order(plane: Arc<ControlPlane>) {
    const BASE: (&str, &str) = ("kubectl apply -k manifests", "kubectl delete -k manifests");
    let _alone = alone(&plane).await;
    let terminal = clone_of_the_manifests(&plane);
    plane.api.create(&namespace_of(SHOP, SHOP, &[])).await.unwrap();
    plane.wait_for_service_account(SHOP).await;
    let (apply, delete) = (block("guard"), block("guard-removed"));
    let guard = (apply.as_str(), delete.as_str());
    for [first, second] in [[BASE, guard], [guard, BASE]] {
        terminal.type_in(first.0);
        terminal.type_in(second.0);
        // No replica runs here, so the webhook refuses before the guard can.
        until(&plane, "failed calling webhook").await;
        terminal.type_in(first.1);
        until(&plane, if first == BASE { "'boundtoken-guard'" } else { "failed calling webhook" }).await;
        terminal.type_in(second.1);
        eventually("a Pod", async || {
            let answer = probe(&plane, SHOP).await;
            if answer.code == 201 { Ok(()) } else { Err(answer) }
        })
        .await;
        for kind in [
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        ] {
            let path = format!(
                "/apis/admissionregistration.k8s.io/v1/{kind}?labelSelector=app.kubernetes.io/name=boundtoken"
            );
            assert_eq!(plane.api.list(&path).await, [Value::Null; 0], "{kind}");
        }
    }
}

/// The trial admits, the guard refuses, and a second apply of either switches.
pub(crate) async fn a_trial_becomes_the_guard(plane: Arc<ControlPlane>) {
    let _alone = alone(&plane).await;
    let terminal = clone_of_the_manifests(&plane);
    plane.api.create(&namespace_of(SHOP, SHOP, &[])).await.unwrap();
    plane.wait_for_service_account(SHOP).await;
    for _ in 0..2 {
        terminal.type_in(&block("guard-trial"));
        eventually("a warning", async || {
            let answer = probe(&plane, SHOP).await;
            let warns = answer.warnings.iter().any(|warning| warning.contains("'boundtoken-guard'"));
            if answer.code == 201 && warns { Ok(()) } else { Err(answer) }
        })
        .await;
        terminal.type_in(&block("guard"));
        until(&plane, "'boundtoken-guard'").await;
    }
    let metrics = plane.api.text("/metrics").await;
    for action in ["audit", "deny", "warn"] {
        let counted = metrics.lines().any(|line| {
            line.starts_with("apiserver_validating_admission_policy_check_total{")
                && line.contains(&format!("enforcement_action=\"{action}\""))
                && line.contains("policy=\"boundtoken-guard\"")
        });
        assert!(counted, "{action} is not counted");
    }
    terminal.type_in(&block("guard-removed"));
}

/// Waits until a Pod is refused with a text.
pub(crate) async fn until(plane: &ControlPlane, refusal: &str) {
    eventually(refusal, async || {
        let answer = probe(plane, SHOP).await;
        if answer.code >= 400 && answer.message().contains(refusal) { Ok(()) } else { Err(answer) }
    })
    .await;
}
