//! Creates Pods one after another, and records whether and how fast that succeeds.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::control_plane::Api;
use crate::support::control_plane::api::ApiResponse;

/// The pause between two creations.
const PAUSE: Duration = Duration::from_millis(100);

/// The result of one creation.
pub(crate) struct Create {
    pub(crate) asked: Instant,
    pub(crate) took: Duration,
    /// The stored Pod, or the error of the API server.
    pub(crate) outcome: Result<Value, String>,
}

/// A Pod that is never scheduled and that Pod Security allows everywhere.
fn pod(namespace: &str) -> Value {
    let restricted = json!({
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "nowhere-", "namespace": namespace},
        "spec": {
            "schedulerName": "nobody",
            "containers": [{"name": "app", "image": "none", "securityContext": restricted}],
        },
    })
}

/// Creates a Pod.
pub(crate) async fn create(api: &Api, namespace: &str) -> Create {
    let asked = Instant::now();
    let outcome = api.create(&pod(namespace)).await;
    Create { asked, took: asked.elapsed(), outcome }
}

/// Creates a Pod without storing it.
async fn create_dry(api: &Api, namespace: &str) -> Create {
    let asked = Instant::now();
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let answer = api.send(Method::POST, &path, Some(&pod(namespace))).await;
    Create { asked, took: asked.elapsed(), outcome: answer.and_then(ApiResponse::ok) }
}

/// Creates this many Pods in a Namespace, all of which must succeed; returns the median and the longest time.
pub(crate) async fn creations(api: &Api, namespace: &str, count: usize) -> (Duration, Duration) {
    let mut times = Vec::new();
    for _ in 0..count {
        let create = create(api, namespace).await;
        let pod = create.outcome.unwrap_or_else(|error| panic!("{namespace}: {error}"));
        times.push(create.took);
        let name = pod["metadata"]["name"].as_str().unwrap();
        api.delete(&format!("/api/v1/namespaces/{namespace}/pods/{name}")).await;
    }
    times.sort();
    (times[count / 2], times[count - 1])
}

/// Continuous creation of Pods until it is stopped.
pub(crate) struct Traffic {
    end: CancellationToken,
    creates: JoinHandle<Vec<Create>>,
}

impl Traffic {
    /// Starts in a Namespace.
    pub(crate) fn start(api: &Api, namespace: &str) -> Self {
        Self::start_with(api, namespace, false)
    }

    /// Starts in a Namespace, without storing the Pods.
    pub(crate) fn start_dry(api: &Api, namespace: &str) -> Self {
        Self::start_with(api, namespace, true)
    }

    fn start_with(api: &Api, namespace: &str, dry: bool) -> Self {
        let (end, api, namespace) = (CancellationToken::new(), api.clone(), namespace.to_owned());
        let ended = end.clone();
        let creates = tokio::spawn(async move {
            let mut creates = Vec::new();
            while !ended.is_cancelled() {
                creates.push(if dry {
                    create_dry(&api, &namespace).await
                } else {
                    create(&api, &namespace).await
                });
                tokio::time::sleep(PAUSE).await;
            }
            creates
        });
        Self { end, creates }
    }

    /// Stops, and returns every result, oldest first.
    pub(crate) async fn end(self) -> Vec<Create> {
        self.end.cancel();
        self.creates.await.unwrap()
    }
}
