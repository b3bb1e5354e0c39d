//! check.md on a real node: an install is healthy, and faults that need running replicas are found, and mended by the
//! commands that `boundtoken check` prints.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::certificates::{Ca, Pem, Validity};
use boundtoken::clock;
use serde_json::{Value, json};
use time::Duration;

use crate::cluster::Cluster;
use crate::install::replicas;
use crate::pages::open_labelled_shop;
use crate::support::control_plane::eventually;
use crate::support::pages::console;

/// Every check is fine right after an install, in few seconds, as the pages show.
pub(crate) async fn assert_healthy(cluster: &Cluster) {
    found(cluster, "a healthy installation", &[], &[]).await;
    let start = Instant::now();
    cluster.type_console(&console("check-short"));
    println!("boundtoken check: {:.1?}", start.elapsed());
    cluster.type_console(&console("check-healthy"));
}

/// Labelled Namespaces of earlier tests are no part of an install.
pub(crate) fn remove_other_namespaces(cluster: &Cluster) {
    cluster.shell("kubectl delete namespaces --wait=false -l boundtoken.dev/webhook");
}

/// Each fault is found by its own check, no check without a relation to it finds anything, and the printed command mends
/// it.
pub(crate) async fn faults_of_the_node(cluster: Arc<Cluster>) {
    // It has to be gone before it is created again.
    cluster.shell("kubectl delete namespace shop --ignore-not-found");
    remove_other_namespaces(&cluster);
    open_labelled_shop(&cluster).await;
    cluster.shell("kubectl -n shop rollout restart deployment web");
    cluster.shell("kubectl -n shop rollout status deployment web");
    found(&cluster, "a healthy installation", &[], &[]).await;
    unreachable_kubelet(&cluster).await;
    closed_port(&cluster).await;
    for (id, fault, also, remedy) in faults() {
        cluster.shell(fault);
        let command = eventually("the remedy", async || {
            let faults = found(&cluster, fault, &[id], also).await;
            let command = command(&faults, id).to_owned();
            if command.contains(remedy) { Ok(command) } else { Err(command) }
        })
        .await;
        cluster.shell(&command);
        found(&cluster, &command, &[], &[]).await;
    }
    bundles(&cluster).await;
}

/// The check that finds a fault, the command that makes it, the checks that may show its effect, and a part of the
/// command that mends it. API servers keep connections for a while, so the effect is not seen at once.
fn faults() -> [(&'static str, &'static str, &'static [&'static str], &'static str); 3] {
    [
        // A replica with this image never starts, and those before it stay.
        (
            "replicas-image",
            "kubectl -n boundtoken set image deployment boundtoken boundtoken=boundtoken:none",
            &[],
            "rollout undo",
        ),
        (
            "replicas-service",
            "kubectl -n boundtoken patch service boundtoken --type=json \
             -p '[{\"op\": \"replace\", \"path\": \"/spec/ports/0/targetPort\", \"value\": \"admin\"}]'",
            &["proof-inside"],
            "kubectl",
        ),
        (
            "replicas-ready",
            "kubectl -n boundtoken scale deployment boundtoken --replicas=0",
            &["proof-inside"],
            "kubectl",
        ),
    ]
}

/// A kubelet that hangs hides its replicas, which work all the same.
async fn unreachable_kubelet(cluster: &Cluster) {
    let hung = cluster.node().without_kubelet();
    let faults = found(cluster, "a kubelet that hangs", &["replicas-port-forward"], &[]).await;
    assert_eq!(command(&faults, "replicas-port-forward"), "kubectl describe node node");
    drop(hung);
    found(cluster, "a kubelet that answers", &[], &[]).await;
}

/// The network of the node applies no `NetworkPolicy`, so the test closes and opens the port as a plugin would.
async fn closed_port(cluster: &Cluster) {
    const ID: &str = "replicas-network-policy";
    let patch = json!([{"op": "replace", "path": "/spec/ingress", "value": []}]);
    cluster.shell(&format!("kubectl -n boundtoken patch networkpolicy boundtoken --type=json -p '{patch}'"));
    let closed = cluster.node().without_port(10250);
    let faults = found(cluster, "a port that a NetworkPolicy closes", &[ID, "proof-inside"], &[]).await;
    cluster.shell(command(&faults, ID));
    drop(closed);
    found(cluster, "a port that the NetworkPolicy opens", &[], &[]).await;
}

