//! Pods created right after their Namespaces, while the watch lags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boundtoken::namespaces::{LIVE_LOOKUP_WINDOW, Namespaces};
use boundtoken::server::routes::Webhook;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use tokio::time::{Instant, sleep};

use crate::other_webhook::{OtherWebhook, router};
use crate::pods::{all_hold, held, pod};
use crate::support::api_proxy::ApiProxy;
use crate::support::control_plane::audit::{Follower, is_creation_in};
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::test_install::{TestInstall, namespace_of};
use crate::watched::annotate;

/// The number of Namespaces that are created and used at once.
const NAMESPACES: usize = 1_000;

/// The number of Namespaces that are processed concurrently.
const AT_A_TIME: usize = 16;

/// The number of Pods created after an annotation that is set after the label, and the time between them.
const LATER: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// The limit of a live lookup.
const BUDGET: Duration = Duration::from_secs(2);

/// The lifetime under the label alone, in seconds.
const LABEL_ALONE: u64 = 3600;

/// The lifetime that the ServiceAccount plugin requests, in seconds.
const UNTOUCHED: u64 = 3607;

/// A stored Pod, the tokens of its containers, and the allowed lifetimes: that of its Namespace, and the
/// previous one where boundtoken cannot be expected to know of the change yet.
struct Stored {
    namespace: String,
    pod: String,
    held: BTreeMap<String, BTreeSet<String>>,
    lifetimes: Vec<u64>,
    took: Duration,
    /// Whether the watch had reported its Namespace but not yet a change, so that a lookup was required.
    needed_lookup: bool,
}

impl Stored {
    fn has(&self, seconds: u64) -> bool {
        self.held == all_hold(&[&format!("DEFAULT/token - {seconds}")])
    }

    /// Whether the Pod has the settings of its Namespace, if the API server called the webhook for it, and
    /// else none.
    fn is_right(&self, called: &BTreeSet<String>) -> bool {
        let lifetimes = if called.contains(&self.pod) { &*self.lifetimes } else { &[UNTOUCHED] };
        lifetimes.iter().any(|seconds| self.has(*seconds))
    }

    /// Allows the previous lifetime if a busy machine was too slow for the lookup, or for the test itself.
    fn allowing_for_delays(mut self, reported: Option<Instant>) -> Self {
        if self.took >= BUDGET || reported.is_some_and(|reported| reported.elapsed() >= LIVE_LOOKUP_WINDOW) {
            self.lifetimes.push(LABEL_ALONE);
        } else {
            self.needed_lookup = reported.is_some();
        }
        self
    }
}

/// Every Pod for which the webhook is called gets the settings of its Namespace, however late the watch is.
pub(crate) async fn a_pod_right_after_its_namespace(plane: Arc<ControlPlane>) {
    let proxy = ApiProxy::start(&plane.kubeconfig()).await;
    let kubeconfig = proxy.kubeconfig_for(&plane.kubeconfig());
    let _install = TestInstall::by_way_of(kubeconfig, &plane, "race", &[("race-probe", &[])]).await;
    let pieces = AtomicU64::new(0);
    // Delays between zero and three seconds, in no order.
    proxy.delay_watches(move || Duration::from_millis(pieces.fetch_add(997, Ordering::Relaxed) % 3_000));

    let mut log = plane.follow_audit_log("\"race-");
    let all = stream::iter(0..NAMESPACES)
        .map(|number| first_pods(&plane, &proxy, number))
        .buffer_unordered(AT_A_TIME);
    let all: Vec<Stored> = all.collect::<Vec<_>>().await.into_iter().flatten().collect();
    let called = called(&mut log, &all).await;
    let wrong: Vec<&Stored> = all.iter().filter(|stored| !stored.is_right(&called)).collect();
    assert_eq!(wrong.len(), 0, "{}: {:?}", wrong[0].pod, wrong[0].held);
    let needed = all.iter().filter(|stored| stored.needed_lookup).count();
    assert!(needed > NAMESPACES / 6 * LATER / 2, "only {needed} Pods needed a lookup after a change");
    for number in 0..NAMESPACES {
        let pods = all.iter().filter(|stored| stored.namespace == name_of(number));
        assert!(pods.clone().any(|stored| called.contains(&stored.pod)), "{}", name_of(number));
    }
    // So many live lookups show that the watch alone would have been too late.
    let live = proxy.count(|_, path| path.starts_with("/api/v1/namespaces/race-"));
    assert!(live > NAMESPACES / 2, "{live} live lookups for {NAMESPACES} Namespaces");
}

/// The test above detects a webhook that admits Pods of unknown Namespaces unchanged.
pub(crate) async fn a_miss_treated_as_no_settings_is_caught(plane: Arc<ControlPlane>) {
    let namespaces: Arc<Namespaces> = Arc::default();
    let webhook = Webhook { namespaces, defaults: Arc::default(), metrics: Arc::default() };
    let namespace = namespace_of("forgetful", "forgetful", &[("ttl", "700")]);
    plane.api.create(&namespace).await.unwrap();
    plane.wait_for_service_account("forgetful").await;
    let _other = OtherWebhook::serve(&plane, "boundtoken-forgetful", "forgetful", router(webhook)).await;
    let (mut log, mut number) = (plane.follow_audit_log("\"forgetful"), 0);
    eventually("a Pod that is wrong", async || {
        number += 1;
        let stored = store(&plane, "forgetful", number, 700).await;
        let called = called(&mut log, std::slice::from_ref(&stored)).await;
        (!stored.is_right(&called)).then_some(())
    })
    .await;
}

