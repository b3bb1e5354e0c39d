//! `--client-ca-file`: an API server that presents a certificate is served, and other clients are not.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::pods::{all_hold, held, pod};
use crate::shop::{Terminal, alone};
use crate::support::client_ca::{ClientCa, ClientCertificate};
use crate::support::control_plane::{Api, ControlPlane, eventually};
use crate::support::http::post_head;
use crate::support::pages::block;
use crate::support::port::reserve;
use crate::support::program::Serving;
use crate::support::test_install::{configuration, namespace_of};

const NAMESPACE: &str = "client-ca";

/// client-certificates.md: with the shipped files, an API server presents its front-proxy certificate, and the
/// CA in its ConfigMap verifies it. An API server without these files is refused, and so is a direct client.
pub(crate) async fn only_an_api_server_with_a_certificate_is_served(plane: Arc<ControlPlane>) {
    plane.api.create(&namespace_of(NAMESPACE, NAMESPACE, &[])).await.unwrap();
    plane.wait_for_service_account(NAMESPACE).await;
    let (directory, (listen, _reserved)) = (plane.subdirectory(), reserve());
    let ca = ClientCa::generate();
    let presenting = presenting(&plane, &directory, &ca, &ca.issue(), listen.port()).await;
    let bundle = directory.join("client-ca.crt");
    fs::write(&bundle, published_ca(&plane).await).unwrap();
    let flag = format!("--client-ca-file={}", bundle.display());
    let serving = Serving::start_in_cluster_at(listen, &directory, &plane.kubeconfig(), &[&flag]);
    register(&plane, &directory, listen.port()).await;
    eventually("a Pod that was changed", async || {
        create(&presenting, "probe").await?;
        let metrics = serving.metrics().await;
        if metrics.contains("outcome=\"patched\"") { Ok(()) } else { Err(metrics) }
    })
    .await;
    let stored = presenting.create(&pod(NAMESPACE, "web", &[])).await.unwrap();
    assert_eq!(held(&stored), all_hold(&["DEFAULT/token - 3600"]));
    let before = admissions(&serving).await;
    // One time in twenty, Go reports that it closed the connection itself when it read the alert.
    let refused = eventually("a refusal", async || match create(&plane.api, "refused").await {
        Err(message) if message.contains("remote error: tls: certificate required") => Ok(message),
        other => Err(other),
    })
    .await;
    assert!(refused.contains("failed calling webhook \"pods.boundtoken.dev\""), "{refused}");
    let mut direct = serving.webhook().await;
    // Fails if the server has ended the connection already.
    let _ = direct.0.write_all(post_head("/mutate", "application/json", 0).as_bytes()).await;
    assert!(direct.response().await.is_none());
    assert_eq!(admissions(&serving).await, before);
}

/// Starts an API server with the shipped files, which presents this certificate.
async fn presenting(
    plane: &ControlPlane,
    directory: &Path,
    ca: &ClientCa,
    certificate: &ClientCertificate,
    port: u16,
) -> Api {
    let path = |name: &str| directory.join(name).display().to_string();
    let shipped = |name: &str, replacements: &[(&str, &str)]| {
        let file = format!("{}/manifests/client-ca/{name}", env!("CARGO_MANIFEST_DIR"));
        replacements.iter().fold(fs::read_to_string(file).unwrap(), |text, (from, to)| {
            assert!(text.contains(from), "{name} lacks {from}");
            text.replace(from, to)
        })
    };
    let (here, url) = (directory.display().to_string(), format!("localhost:{port}"));
    let kubeconfig = [("boundtoken.boundtoken.svc", url.as_str()), ("/etc/kubernetes/pki", &here)];
    for (name, text) in [
        ("kubeconfig.yaml", shipped("kubeconfig.yaml", &kubeconfig)),
        ("admission.yaml", shipped("admission.yaml", &[("/etc/kubernetes/boundtoken", &here)])),
        ("front-proxy-ca.crt", ca.pem.clone()),
        ("front-proxy-client.crt", certificate.certificate.clone()),
        ("front-proxy-client.key", certificate.key.clone()),
    ] {
        fs::write(directory.join(name), text).unwrap();
    }
    let flags = [
        format!("--admission-control-config-file={}", path("admission.yaml")),
        format!("--requestheader-client-ca-file={}", path("front-proxy-ca.crt")),
        format!("--proxy-client-cert-file={}", path("front-proxy-client.crt")),
        format!("--proxy-client-key-file={}", path("front-proxy-client.key")),
    ];
    plane.start_another_api_server(&flags).await.0
}

/// The CA that the page takes from the ConfigMap of the API server.
async fn published_ca(plane: &ControlPlane) -> String {
    let _alone = alone(plane).await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "boundtoken"}});
    plane.api.create(&namespace).await.unwrap();
    let terminal = Terminal::of(plane);
    let written = eventually("a published CA", async || {
        terminal.type_in(&block("client-ca"));
        let ca = fs::read_to_string(terminal.directory().join("client-ca.crt")).unwrap();
        if ca.contains("BEGIN CERTIFICATE") { Ok(ca) } else { Err(ca) }
    })
    .await;
    let stored = plane.api.get("/api/v1/namespaces/boundtoken/configmaps/boundtoken-client-ca").await;
    assert_eq!(stored.unwrap()["data"]["ca.crt"], written.as_str());
    written
}

async fn register(plane: &ControlPlane, directory: &Path, port: u16) {
    let authority = fs::read(directory.join("ca.crt")).unwrap();
    let url = format!("https://localhost:{port}/mutate");
    let selector = json!({"boundtoken.dev/webhook": "enabled", "install": NAMESPACE});
    let object = configuration("boundtoken-client-ca", "pods.boundtoken.dev", &selector, &url, &authority);
    plane.api.create(&object).await.unwrap();
}

/// Creates a Pod by a dry run, and returns the message of a refusal.
async fn create(api: &Api, name: &str) -> Result<(), String> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All");
    api.post(&path, &pod(NAMESPACE, name, &[])).await.ok().map(drop)
}

/// The counts of answered reviews.
async fn admissions(serving: &Serving) -> Vec<String> {
    let metrics = serving.metrics().await;
    let lines = metrics.lines().filter(|line| line.starts_with("boundtoken_admissions_total{"));
    lines.map(str::to_owned).collect()
}
