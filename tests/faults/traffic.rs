//! Pods that are really created, one after the other and many at once, each checked for its bounded token.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::installed::Installed;
use crate::support::control_plane::{Api, eventually};

/// The results of all creates so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) creates: usize,
    /// The error of the API server, or the fault of the Pod.
    pub(crate) failures: Vec<String>,
    pub(crate) worst: Duration,
}

/// How many Pods are created.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Time between two that come one after the other.
    pub(crate) pause: Duration,
    /// Time between two bursts.
    pub(crate) burst_pause: Duration,
    /// How many come at once. An API server keeps 25 idle connections to a host, so that more than these
    /// need new ones, each time.
    pub(crate) burst: usize,
}

/// Scenarios that run beside each other burst one after the other: what is to be seen is not how many Pods a
/// machine can create at once.
static TURN: Semaphore = Semaphore::const_new(1);

/// Who creates Pods in one Namespace, through one API server after the other.
#[derive(Clone)]
pub(crate) struct Creator {
    apis: Arc<[Api]>,
    pods: Arc<str>,
    next: Arc<AtomicUsize>,
    tally: Arc<Mutex<Tally>>,
}

impl Creator {
    /// Makes a Namespace that opted in, and waits until each API server calls the install for it.
    pub(crate) async fn new(installed: &Installed, apis: &[&Api]) -> Self {
        let namespace = format!("{}-pods", installed.name);
        installed.opt_in(&namespace).await;
        let pods: Arc<str> = format!("/api/v1/namespaces/{namespace}/pods").into();
        let apis = apis.iter().map(|api| (*api).clone()).collect();
        let creator = Self { apis, pods, next: Arc::default(), tally: Arc::default() };
        for api in creator.apis.iter() {
            eventually("a call of the webhook", async || creator.dry_run(api).await).await;
        }
        creator
    }

    /// The API servers.
    pub(crate) fn apis(&self) -> &[Api] {
        &self.apis
    }

    /// Has one API server create a Pod without storing it.
    pub(crate) async fn dry_run(&self, api: &Api) -> Result<(), String> {
        let path = format!("{}?dryRun=All", self.pods);
        is_bounded(&answer(api, Method::POST, &path, Some(&pod())).await?)
    }

    /// Creates one Pod, and deletes it.
    async fn create(&self) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let api = &self.apis[next % self.apis.len()];
        let began = Instant::now();
        let created = answer(api, Method::POST, &self.pods, Some(&pod())).await;
        let took = began.elapsed();
        let outcome = match created {
            Ok(pod) => self.delete(api, &pod).await.and_then(|()| is_bounded(&pod)),
            Err(error) => Err(error),
        };
        let mut tally = self.tally.lock().unwrap();
        tally.creates += 1;
        tally.worst = tally.worst.max(took);
        tally.failures.extend(outcome.err());
    }

    async fn delete(&self, api: &Api, pod: &Value) -> Result<(), String> {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}?gracePeriodSeconds=0", self.pods);
        answer(api, Method::DELETE, &path, None).await.map(drop)
    }

    /// Creates so many Pods at the same time, when no other burst is under way.
    pub(crate) async fn burst(&self, count: usize) {
        let _turn = TURN.acquire().await.unwrap();
        self.at_once(count).await;
    }

    /// Creates so many Pods at the same time.
    pub(crate) async fn at_once(&self, count: usize) {
        let creates: JoinSet<()> = (0..count)
            .map(|_| {
                let creator = self.clone();
                async move { creator.create().await }
            })
            .collect();
        creates.join_all().await;
    }

    /// Creates Pods at a fixed rate until it is stopped, however long each takes.
    pub(crate) fn start(&self, rate: Rate) -> Traffic {
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(self.clone(), rate, stop.clone()));
        Traffic { running, stop }
    }

    /// Resets the counts.
    pub(crate) fn forget(&self) {
        *self.tally.lock().unwrap() = Tally::default();
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }
}

/// Pods that are being created.
pub(crate) struct Traffic {
    running: JoinHandle<()>,
    stop: CancellationToken,
}

impl Traffic {
    /// Lets what has begun come to its end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

async fn run(creator: Creator, rate: Rate, stop: CancellationToken) {
    let (mut ticks, mut bursts) = (interval(rate.pause), interval(rate.burst_pause));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    bursts.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut creates = JoinSet::new();
    loop {
        let creator = creator.clone();
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => creates.spawn(async move { creator.create().await }),
            _ = bursts.tick() => creates.spawn(async move { creator.burst(rate.burst).await }),
        };
        while let Some(created) = creates.try_join_next() {
            created.unwrap();
        }
    }
    creates.join_all().await;
}

/// The object of an answer, or why there is none.
async fn answer(api: &Api, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
    api.send(method, path, body).await?.ok()
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "pod-"},
        "spec": {"containers": [{"name": "app", "image": "app"}]},
    })
}

/// Whether the one token of a Pod lives an hour.
fn is_bounded(pod: &Value) -> Result<(), String> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let sources = volumes.flat_map(|volume| volume["projected"]["sources"].as_array().into_iter().flatten());
    let tokens = sources.filter_map(|source| source["serviceAccountToken"]["expirationSeconds"].as_u64());
    let lives: Vec<u64> = tokens.collect();
    if lives == [3600] { Ok(()) } else { Err(format!("its tokens live {lives:?} seconds")) }
}