/// Replicas are not ready once their certificate has expired. The printed command renews it, and no Pod restarts.
pub(crate) async fn an_expired_certificate(cluster: &Cluster) {
    const ID: &str = "replicas-certificate-validity";
    found(cluster, "certificates of one's own", &[], &[]).await;
    store_certificate(cluster, Duration::minutes(2));
    cluster.shell("kubectl -n boundtoken annotate pods --all certificate=short");
    eventually("two replicas with the certificate", async || {
        let faults = found(cluster, "a certificate that expires soon", &[ID], &[]).await;
        if faults.len() == 2 { Ok(()) } else { Err(faults) }
    })
    .await;
    let effects = [ID, "replicas-ready", "replicas-readyz", "proof-inside"];
    let faults = found(cluster, "an expired certificate", &effects, &[]).await;
    cluster.shell(command(&faults, ID));
    found(cluster, "a renewed certificate", &[], &[]).await;
    assert!(
        replicas(cluster).await.iter().all(|pod| pod["metadata"]["annotations"]["certificate"] == "short")
    );
}

/// Stores a serving certificate of the CA in the directory `tls`, where it is also the current one.
fn store_certificate(cluster: &Cluster, validity: Duration) {
    let directory = cluster.workplace().join("tls");
    let [certificate, key] =
        ["ca.crt", "ca.key"].map(|file| std::fs::read_to_string(directory.join(file)).unwrap());
    let ca = Ca::load(Pem { certificate, key }).unwrap();
    let names = ["boundtoken.boundtoken.svc".to_owned()];
    let pair = ca.issue(&names, Validity::from_now(clock::now(), validity)).unwrap();
    std::fs::write(directory.join("tls.crt"), pair.certificate).unwrap();
    std::fs::write(directory.join("tls.key"), pair.key).unwrap();
    cluster.shell(
        "kubectl -n boundtoken create secret tls boundtoken-tls --cert tls/tls.crt --key tls/tls.key \
         --dry-run=client -o yaml | kubectl apply -f -",
    );
}

/// Without the right to repair it, replicas of which the `caBundle` does not verify the certificate are not ready.
async fn bundles(cluster: &Cluster) {
    const EFFECTS: [&str; 4] = ["proof-inside", "replicas-ready", "replicas-readyz", "replicas-certificate"];
    let verb = json!([{"op": "remove", "path": "/rules/1/verbs/2"}]);
    cluster.shell(&format!("kubectl patch clusterrole boundtoken --type=json -p '{verb}'"));
    found(cluster, "a right removed", &["rights-needed"], &[]).await;
    for (id, bundle) in [
        ("configuration-bundle", String::new()),
        ("replicas-certificate", foreign(Duration::days(1))),
        ("configuration-bundle-validity", foreign(-Duration::MINUTE)),
    ] {
        let patch = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
        cluster.shell(&format!(
            "kubectl patch mutatingwebhookconfiguration boundtoken --type=json -p '{patch}'"
        ));
        let faults = found(cluster, id, &["rights-needed", id], &EFFECTS).await;
        if id == "configuration-bundle-validity" {
            cluster.shell(command(&faults, "rights-needed"));
            cluster.shell(command(&faults, id));
        }
    }
    found(cluster, "rights and a restart", &[], &[]).await;
}

/// A `caBundle` with a CA that issued no certificate of a replica.
fn foreign(validity: Duration) -> String {
    let ca = Ca::generate(Validity::from_now(clock::now(), validity)).unwrap();
    STANDARD.encode(&ca.pem.certificate)
}

/// Waits until `boundtoken check` finds a fault by each check of `ids`, and else at most by those of `also`.
async fn found(cluster: &Cluster, what: &str, ids: &[&str], also: &[&str]) -> Vec<Value> {
    let start = Instant::now();
    let faults = eventually(what, async || {
        let output = cluster.command("boundtoken").args(["check", "-o", "json"]).output().unwrap();
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let mut findings = document["findings"].as_array().unwrap().clone();
        findings.retain(|finding| finding["level"] != "ok");
        let found: BTreeSet<&str> = findings.iter().map(id).collect();
        let is_expected = ids.iter().all(|id| found.contains(id))
            && found.iter().all(|id| ids.contains(id) || also.contains(id));
        if is_expected { Ok(findings) } else { Err(findings) }
    })
    .await;
    println!("{what}: {:?} after {:.1?}", faults.iter().map(id).collect::<Vec<_>>(), start.elapsed());
    faults
}

fn id(finding: &Value) -> &str {
    finding["id"].as_str().unwrap()
}

/// The printed command of a finding.
fn command<'f>(faults: &'f [Value], id: &str) -> &'f str {
    let fault = faults.iter().find(|finding| finding["id"] == id).unwrap();
    fault["command"].as_str().unwrap()
}
