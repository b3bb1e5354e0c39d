//! The Helm chart on a node: a release is installed, tested, upgraded, rolled back and uninstalled while Pods are created.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::install::wait_until_ready;
use crate::node::run;
use crate::support::control_plane::{eventually, programs};
use crate::support::pages::block;
use crate::tokens::assert_a_label_matters;
use crate::traffic::{Traffic, create};
use crate::uninstall::assert_leaves;

/// Types the blocks of docs/roll-out/helm.md. No Pod is refused, and nothing is left.
pub(crate) async fn a_release_under_load(cluster: Arc<Cluster>) {
    let Ok(helm) = programs::find(&["helm"]) else { return };
    copy_chart(cluster.workplace());
    // Earlier tests leave the install, or what an uninstall by Namespace leaves.
    cluster.shell("kubectl delete --ignore-not-found -k manifests");
    let with_helm = |script: String| format!("PATH={}:$PATH\n{script}", helm.display());
    cluster.shell(&with_helm(block("helm-install")));
    wait_until_ready(&cluster, 2).await;
    assert_a_label_matters(&cluster, "helm").await;
    println!("{}", cluster.shell(&with_helm(block("helm-test"))));
    let labelled = cluster.name("helm-set");
    let traffic = Traffic::start(&cluster.api, &labelled);
    cluster.shell(&with_helm(block("helm-upgrade")));
    until_lifetime(&cluster, &labelled, 7200).await;
    cluster.shell(&with_helm(block("helm-rollback")));
    until_lifetime(&cluster, &labelled, 3600).await;
    let creates = traffic.end().await;
    let refused: Vec<_> = creates.iter().filter_map(|create| create.outcome.as_ref().err()).collect();
    println!("helm upgrade, helm rollback: {} of {} Pods refused", refused.len(), creates.len());
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(assert_leaves(&cluster, "helm", &with_helm(block("helm-uninstall")), &[]).await, 0);
}

/// Waits until the token of a new Pod lives this long, in seconds: a replica that ends serves for a while.
async fn until_lifetime(cluster: &Cluster, namespace: &str, expected: u64) {
    eventually("a token with the new lifetime", async || {
        let pod = create(&cluster.api, namespace).await.outcome?;
        let sources = &pod["spec"]["volumes"][0]["projected"]["sources"];
        let lifetime = &sources[0]["serviceAccountToken"]["expirationSeconds"];
        if *lifetime == expected { Ok(()) } else { Err(lifetime.to_string()) }
    })
    .await;
}

fn copy_chart(workplace: &Path) {
    let charts = concat!(env!("CARGO_MANIFEST_DIR"), "/charts");
    run(Command::new("cp").args(["-r", charts]).arg(workplace));
}
