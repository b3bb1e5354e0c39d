//! The part of a cluster that belongs to one test: its Namespaces, its webhook and its webhook configuration.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::support::control_plane::api::ApiResponse;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::port::reserve;
use crate::support::program::Serving;

/// Annotations as pairs, keys without our prefix.
pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

/// The Namespace in the pages, and the name of its install, whose webhook configuration is used as shipped.
pub(crate) const SHOP: &str = "shop";

/// A running `boundtoken serve`, called for the Namespaces of one test.
pub(crate) struct TestInstall {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) serving: Serving,
    directory: PathBuf,
    /// The kubeconfig with which the webhook reaches the API server.
    kubeconfig: PathBuf,
    /// Reserves the port of the webhook, also while the webhook is down.
    _reserved: Option<TcpSocket>,
}

impl TestInstall {
    /// Creates the Namespaces, starts the webhook and waits until the API server calls it.
    pub(crate) async fn start(
        plane: &Arc<ControlPlane>,
        name: &str,
        namespaces: &[(&str, Settings<'_>)],
    ) -> Self {
        Self::start_as("pods.boundtoken.dev", plane, name, namespaces).await
    }

    /// Like [`Self::start`], with a name for the webhook, since the metrics of the API server are labelled
    /// with it.
    pub(crate) async fn start_as(
        webhook: &str,
        plane: &Arc<ControlPlane>,
        name: &str,
        namespaces: &[(&str, Settings<'_>)],
    ) -> Self {
        Self::of(webhook, plane, name, namespaces_of(name, namespaces)).await
    }

    /// Like [`Self::start`], with a kubeconfig for the webhook, such as that of a proxy.
    pub(crate) async fn by_way_of(
        kubeconfig: PathBuf,
        plane: &Arc<ControlPlane>,
        name: &str,
        namespaces: &[(&str, Settings<'_>)],
    ) -> Self {
        Self::reached("pods.boundtoken.dev", plane, kubeconfig, name, namespaces_of(name, namespaces)).await
    }

    /// Like [`Self::start`], with whole Namespaces, the first of which is used to wait for the webhook.
    pub(crate) async fn of(
        webhook: &str,
        plane: &Arc<ControlPlane>,
        name: &str,
        namespaces: Vec<Value>,
    ) -> Self {
        Self::reached(webhook, plane, plane.kubeconfig(), name, namespaces).await
    }

    async fn reached(
        webhook: &str,
        plane: &Arc<ControlPlane>,
        kubeconfig: PathBuf,
        name: &str,
        namespaces: Vec<Value>,
    ) -> Self {
        for namespace in &namespaces {
            plane.api.create(namespace).await.unwrap();
        }
        let names: Vec<&str> =
            namespaces.iter().filter_map(|namespace| namespace["metadata"]["name"].as_str()).collect();
        for name in &names {
            plane.wait_for_service_account(name).await;
        }
        let directory = plane.subdirectory();
        let (listen, reserved) = reserve();
        let serving = Serving::start_in_cluster_at(listen, &directory, &kubeconfig, &[]);
        let install = Self { plane: Arc::clone(plane), serving, directory, kubeconfig, _reserved: reserved };
        install.wait_until_ready().await;
        install.register(webhook, name).await;
        install.wait_until_called(names[0]).await;
        install
    }

    /// Kills the webhook and starts it again at its address, after `meanwhile`.
    pub(crate) async fn without_webhook(mut self, meanwhile: impl AsyncFnOnce()) -> Self {
        let listen = self.serving.listen;
        self.serving.kill();
        meanwhile().await;
        self.serving = Serving::start_in_cluster_at(listen, &self.directory, &self.kubeconfig, &[]);
        self.wait_until_ready().await;
        self
    }

    /// Registers the webhook for the Namespaces of this test.
    async fn register(&self, webhook: &str, name: &str) {
        let authority = std::fs::read(self.directory.join("ca.crt")).unwrap();
        let url = format!("https://localhost:{}/mutate", self.serving.listen.port());
        let selector = json!({"boundtoken.dev/webhook": "enabled", "install": name});
        let configuration = configuration(&configuration_of(name), webhook, &selector, &url, &authority);
        self.plane.api.create(&configuration).await.unwrap();
    }

    /// Registers the webhook for creations and updates of the Namespaces with the label of this test.
    pub(crate) async fn judge_namespaces(&self, name: &str) {
        let authority = std::fs::read(self.directory.join("ca.crt")).unwrap();
        let url = format!("https://localhost:{}/validate", self.serving.listen.port());
        let webhook = "namespaces.boundtoken.dev";
        let mut configuration = configuration(&configuration_of(name), webhook, &json!({}), &url, &authority);
        configuration["kind"] = "ValidatingWebhookConfiguration".into();
        let webhook = configuration["webhooks"][0].as_object_mut().unwrap();
        webhook.remove("reinvocationPolicy");
        webhook.insert("namespaceSelector".to_owned(), json!({"matchLabels": {"install": name}}));
        let operations = json!(["CREATE", "UPDATE"]);
        let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": ["namespaces"]});
        webhook.insert("rules".to_owned(), json!([rule]));
        self.plane.api.create(&configuration).await.unwrap();
    }

    /// Waits for readiness, since a Service has only ready endpoints.
    async fn wait_until_ready(&self) {
        eventually("a ready webhook", async || {
            let answer = self.serving.admin().await.get("/readyz?verbose").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.body) }
        })
        .await;
    }

    /// Waits for the first call, since the API server observes a configuration a moment later.
    async fn wait_until_called(&self, namespace: &str) {
        eventually("a call of the webhook", async || {
            probe(&self.plane, namespace).await;
            (self.admissions().await > 0).then_some(())
        })
        .await;
    }

    /// How many reviews the webhook has answered.
    pub(crate) async fn admissions(&self) -> u64 {
        let metrics = self.serving.metrics().await;
        let counts = metrics.lines().filter_map(|line| line.strip_prefix("boundtoken_admissions_total{"));
        counts.filter_map(|line| line.split_once("} ")?.1.parse::<u64>().ok()).sum()
    }

    /// Creates an object in its Namespace.
    pub(crate) async fn create(&self, object: &Value) -> Result<Value, String> {
        self.plane.api.create(object).await
    }

    /// Makes a `CronJob` run now: it believes that it missed a run, and catches up.
    pub(crate) async fn run_now(&self, namespace: &str, name: &str) {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}/status");
        let change = json!({"status": {"lastScheduleTime": "2020-01-01T00:00:00Z"}});
        self.plane.api.patch(&path, &change).await.ok().unwrap();
    }

    /// Creates an object without storing it.
    pub(crate) async fn dry_run(&self, object: &Value) -> ApiResponse {
        let path = format!("{}?dryRun=All", crate::support::control_plane::api::collection(object));
        self.plane.api.post(&path, object).await
    }

    /// The Pods with a label `app`, once there are this many.
    pub(crate) async fn pods_of(&self, namespace: &str, app: &str, count: usize) -> Vec<Value> {
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app={app}");
        eventually(&format!("{count} Pods of {app} in {namespace}"), async || {
            let pods = self.plane.api.list(&path).await;
            if pods.len() >= count { Ok(pods) } else { Err(format!("{} Pods", pods.len())) }
        })
        .await
    }
}

/// Creates a Pod by a dry run, which stores nothing.
pub(crate) async fn probe(plane: &ControlPlane, namespace: &str) -> ApiResponse {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "probe-", "namespace": namespace},
        "spec": {"containers": [{"name": "probe", "image": "probe"}]},
    });
    plane.api.post(&format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &pod).await
}

