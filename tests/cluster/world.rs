//! The part of a cluster that one test has for itself: its Namespaces, its webhook, its configuration.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::common::binary::Serving;
use crate::control_plane::{Answer, ControlPlane, eventually};

/// Annotations as pairs, keys without our prefix.
pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

/// A running `boundtoken serve`, called for the Namespaces of one test.
pub(crate) struct World {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) serving: Serving,
    directory: tempfile::TempDir,
}

impl World {
    /// Makes the Namespaces, starts the webhook and waits until the API server calls it.
    pub(crate) async fn start(
        plane: &Arc<ControlPlane>,
        name: &str,
        namespaces: &[(&str, Settings<'_>)],
    ) -> Self {
        let namespaces =
            namespaces.iter().map(|(namespace, settings)| namespace_of(name, namespace, settings)).collect();
        Self::of(plane, name, namespaces).await
    }

    /// The same with whole Namespaces, the first of which has the webhook called.
    pub(crate) async fn of(plane: &Arc<ControlPlane>, name: &str, namespaces: Vec<Value>) -> Self {
        for namespace in &namespaces {
            plane.api.create(namespace).await.unwrap();
        }
        let names: Vec<&str> =
            namespaces.iter().filter_map(|namespace| namespace["metadata"]["name"].as_str()).collect();
        for name in &names {
            plane.wait_for_service_account(name).await;
        }
        let directory = tempfile::tempdir().unwrap();
        let manifest: Vec<String> = namespaces.iter().map(Value::to_string).collect();
        let serving = Serving::start(directory.path(), &manifest.join("\n---\n"), &[]);
        let world = Self { plane: Arc::clone(plane), serving, directory };
        world.register(name).await;
        world.wait_until_called(names[0]).await;
        world
    }

    /// Registers the webhook for the Namespaces of this test.
    async fn register(&self, name: &str) {
        let authority = std::fs::read(self.directory.path().join("ca.crt")).unwrap();
        let url = format!("https://localhost:{}/mutate", self.serving.listen.port());
        let configuration = configuration(&format!("boundtoken-{name}"), name, &url, &authority);
        self.plane.api.create(&configuration).await.unwrap();
    }

    /// The API server hears of a configuration a moment later.
    async fn wait_until_called(&self, namespace: &str) {
        let probe = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"generateName": "probe-", "namespace": namespace},
            "spec": {"containers": [{"name": "probe", "image": "probe"}]},
        });
        eventually("a call of the webhook", async || {
            self.dry_run(&probe).await;
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

    /// Creates an object of a Namespace.
    pub(crate) async fn create(&self, object: &Value) -> Result<Value, String> {
        self.plane.api.create(object).await
    }

    /// A `CronJob` that believes it missed a run makes up for it now.
    pub(crate) async fn run_now(&self, namespace: &str, name: &str) {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}/status");
        let change = json!({"status": {"lastScheduleTime": "2020-01-01T00:00:00Z"}});
        self.plane.api.patch(&path, &change).await.ok().unwrap();
    }

    /// Creates an object without storing it.
    pub(crate) async fn dry_run(&self, object: &Value) -> Answer {
        let path = format!("{}?dryRun=All", crate::control_plane::api::collection(object));
        self.plane.api.post(&path, object).await
    }

    /// The Pods with a label `app`, once there are so many.
    pub(crate) async fn pods_of(&self, namespace: &str, app: &str, count: usize) -> Vec<Value> {
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app={app}");
        eventually(&format!("{count} Pods of {app} in {namespace}"), async || {
            let pods = self.plane.api.list(&path).await;
            (pods.len() >= count).then_some(pods)
        })
        .await
    }
}

/// A Namespace that opted in.
pub(crate) fn namespace_of(world: &str, name: &str, settings: Settings<'_>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"boundtoken.dev/webhook": "enabled", "world": world},
            "annotations": annotations(settings),
        },
    })
}

/// Annotations of ours.
pub(crate) fn annotations(settings: Settings<'_>) -> Value {
    settings.iter().map(|(key, value)| (format!("boundtoken.dev/{key}"), Value::from(*value))).collect()
}

/// A webhook as it is registered in a cluster, but reached at a URL, and for the Namespaces of a test.
pub(crate) fn configuration(name: &str, world: &str, url: &str, authority: &[u8]) -> Value {
    let authority = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, authority);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "pods.boundtoken.dev",
            "clientConfig": {"url": url, "caBundle": authority},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["pods"], "scope": "Namespaced",
            }],
            "namespaceSelector": {"matchLabels": {"boundtoken.dev/webhook": "enabled", "world": world}},
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "sideEffects": "None",
            "timeoutSeconds": 5,
            "matchPolicy": "Equivalent",
            "admissionReviewVersions": ["v1"],
        }],
    })
}
