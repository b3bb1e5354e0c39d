//! Keeps the certificates of the cluster: looks, decides, carries out one action, and looks again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kube::runtime::watcher::DefaultBackoff;
use kube::{Api, Client};
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::action::{Action, Waiting};
use super::damper::{Budget, Damper};
use super::plan::plan;
use super::replica::{Contents, Replica};
use super::schedule::Settings;
use super::state::State;
use super::views::{self, Change, LONGEST_PAUSE, View};
use super::writer::{Outcome, Writer};
use crate::certificates::ServingCertificate;
use crate::cluster::timeout::{REQUEST_TIMEOUT, with_timeout};
use crate::telemetry::metrics::{Metrics, ObjectLabel, ResultLabel, WriteResult};

/// What is where in the cluster.
#[derive(Clone, Debug)]
pub struct Place {
    /// Our own Namespace, which shall own the configuration.
    pub namespace: String,
    /// The Secret in it.
    pub secret: String,
    /// The `MutatingWebhookConfiguration`.
    pub configuration: String,
    /// The Service that API servers call.
    pub service: String,
    /// The names that the certificate speaks for; see [`Place::service_name`].
    pub names: Vec<String>,
}

impl Place {
    /// The name under which API servers verify a webhook that is a Service.
    pub fn service_name(service: &str, namespace: &str) -> String {
        format!("{service}.{namespace}.svc")
    }
}

/// What tells the time of day.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// Whose sentence it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Source {
    /// The watch of the Secret.
    Secret,
    /// The watch of the configuration.
    Configuration,
    /// What is to be done.
    Plan,
    /// What was tried.
    Write,
}

/// The keeper of one replica.
pub struct Keeper {
    replica: Replica,
    writer: Writer,
    secret: View,
    configuration: View,
    settings: Settings,
    clock: Clock,
    started: Instant,
    steady: Option<(Contents, Instant)>,
    /// When what is seen now will have been the same for as long as the plan asks for.
    ripe: Option<Instant>,
    damper: Damper,
    budget: Budget,
    backoff: DefaultBackoff,
    /// No write before this moment: the last one failed, or there were too many.
    paused: Option<Instant>,
    /// When something was last told.
    troubled: Option<Instant>,
    /// The last sentence of each, until everything is as it should be.
    told: BTreeMap<Source, String>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keeper").field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl Keeper {
    /// Prepares a keeper; it does nothing before [`Keeper::run`].
    pub fn new(client: Client, place: Place, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let client = with_timeout(client, REQUEST_TIMEOUT);
        let secrets = Api::namespaced_with(client.clone(), &place.namespace, &views::secrets());
        let configurations = Api::all_with(client.clone(), &views::configurations());
        Self {
            secret: View::new(secrets.clone(), &place.secret),
            configuration: View::new(configurations.clone(), &place.configuration),
            replica: Replica::new(place.clone(), settings.dwell, Arc::clone(&metrics)),
            writer: Writer::new(client, secrets, configurations, place, Arc::clone(&metrics)),
            settings,
            clock: Arc::new(crate::clock::now),
            started: Instant::now(),
            steady: None,
            ripe: None,
            damper: Damper::default(),
            budget: Budget::default(),
            backoff: DefaultBackoff::default(),
            paused: None,
            troubled: None,
            told: BTreeMap::new(),
            metrics,
        }
    }

    /// Takes another clock than that of the machine.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// What the listener serves; handshakes fail until there is something.
    pub fn serving(&self) -> Arc<ServingCertificate> {
        self.replica.serving()
    }

    /// The readiness check `certificate`: something is served, and the published `caBundle` verifies it.
    pub fn readiness(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        self.replica.readiness()
    }

