//! A Namespace whose `managedFields` are not UTF-8: every replica sees the changes of others within a second.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::patch_of;
use crate::Faults;
use crate::installed::{Installed, Replica};
use crate::rolling::two;
use crate::support::eventually::eventually_within;
use crate::support::http::HttpClient;
use crate::support::reviews;
use crate::trust::{connect, published};

/// A change of a Namespace is in force within this time.
const SOON: Duration = Duration::from_secs(1);

/// Keys that the API server stores and sends as they are.
const POISON: [&[u8]; 3] = [b"f:\xff", b"f:\\ud800", b"f:\xf0\x9f"];

pub(crate) async fn a_poisoned_namespace(faults: Arc<Faults>) {
    let installed = Installed::new(&faults.plane, "poison").await;
    for name in ["poison-poisoned", "poison-other"] {
        installed.opt_in(name).await;
    }
    let mut replicas = Vec::from(two(&installed, &[]).await);
    let mut ttl = 7200;
    for poison in POISON {
        store(&installed, poison).await;
        for _ in 0..3 {
            ttl += 60;
            is_seen(&installed, &replicas, ttl).await;
        }
        // A new replica begins with a list of the poisoned Namespace.
        replicas.remove(0).kill();
        replicas.push(installed.replica(&[]).await.ready().await);
    }
    is_seen(&installed, &replicas, ttl + 60).await;
}

/// Stores a key in the `managedFields` of the Namespace.
async fn store(installed: &Installed, key: &[u8]) {
    let start = br#"[{"op":"replace","path":"/metadata/managedFields/0/fieldsV1","value":{""#;
    let operations = [&start[..], key, br#"":{}}}]"#].concat();
    let (path, content_type) = ("/api/v1/namespaces/poison-poisoned", "application/json-patch+json");
    let answer = installed.plane.api.send_bytes(Method::PATCH, path, content_type, operations).await;
    answer.unwrap().ok().unwrap();
}

/// Changes both Namespaces, the poisoned one first. Asserts that every replica soon has the settings of the other one.
async fn is_seen(installed: &Installed, replicas: &[Replica], ttl: u32) {
    let mut review: Value = serde_json::from_str(&reviews::web(&json!({}))).unwrap();
    review["request"]["namespace"] = "poison-other".into();
    let (review, trusted) = (review.to_string(), published(installed).await);
    let mut clients = Vec::new();
    for replica in replicas {
        clients.push(HttpClient(connect(installed, replica, &trusted).await.unwrap()));
    }
    annotate(installed, "poison-poisoned", "example.com/touched", ttl).await;
    annotate(installed, "poison-other", "boundtoken.dev/ttl", ttl).await;
    eventually_within(SOON, "the change on every replica", async || {
        for client in &mut clients {
            let answer = client.post("/mutate", "application/json", &review).await;
            if !patch_of(&answer.body).contains(&format!(r#"expirationSeconds","value":{ttl}"#)) {
                return Err(answer.body);
            }
        }
        Ok(())
    })
    .await;
}

async fn annotate(installed: &Installed, namespace: &str, key: &str, value: u32) {
    let change = json!({"metadata": {"annotations": {key: value.to_string()}}});
    installed.plane.api.patch(&format!("/api/v1/namespaces/{namespace}"), &change).await.ok().unwrap();
}
