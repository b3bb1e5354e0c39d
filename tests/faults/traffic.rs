//! Creates real Pods, one by one and in bursts, and checks each for its bounded token.

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
    /// Errors of the API server, and Pods whose token is not bounded.
    pub(crate) failures: Vec<String>,
    pub(crate) worst: Duration,
    latencies: Vec<Duration>,
}

impl Tally {
    /// Adds the latencies of another tally.
    pub(crate) fn add_latencies(&mut self, other: &Self) {
        self.worst = self.worst.max(other.worst);
        self.latencies.extend_from_slice(&other.latencies);
    }

    /// The time within which 99 of 100 creates were answered.
    pub(crate) fn p99(&self) -> Duration {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        latencies.get((latencies.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// The rate at which Pods are created.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// The time between two single Pods.
    pub(crate) pause: Duration,
    /// The time between two bursts.
    pub(crate) burst_pause: Duration,
    /// The number of Pods in a burst. An API server keeps 25 idle connections per host, so each further one
    /// is new, in every burst.
    pub(crate) burst: usize,
}

/// Concurrent scenarios take turns with their bursts: the measurement is not how many Pods a machine can
/// create at once.
static TURN: Semaphore = Semaphore::const_new(1);

/// Creates Pods in one Namespace, through each API server in turn.
#[derive(Clone)]
pub(crate) struct Creator {
    apis: Arc<[Api]>,
    pods: Arc<str>,
    pod: Arc<Value>,
    next: Arc<AtomicUsize>,
    tally: Arc<Mutex<Tally>>,
}

impl Creator {
    /// Creates a Namespace that has opted in, and waits until each API server calls the install for it.
    pub(crate) async fn new(installed: &Installed, apis: &[&Api]) -> Self {
        Self::of(pod(), installed, apis).await
    }

    /// Like [`Self::new`], with Pods that are larger by so many bytes.
    pub(crate) async fn padded(bytes: usize, installed: &Installed, apis: &[&Api]) -> Self {
        let mut pod = pod();
        pod["metadata"]["annotations"] = json!({"example.com/padding": "x".repeat(bytes)});
        Self::of(pod, installed, apis).await
    }

    async fn of(pod: Value, installed: &Installed, apis: &[&Api]) -> Self {
        let namespace = format!("{}-pods", installed.name);
        installed.opt_in(&namespace).await;
        let pods: Arc<str> = format!("/api/v1/namespaces/{namespace}/pods").into();
        let apis = apis.iter().map(|api| (*api).clone()).collect();
        let creator = Self { apis, pods, pod: Arc::new(pod), next: Arc::default(), tally: Arc::default() };
        for api in creator.apis.iter() {
            eventually("a call of the webhook", async || creator.dry_run(api).await).await;
        }
        creator
    }

    /// The path of the Pods.
    pub(crate) fn path(&self) -> &str {
        &self.pods
    }

    /// The API servers.
    pub(crate) fn apis(&self) -> &[Api] {
        &self.apis
    }

    /// Creates a Pod by dry run through one API server.
    pub(crate) async fn dry_run(&self, api: &Api) -> Result<(), String> {
        let path = format!("{}?dryRun=All", self.pods);
        is_bounded(&answer(api, Method::POST, &path, Some(&self.pod)).await?)
    }

    /// Creates one Pod and deletes it.
    async fn create(&self) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let api = &self.apis[next % self.apis.len()];
        let began = Instant::now();
        let created = answer(api, Method::POST, &self.pods, Some(&self.pod)).await;
        let took = began.elapsed();
        let outcome = match created {
            Ok(pod) => self.delete(api, &pod).await.and_then(|()| is_bounded(&pod)),
            Err(error) => Err(error),
        };
        let mut tally = self.tally.lock().unwrap();
        tally.creates += 1;
        tally.worst = tally.worst.max(took);
        tally.latencies.push(took);
        tally.failures.extend(outcome.err());
    }

    async fn delete(&self, api: &Api, pod: &Value) -> Result<(), String> {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}?gracePeriodSeconds=0", self.pods);
        answer(api, Method::DELETE, &path, None).await.map(drop)
    }

    /// Creates this many Pods concurrently, when no other burst is in progress. Returns when the burst began.
    pub(crate) async fn burst(&self, count: usize) -> Instant {
        let _turn = TURN.acquire().await.unwrap();
        let began = Instant::now();
        self.at_once(count).await;
        began
    }

    /// Creates this many Pods concurrently.
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

    /// Resets the results.
    pub(crate) fn forget(&self) {
        *self.tally.lock().unwrap() = Tally::default();
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }
}

/// Running creations of Pods.
pub(crate) struct Traffic {
    running: JoinHandle<()>,
    stop: CancellationToken,
}

impl Traffic {
    /// Stops, and waits for the creations in flight.
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
            _ = bursts.tick() => creates.spawn(async move {
                creator.burst(rate.burst).await;
            }),
        };
        while let Some(created) = creates.try_join_next() {
            created.unwrap();
        }
    }
    creates.join_all().await;
}

/// The object in a response, or the error.
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

/// Checks that the Pod has one token, which lives an hour.
fn is_bounded(pod: &Value) -> Result<(), String> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let sources = volumes.flat_map(|volume| volume["projected"]["sources"].as_array().into_iter().flatten());
    let tokens = sources.filter_map(|source| source["serviceAccountToken"]["expirationSeconds"].as_u64());
    let lives: Vec<u64> = tokens.collect();
    if lives == [3600] { Ok(()) } else { Err(format!("its tokens live {lives:?} seconds")) }
}
