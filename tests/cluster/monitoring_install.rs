//! Base, guard and monitoring, applied and deleted in any order.

use std::sync::Arc;

use serde_json::Value;

use crate::guard_install::{clone_of_the_manifests, until};
use crate::shop::{Terminal, alone};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{SHOP, namespace_of, probe};

const DEFINITIONS: &str = include_str!("../monitoring/definitions.yaml");

const BASE: &str = "manifests";
const GUARD: &str = "manifests/guard";
const MONITORING: &str = "manifests/monitoring";

/// In each order, Pods are refused while the three are installed, and admitted after they are deleted in that order.
///
/// The monitoring needs the Namespace of the base. Before, its command fails and changes nothing.
pub(crate) async fn applied_and_removed_in_any_order(plane: Arc<ControlPlane>) {
    let _alone = alone(&plane).await;
    let terminal = clone_of_the_manifests(&plane);
    define_kinds(&plane).await;
    plane.api.create(&namespace_of(SHOP, SHOP, &[])).await.unwrap();
    plane.wait_for_service_account(SHOP).await;
    for order in [[MONITORING, BASE, GUARD], [BASE, MONITORING, GUARD], [GUARD, BASE, MONITORING]] {
        apply(&plane, &terminal, order).await;
        // No replica runs here, so the webhook refuses.
        until(&plane, "failed calling webhook").await;
        for kustomization in order {
            terminal.type_in(&format!("kubectl delete --ignore-not-found -k {kustomization}"));
        }
        eventually("a Pod", async || {
            let answer = probe(&plane, SHOP).await;
            if answer.code == 201 { Ok(()) } else { Err(answer) }
        })
        .await;
        assert_nothing_left(&plane, &terminal).await;
    }
}

async fn define_kinds(plane: &ControlPlane) {
    for definition in DEFINITIONS.split("\n---\n") {
        let definition: Value = serde_saphyr::from_str(definition).unwrap();
        plane.api.create(&definition).await.unwrap();
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap();
        let path = format!("/apis/monitoring.coreos.com/v1/{plural}");
        eventually("a kind that is served", async || plane.api.get(&path).await).await;
    }
}

async fn apply(plane: &ControlPlane, terminal: &Terminal, order: [&str; 3]) {
    for kustomization in order {
        let apply = format!("kubectl apply -k {kustomization}");
        if kustomization == MONITORING && plane.api.gone("/api/v1/namespaces/boundtoken").await.is_ok() {
            let output = terminal.try_in(&apply);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(stderr.contains("namespaces \"boundtoken\" not found"), "{stderr}");
            assert_eq!(output.stdout, b"");
        } else {
            terminal.type_in(&apply);
        }
    }
    // Until the API server knows new kinds everywhere, and to prove that a second apply mends a first that failed.
    terminal.type_in(&format!("kubectl apply -k {MONITORING}"));
    let dashboards = "/api/v1/namespaces/boundtoken/configmaps?labelSelector=grafana_dashboard=1";
    assert_eq!(plane.api.list(dashboards).await.len(), 1);
}

async fn assert_nothing_left(plane: &ControlPlane, terminal: &Terminal) {
    plane.api.gone("/api/v1/namespaces/boundtoken").await.unwrap();
    let kinds = "mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,\
                 clusterroles,clusterrolebindings,podmonitors,prometheusrules";
    let left = terminal
        .type_in(&format!("kubectl get -A -o name -l app.kubernetes.io/name=boundtoken {kinds} 2>/dev/null"));
    assert_eq!(left, "");
}