/// The name of the webhook configuration.
fn configuration_of(install: &str) -> String {
    if install == SHOP { "boundtoken".to_owned() } else { format!("boundtoken-{install}") }
}

fn namespaces_of(install: &str, namespaces: &[(&str, Settings<'_>)]) -> Vec<Value> {
    namespaces.iter().map(|(name, settings)| namespace_of(install, name, settings)).collect()
}

/// A Namespace that opted in.
pub(crate) fn namespace_of(install: &str, name: &str, settings: Settings<'_>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"boundtoken.dev/webhook": "enabled", "install": install},
            "annotations": annotations(settings),
        },
    })
}

/// Our annotations, from keys without prefix.
pub(crate) fn annotations(settings: Settings<'_>) -> Value {
    settings.iter().map(|(key, value)| (format!("boundtoken.dev/{key}"), Value::from(*value))).collect()
}

/// The shipped configuration, but with a URL instead of the Service, and for the Namespaces of one test.
pub(crate) fn configuration(
    name: &str,
    webhook: &str,
    selector: &Value,
    url: &str,
    authority: &[u8],
) -> Value {
    let shipped = include_str!("../../manifests/base/webhook.yaml");
    let mut configuration: Value = serde_saphyr::from_str(shipped).unwrap();
    configuration["metadata"]["name"] = name.into();
    let registered = &mut configuration["webhooks"][0];
    registered["name"] = webhook.into();
    let authority = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, authority);
    registered["clientConfig"] = json!({"url": url, "caBundle": authority});
    registered["namespaceSelector"]["matchLabels"] = selector.clone();
    configuration
}