fn name_of(number: usize) -> String {
    format!("race-{number}")
}

/// Creates a Namespace with label and annotation at once, or adds them later, together or one after the
/// other. Creates Pods in it until one of them is changed, or until the annotation has been in force for a
/// while.
async fn first_pods(plane: &ControlPlane, proxy: &ApiProxy, number: usize) -> Vec<Stored> {
    let (name, ttl) = (name_of(number), 10_000 + number as u64);
    let opted_in = namespace_of("race", &name, &[("ttl", &ttl.to_string())]);
    let metadata = &opted_in["metadata"];
    let bare = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    plane.api.create(if number.is_multiple_of(3) { &opted_in } else { &bare }).await.unwrap();
    make_service_account(plane, &name).await;
    match number % 3 {
        0 => {}
        1 => annotate(plane, &name, metadata).await,
        _ => {
            annotate(plane, &name, &json!({"labels": metadata["labels"]})).await;
            let mut all = until_changed(plane, &name, LABEL_ALONE).await;
            if number.is_multiple_of(2) {
                eventually("an event with the label", async || proxy.first_event(&name)).await;
            }
            annotate(plane, &name, &json!({"annotations": metadata["annotations"]})).await;
            for _ in 0..LATER {
                let stored = store(plane, &name, all.len(), ttl).await;
                all.push(stored.allowing_for_delays(proxy.first_event(&name)));
                sleep(PAUSE).await;
            }
            return all;
        }
    }
    until_changed(plane, &name, ttl).await
}

/// Creates Pods until one of them is changed.
async fn until_changed(plane: &ControlPlane, name: &str, ttl: u64) -> Vec<Stored> {
    // At first the API server itself may not have observed the label.
    let mut all = Vec::new();
    eventually("a Pod that is changed", async || {
        let stored = store(plane, name, all.len(), ttl).await;
        let is_changed = !stored.has(UNTOUCHED);
        all.push(stored);
        is_changed.then_some(())
    })
    .await;
    all
}

/// Creates the ServiceAccount that every Pod needs, since the controller that does so is slow.
async fn make_service_account(plane: &ControlPlane, namespace: &str) {
    let metadata = json!({"name": "default", "namespace": namespace});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    let answer = plane.api.post(&path, &account).await;
    assert!(matches!(answer.code, 201 | 409), "{answer:?}");
}

async fn store(plane: &ControlPlane, namespace: &str, number: usize, ttl: u64) -> Stored {
    let name = format!("{namespace}-{number}");
    // On a busy machine the webhook may exceed its deadline: then no Pod is stored, and the creation is
    // repeated.
    let mut asked = Instant::now();
    let stored: Value = eventually("a Pod that is stored", async || {
        asked = Instant::now();
        let created = plane.api.create(&pod(namespace, &name, &[])).await;
        assert!(
            created.as_ref().err().is_none_or(|error| error.contains("deadline exceeded")),
            "{created:?}"
        );
        created
    })
    .await;
    let (took, held, lifetimes) = (asked.elapsed(), held(&stored), vec![ttl]);
    Stored { namespace: namespace.to_owned(), pod: name, held, lifetimes, took, needed_lookup: false }
}

/// The Pods for which the API server called one of our webhooks, from its audit log.
async fn called(log: &mut Follower, stored: &[Stored]) -> BTreeSet<String> {
    eventually("every Pod in the audit log", async || {
        let logged: BTreeSet<_> = stored_pods(log).map(pod_of).collect();
        let missing = stored.iter().find(|stored| !logged.contains(&stored.pod));
        missing.map_or(Ok(()), |missing| Err(missing.pod.clone()))
    })
    .await;
    stored_pods(log).filter(|event| is_called(event)).map(pod_of).collect()
}

fn stored_pods(log: &mut Follower) -> impl Iterator<Item = &Value> {
    let events = log.read().iter().filter(|event| is_creation_in(event, |_| true));
    events.filter(|event| event["responseStatus"]["code"] == 201)
}

fn pod_of(event: &Value) -> String {
    event["objectRef"]["name"].as_str().unwrap_or_default().to_owned()
}

/// `mutation.webhook.admission.k8s.io/round_0_index_3: {"configuration": "boundtoken-…", …}`
fn is_called(event: &Value) -> bool {
    let annotations = event["annotations"].as_object().into_iter().flatten();
    annotations
        .filter(|(key, _)| key.starts_with("mutation.webhook.admission.k8s.io/"))
        .any(|(_, value)| value.as_str().is_some_and(|value| value.contains("\"boundtoken-")))
}
