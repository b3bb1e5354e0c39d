//! The shipped alerts and the dashboard in a real Prometheus, while boundtoken is damaged in turns.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boundtoken::clock;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::install::{CONFIGURATION, wait_until_ready};
use crate::prometheus::Prometheus;
use crate::traffic::Traffic;

const DASHBOARD: &str = include_str!("../../manifests/monitoring/dashboard.json");

/// In turns: a certificate that expires in three days and settings that refuse all Pods, a `caBundle` that does not
/// verify, no replica while `failurePolicy` is `Ignore` and the guard is installed. With `BOUNDTOKEN_SOAK`, also an API
/// server that is away for two minutes.
pub(crate) async fn alerts_fire_and_end(cluster: Arc<Cluster>) {
    let authority = Authority::new();
    install_with(&cluster, &authority).await;
    let namespace =
        cluster.namespace("alerts", Some(&[("ttl", "5m"), ("tll", "a key that causes a warning")])).await;
    let prometheus = Prometheus::start(&cluster).await;
    let traffic = Traffic::start_dry(&cluster.api, &namespace);
    settings_and_certificate(&cluster, &prometheus, &authority, &namespace).await;
    bundle(&cluster, &prometheus, &authority).await;
    no_replica(&cluster, &prometheus).await;
    if std::env::var_os("BOUNDTOKEN_SOAK").is_some() {
        old_watch(&cluster, &prometheus).await;
    }
    assert_dashboard_has_data(&prometheus);
    traffic.end().await;
    drop(prometheus);
    cluster.shell("kubectl delete -k manifests/static-tls");
    cluster.api.delete(&format!("/api/v1/namespaces/{namespace}")).await;
}

async fn settings_and_certificate(
    cluster: &Cluster,
    prometheus: &Prometheus<'_>,
    authority: &Authority,
    namespace: &str,
) {
    let alerts = ["BoundtokenCertificateExpires", "BoundtokenRefusesMany", "BoundtokenSettingsInvalid"];
    prometheus.until_firing(&[], &alerts).await;
    cluster.shell(&format!("kubectl annotate --overwrite namespace {namespace} boundtoken.dev/ttl=2h"));
    store_certificate(cluster, authority, 90);
    // A kubelet writes a changed Secret into volumes when it handles the Pod, which it does within a minute otherwise.
    cluster.shell("kubectl -n boundtoken annotate pods --all certificate=renewed");
    prometheus.until_firing(&alerts, &[]).await;
}

async fn bundle(cluster: &Cluster, prometheus: &Prometheus<'_>, authority: &Authority) {
    let alerts = ["BoundtokenCallsFail", "BoundtokenHandshakesFail"];
    trust(cluster, &Authority::new());
    prometheus.until_firing(&[], &alerts).await;
    trust(cluster, authority);
    prometheus.until_firing(&alerts, &[]).await;
}

async fn no_replica(cluster: &Cluster, prometheus: &Prometheus<'_>) {
    let alerts = ["BoundtokenAbsent", "BoundtokenFailsOpen", "BoundtokenGuardFindsPods"];
    cluster.shell("kubectl apply -k manifests/guard");
    replace(cluster, "failurePolicy", "Ignore");
    cluster.shell("kubectl -n boundtoken scale deployment boundtoken --replicas 0");
    prometheus.until_firing(&[], &alerts).await;
    cluster.shell("kubectl -n boundtoken scale deployment boundtoken --replicas 2");
    wait_until_ready(cluster, 2).await;
    replace(cluster, "failurePolicy", "Fail");
    cluster.shell("kubectl delete -k manifests/guard");
    prometheus.until_firing(&alerts, &[]).await;
}

async fn old_watch(cluster: &Cluster, prometheus: &Prometheus<'_>) {
    let away = cluster.node().without_api_server();
    prometheus.until_firing(&[], &["BoundtokenWatchOld"]).await;
    drop(away);
    cluster.node().wait_until_api_server_ready().await;
    prometheus.until_firing(&["BoundtokenWatchOld"], &[]).await;
}

/// Every query has an answer with a number, some time since the test began.
fn assert_dashboard_has_data(prometheus: &Prometheus<'_>) {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "10s");
            let answer = prometheus.query_since_start(&expression);
            let samples = answer.iter().flat_map(|series| series["values"].as_array().unwrap());
            let mut numbers = samples.map(|sample| sample[1].as_str().unwrap().parse::<f64>().unwrap());
            assert!(numbers.any(f64::is_finite), "{}: {expression}: {answer:?}", panel["title"]);
            queries += 1;
        }
    }
    println!("{queries} queries of the dashboard have data");
}

/// A certification authority of the test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    /// A serving certificate that is valid for this many days, and its key.
    fn issue(&self, days: i64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(["boundtoken.boundtoken.svc".to_owned()]).unwrap();
        parameters.not_after = clock::now() + time::Duration::days(days);
        (parameters.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Installs with certificates that boundtoken does not renew, and the serving one expires in three days.
async fn install_with(cluster: &Cluster, authority: &Authority) {
    // A replica of the default install would restore its own `caBundle`.
    cluster.shell("kubectl delete --ignore-not-found -k manifests");
    cluster.shell("kubectl apply -f manifests/base/namespace.yaml");
    store_certificate(cluster, authority, 3);
    cluster.shell("kubectl apply -k manifests/static-tls");
    trust(cluster, authority);
    wait_until_ready(cluster, 2).await;
}

fn store_certificate(cluster: &Cluster, authority: &Authority, days: i64) {
    let (certificate, key) = authority.issue(days);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "boundtoken-tls", "namespace": "boundtoken"},
        "data": {"tls.crt": STANDARD.encode(certificate), "tls.key": STANDARD.encode(key)},
    });
    let file = cluster.workplace().join("boundtoken-tls.json");
    std::fs::write(&file, secret.to_string()).unwrap();
    cluster.kubectl(&["apply", "-f", file.to_str().unwrap()]);
}

fn trust(cluster: &Cluster, authority: &Authority) {
    replace(cluster, "clientConfig/caBundle", &STANDARD.encode(&authority.pem));
}

/// Sets a field of the webhook.
fn replace(cluster: &Cluster, field: &str, value: &str) {
    let name = CONFIGURATION.rsplit('/').next().unwrap();
    let patch = json!([{"op": "add", "path": format!("/webhooks/0/{field}"), "value": value}]).to_string();
    cluster.kubectl(&["patch", "mutatingwebhookconfiguration", name, "--type=json", "--patch", &patch]);
}