    /// Keeps the certificates until it is cancelled. No error ends it.
    pub async fn run(mut self, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(self.settings.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pause = self.paused.unwrap_or_else(Instant::now);
            let (ripe, ripens) = (self.ripe.unwrap_or_else(Instant::now), self.ripe.is_some());
            let (source, change) = tokio::select! {
                () = cancelled.cancelled() => return,
                change = self.secret.next() => (Source::Secret, change),
                change = self.configuration.next() => (Source::Configuration, change),
                _ = ticks.tick() => (Source::Plan, Change::Due),
                () = tokio::time::sleep_until(pause), if self.paused.is_some() => {
                    self.paused = None;
                    (Source::Plan, Change::Due)
                }
                () = tokio::time::sleep_until(ripe), if ripens => {
                    self.ripe = None;
                    (Source::Plan, Change::Due)
                }
            };
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = self.take(source, change) => {}
            }
        }
    }

    async fn take(&mut self, source: Source, change: Change) {
        match change {
            Change::Changed | Change::Due => self.pass().await,
            Change::Same => {}
            Change::Failed(error) => {
                self.tell(source, format!("cannot watch: {error}"));
            }
        }
    }

    /// Looks at everything once, and carries out one action.
    async fn pass(&mut self) {
        if !self.secret.seen.is_known() || !self.configuration.seen.is_known() {
            return;
        }
        self.look();
        if self.paused.is_some() {
            return;
        }
        if self.writer.owner().is_empty() {
            if let Err(error) = self.writer.find_owner().await {
                return self.failed(&error);
            }
            self.look();
        }
        let action = self.decide();
        self.carry_out(action).await;
    }

    /// Takes in what is seen, and serves what is to be served.
    fn look(&mut self) {
        let (secret, configuration) = (self.secret.seen.object(), self.configuration.seen.object());
        let owner = self.writer.owner();
        self.replica.look(secret, configuration, owner, self.started.elapsed(), (self.clock)());
    }

    fn decide(&mut self) -> Action {
        let now = self.started.elapsed();
        let contents = self.replica.contents();
        if self.steady.as_ref().is_none_or(|(seen, _)| *seen != contents) {
            self.steady = Some((contents, Instant::now()));
        }
        let since = self.steady.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        let steady = since.elapsed();
        let (secret, live) = (self.replica.held(), self.replica.live());
        if let Some(uid) = self.configuration.seen.object().and_then(|object| object.metadata.uid.as_deref())
        {
            self.damper.saw_object(uid, now);
        }
        if let Some(live) = live {
            match self.replica.is_right(live) {
                Some(true) => self.damper.saw_right(now),
                Some(false) => self.damper.saw_wrong(&live.version, now),
                None => {}
            }
        }
        let held_until = self.damper.held_until(now);
        let ticks = [1, 2].map(|ticks| since + self.settings.tick * ticks);
        let moments = ticks.into_iter().chain(held_until.map(|until| self.started + until));
        self.ripe = moments.filter(|at| *at > Instant::now()).min();
        let state = State {
            secret,
            configuration: live,
            memory: self.replica.memory().map(|stored| &stored.held),
            serving: self.replica.leaf(),
            names: self.replica.names(),
            steady,
            may_publish: held_until.is_none(),
        };
        plan(&state, &self.settings, (self.clock)())
    }

    async fn carry_out(&mut self, action: Action) {
        let outcome = match &action {
            Action::Wait(waiting) => return self.tell_waiting(*waiting),
            Action::Write(change) => {
                let Some(stored) = self.replica.stored() else { return };
                if let Err(pause) = self.budget.take(self.started.elapsed()) {
                    self.paused = Some(Instant::now() + pause);
                    return self.tell(Source::Plan, self.writer.complaint());
                }
                self.writer.write(change, stored, self.replica.memory()).await
            }
            Action::Publish(bundle) => {
                let Some(published) = self.replica.published() else { return };
                let expected = self.replica.stored().map(|stored| stored.resource_version.clone());
                let outcome = self.writer.publish(bundle, published, expected).await;
                self.damper.wrote(self.started.elapsed());
                outcome
            }
        };
        match outcome {
            Ok(Outcome::Done) => self.backoff = DefaultBackoff::default(),
            // Whoever was faster is seen soon.
            Ok(Outcome::Conflict) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &super::writer::WriteError) {
        self.metrics.record_rotation(ResultLabel::Failure);
        let pause = self.backoff.next().unwrap_or(self.settings.tick);
        self.paused = Some(Instant::now() + pause);
        self.tell(Source::Write, crate::telemetry::chain(error));
    }

    fn tell_waiting(&mut self, waiting: Waiting) {
        if waiting == Waiting::HeldBack {
            self.metrics.record_write(ObjectLabel::Configuration, WriteResult::HeldBack);
        }
        match self.writer.advice(waiting) {
            Some(advice) => self.tell(Source::Plan, advice),
            None if self.told.is_empty() || self.is_troubled() => {}
            None => {
                tracing::info!("the certificates of the cluster are as they should be again");
                self.told.clear();
            }
        }
    }

    /// Whether it may not be over yet: a watch that goes on says nothing before something changes, and somebody
    /// who fights writes again.
    fn is_troubled(&self) -> bool {
        self.troubled.is_some_and(|told| told.elapsed() < LONGEST_PAUSE)
    }

    /// Once per sentence, also if several have the same: everything is looked at again every minute.
    fn tell(&mut self, source: Source, sentence: String) {
        if !self.told.values().any(|told| *told == sentence) {
            tracing::warn!(reason = sentence, "the certificates of the cluster are not as they should be");
        }
        self.told.insert(source, sentence);
        self.troubled = Some(Instant::now());
    }
}
