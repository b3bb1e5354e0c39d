//! The certificate controller of one replica: it observes both objects, plans one action and applies it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::watcher::DefaultBackoff;
use kube::{Api, Client};
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior};

use super::action::{Action, WaitReason};
use super::advice::{advice, secret_conflict};
use super::conflict::{ConflictBackoff, WriteLimiter};
use super::incidents::{Activity, Incidents};
use super::install::Install;
use super::plan::plan;
use super::replica::{Observation, Replica};
use super::schedule::Schedule;
use super::state::ClusterState;
use super::watch::{self, MAX_RETRY_INTERVAL, ObjectWatch, WatchUpdate};
use super::writer::{WriteError, WriteOutcome, Writer};
use crate::certificates::ServingCertificate;
use crate::cluster::timeout::{REQUEST_TIMEOUT, with_timeout};
use crate::telemetry::metrics::{Metrics, ObjectLabel, ResultLabel, WriteResult};

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// Keeps Secret, `caBundle` and serving certificate in sync.
pub struct CertificateController {
    replica: Replica,
    writer: Writer,
    secret: ObjectWatch,
    configuration: ObjectWatch,
    schedule: Schedule,
    clock: Clock,
    started: Instant,
    /// The last observation, and since when it has been the same.
    unchanged: Option<(Observation, Instant)>,
    /// When the plan may change although nothing is observed before the next tick.
    next_due: Option<Instant>,
    conflict: ConflictBackoff,
    limiter: WriteLimiter,
    backoff: DefaultBackoff,
    /// The earliest time of the next write, after a failed write or at the write limit.
    retry_at: Option<Instant>,
    incidents: Incidents,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for CertificateController {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CertificateController").field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl CertificateController {
    /// Prepares a controller, which does nothing before [`CertificateController::run`].
    pub fn new(client: Client, install: Install, schedule: Schedule, metrics: Arc<Metrics>) -> Self {
        let client = with_timeout(client, REQUEST_TIMEOUT);
        let secrets = Api::namespaced_with(client.clone(), &install.namespace, &watch::secrets());
        let configurations = Api::all_with(client.clone(), &watch::configurations());
        Self {
            secret: ObjectWatch::new(secrets.clone(), &install.secret),
            configuration: ObjectWatch::new(configurations.clone(), &install.configuration),
            replica: Replica::new(install.clone(), schedule.dwell, Arc::clone(&metrics)),
            writer: Writer::new(client, secrets, configurations, install, Arc::clone(&metrics)),
            schedule,
            clock: Arc::new(crate::clock::now),
            started: Instant::now(),
            unchanged: None,
            next_due: None,
            conflict: ConflictBackoff::default(),
            limiter: WriteLimiter::default(),
            backoff: DefaultBackoff::default(),
            retry_at: None,
            incidents: Incidents::new(MAX_RETRY_INTERVAL),
            metrics,
        }
    }

    /// Replaces the clock of the machine by another one.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The certificate that the listener serves; handshakes fail until there is one.
    pub fn serving(&self) -> Arc<ServingCertificate> {
        Arc::clone(&self.replica.serving)
    }

    /// The readiness check `certificate`: the published `caBundle` verifies the certificate in use.
    pub fn readiness(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        self.replica.readiness()
    }

    /// Reconciles without end: when an object changes, at every tick, and when a retry is due. Errors are logged and
    /// retried.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.schedule.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let update = tokio::select! {
                update = self.secret.next() => self.is_change(Activity::WatchSecret, &update),
                update = self.configuration.next() => self.is_change(Activity::WatchWebhooks, &update),
                _ = ticks.tick() => true,
                () = sleep_until(self.retry_at) => {
                    self.retry_at = None;
                    true
                }
                () = sleep_until(self.next_due) => {
                    self.next_due = None;
                    true
                }
            };
            if update {
                self.reconcile().await;
            }
        }
    }

    /// Whether an object changed. A failure is reported.
    fn is_change(&mut self, activity: Activity, update: &WatchUpdate) -> bool {
        if let WatchUpdate::Failed(error) = update {
            self.incidents.report(activity, &format!("cannot watch: {error}"));
        }
        matches!(update, WatchUpdate::Changed)
    }

    /// Observes both objects, and applies one action.
    async fn reconcile(&mut self) {
        if !self.secret.observed.is_known() || !self.configuration.observed.is_known() {
            return;
        }
        // What is observed is served before any request is sent.
        self.observe();
        if self.retry_at.is_some() {
            return;
        }
        if self.writer.owner().is_empty() {
            if let Err(error) = self.writer.find_owner().await {
                return self.failed(&error);
            }
            self.observe();
        }
        let action = self.plan();
        self.apply(action).await;
    }

    fn observe(&mut self) {
        let (secret, configuration) = (self.secret.observed.object(), self.configuration.observed.object());
        let owner = self.writer.owner();
        self.replica.observe(secret, configuration, owner, self.started.elapsed(), (self.clock)());
    }

    fn plan(&mut self) -> Action {
        let unchanged_since = self.unchanged_since();
        let publish_at = self.observe_conflict(self.started.elapsed());
        let ticks = [1, 2].map(|ticks| unchanged_since + self.schedule.tick * ticks);
        let moments = ticks.into_iter().chain(publish_at.map(|at| self.started + at));
        self.next_due = moments.filter(|at| *at > Instant::now()).min();
        let state = ClusterState {
            secret: self.replica.secret_state(),
            webhooks: self.replica.webhook_state(),
            memory: self.replica.remembered_state(),
            serving: self.replica.served(),
            names: &self.replica.install.names,
            unchanged_for: unchanged_since.elapsed(),
            may_publish: publish_at.is_none(),
        };
        plan(&state, &self.schedule, (self.clock)())
    }

    fn unchanged_since(&mut self) -> Instant {
        let observation = self.replica.observation();
        match &self.unchanged {
            Some((last, since)) if *last == observation => *since,
            _ => self.unchanged.insert((observation, Instant::now())).1,
        }
    }

    /// Observes whether another writer overwrites the configuration. Returns when it may be written again, if it
    /// may not be written now.
    fn observe_conflict(&mut self, now: Duration) -> Option<Duration> {
        let object = self.configuration.observed.object();
        if let Some(uid) = object.and_then(|object| object.metadata.uid.as_deref()) {
            self.conflict.observe_object(uid, now);
        }
        if let Some(webhooks) = self.replica.webhook_state() {
            match self.replica.is_in_sync(webhooks) {
                Some(true) => self.conflict.observe_in_sync(now),
                Some(false) => self.conflict.observe_drift(&webhooks.version, now),
                None => {}
            }
        }
        self.conflict.retry_at(now)
    }

    async fn apply(&mut self, action: Action) {
        let outcome = match &action {
            Action::Wait(reason) => return self.wait(*reason),
            Action::WriteSecret(change) => {
                let Some(secret) = &self.replica.secret else { return };
                if let Err(pause) = self.limiter.acquire(self.started.elapsed()) {
                    self.retry_at = Some(Instant::now() + pause);
                    return self.incidents.report(Activity::Plan, &secret_conflict(&self.replica.install));
                }
                self.writer.write_secret(change, secret, self.replica.memory.as_ref()).await
            }
            Action::Publish(bundle) => {
                let Some(webhooks) = &self.replica.webhooks else { return };
                let expected = self.replica.secret.as_ref().map(|secret| secret.resource_version.as_str());
                let outcome = self.writer.publish(bundle, webhooks, expected).await;
                self.conflict.record_write(self.started.elapsed());
                outcome
            }
        };
        match outcome {
            Ok(WriteOutcome::Written) => self.backoff = DefaultBackoff::default(),
            // The watch delivers the newer version soon.
            Ok(WriteOutcome::Conflict) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &WriteError) {
        self.metrics.record_rotation(ResultLabel::Failure);
        let pause = self.backoff.next().unwrap_or(self.schedule.tick);
        self.retry_at = Some(Instant::now() + pause);
        self.incidents.report(Activity::Write, &crate::telemetry::chain(error));
    }

    fn wait(&mut self, reason: WaitReason) {
        if reason == WaitReason::RateLimited {
            self.metrics.record_write(ObjectLabel::Configuration, WriteResult::HeldBack);
        }
        match advice(&self.replica.install, reason) {
            Some(advice) => self.incidents.report(Activity::Plan, &advice),
            None => self.incidents.in_sync(),
        }
    }
}

/// Waits until the moment, or forever if there is none.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
