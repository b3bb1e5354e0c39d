//! A simulated replica: what it has observed, what it serves, and how it reconciles.

use std::time::Duration;

use boundtoken::certificates::Certificate;
use boundtoken::certificates::cluster::action::Action;
use boundtoken::certificates::cluster::adopt::{Adoption, TrustHistory, adopts};
use boundtoken::certificates::cluster::conflict::ConflictBackoff;
use boundtoken::certificates::cluster::plan::plan;
use boundtoken::certificates::cluster::state::{ClusterState, SecretState, WebhookState};

use super::{DWELL, NAME, REPLICA_LAG, Simulation, Version, schedule, wall};

/// What happens to the write of a reconciliation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WriteFate {
    Works,
    /// The write never arrives.
    Lost,
    /// The process ends before the write.
    CrashBefore,
    /// The process ends after the write.
    CrashAfter,
}

/// A write of the configuration that has not arrived yet.
#[derive(Clone, Debug)]
struct PendingWrite {
    configuration: u64,
    bundle: Vec<Certificate>,
}

#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are independent")]
pub struct Replica {
    /// Indices of the observed versions of both objects; `None` after a start.
    secret: Option<usize>,
    configuration: Option<usize>,
    memory: Option<SecretState>,
    pub serving: Option<Certificate>,
    /// Whether it served no trusted certificate before the present one.
    pub had_no_choice: bool,
    pub was_ready: bool,
    trust_history: TrustHistory,
    /// Whether its watch of the Secret delivers no events any more.
    pub watch_is_dead: bool,
    unchanged: Option<((usize, String), u64)>,
    conflict: ConflictBackoff,
    pending: Option<PendingWrite>,
    /// Whether it observed a change since the last reconciliation.
    pub has_news: bool,
    /// How far its clock is ahead.
    pub ahead: time::Duration,
}

/// The index of the version at that second.
pub fn newest<T>(versions: &[Version<T>], second: u64) -> usize {
    versions.iter().rposition(|version| version.since <= second).unwrap_or(0)
}

impl Simulation {
    pub fn restart(&mut self, index: usize) {
        let ahead = self.replicas[index].ahead;
        self.replicas[index] = Replica { ahead, ..Replica::default() };
    }

    /// A replica observes the changes that are older than the longest delay.
    pub fn catch_up(&mut self, index: usize) {
        let seen = self.second.saturating_sub(REPLICA_LAG);
        self.observe(index, newest(&self.secret, seen), newest(&self.configuration, seen));
    }

    /// A replica observes some of the newer versions.
    pub fn observe_some(&mut self, index: usize, secret: usize, configuration: usize) {
        let replica = &self.replicas[index];
        let secret = (replica.secret.unwrap_or(0) + secret).min(self.secret.len() - 1);
        let configuration =
            (replica.configuration.unwrap_or(0) + configuration).min(self.configuration.len() - 1);
        let seen = self.second.saturating_sub(REPLICA_LAG);
        let (least_secret, least) = (newest(&self.secret, seen), newest(&self.configuration, seen));
        self.observe(index, secret.max(least_secret), configuration.max(least));
    }

    fn observe(&mut self, index: usize, secret: usize, configuration: usize) {
        let replica = &mut self.replicas[index];
        let before = (replica.secret, replica.configuration);
        if !replica.watch_is_dead || replica.secret.is_none() {
            replica.secret = replica.secret.max(Some(secret));
        }
        replica.configuration = replica.configuration.max(Some(configuration));
        replica.has_news |= before != (replica.secret, replica.configuration);
        self.adopt(index);
    }

    /// Adopts the certificate of the Secret if it can be adopted.
    fn adopt(&mut self, index: usize) {
        let now = wall(self.second);
        let replica = &mut self.replicas[index];
        let secret = self.secret[replica.secret.unwrap()].object.as_ref();
        let webhooks = self.configuration[replica.configuration.unwrap()].object.as_ref();
        replica.trust_history.observe(webhooks, Duration::from_secs(self.second));
        let now = secret.map_or(now + replica.ahead, |secret| secret.latest(now + replica.ahead));
        if let Some(secret) = secret.filter(|secret| secret.outdates(replica.memory.as_ref())) {
            replica.memory = Some(secret.clone());
        }
        if let Some(candidate) = secret.and_then(|secret| secret.serving.as_ref()) {
            let names = [NAME.to_owned()];
            let adoption = Adoption {
                serving: replica.serving.as_ref(),
                candidate,
                names: &names,
                webhooks,
                trusted_for: replica.trust_history.trusted_for(candidate, Duration::from_secs(self.second)),
                dwell: Duration::from_secs(DWELL),
            };
            if adopts(&adoption, now) {
                let before = replica.serving.as_ref().filter(|_| replica.was_ready);
                replica.had_no_choice =
                    before.is_none_or(|serving| replica.had_no_choice && serving.issuer == candidate.issuer);
                replica.serving = Some(candidate.clone());
            }
        }
        let accepts = |serving: &Certificate| {
            webhooks.is_some_and(|webhooks: &WebhookState| webhooks.accepts(serving, now))
        };
        replica.was_ready |= replica.serving.as_ref().is_some_and(accepts);
    }

    /// Reconciles once: at most one write, with this fate.
    pub fn reconcile(&mut self, index: usize, fate: WriteFate) {
        self.observe_some(index, 0, 0);
        let action = self.plan(index);
        self.replicas[index].has_news = false;
        if fate == WriteFate::CrashBefore {
            return self.restart(index);
        }
        if fate == WriteFate::Lost {
            return;
        }
        match action {
            Action::Wait(_) => {}
            Action::Publish(bundle) => self.publish(index, bundle),
            Action::WriteSecret(change) => {
                let (seen, memory) =
                    (self.replicas[index].secret.unwrap(), self.replicas[index].memory.clone());
                if self.secret[seen].number == self.secret.last().unwrap().number {
                    let before = self.secret().unwrap().clone();
                    let secret = self.changed(&before, &change, memory.as_ref());
                    self.put_secret(Some(secret), true);
                }
            }
        }
        if fate == WriteFate::CrashAfter {
            self.finish(index);
            self.restart(index);
        }
    }

    fn plan(&mut self, index: usize) -> Action {
        let now = Duration::from_secs(self.second);
        let replica = &mut self.replicas[index];
        let secret = self.secret[replica.secret.unwrap()].object.as_ref();
        let webhooks = self.configuration[replica.configuration.unwrap()].object.as_ref();
        let version = webhooks.map(|webhooks| webhooks.version.clone()).unwrap_or_default();
        let key = (replica.secret.unwrap(), version);
        if replica.unchanged.as_ref().is_none_or(|(seen, _)| *seen != key) {
            replica.unchanged = Some((key, self.second));
        }
        let unchanged = self.second - replica.unchanged.as_ref().unwrap().1;
        if let (Some(secret), Some(webhooks)) = (secret, webhooks) {
            if webhooks.trusts_exactly(&secret.trusted()) && webhooks.owned {
                replica.conflict.observe_in_sync(now);
            } else {
                replica.conflict.observe_drift(&webhooks.version, now);
            }
        }
        let names = [NAME.to_owned()];
        let state = ClusterState {
            secret,
            webhooks,
            memory: replica.memory.as_ref(),
            serving: replica.serving.as_ref(),
            names: &names,
            unchanged_for: Duration::from_secs(unchanged),
            may_publish: replica.conflict.retry_at(now).is_none(),
        };
        plan(&state, &schedule(), wall(self.second) + replica.ahead)
    }

    /// Reads the Secret without a delay, and sends the write.
    fn publish(&mut self, index: usize, bundle: Vec<Certificate>) {
        let replica = &mut self.replicas[index];
        if self.secret[replica.secret.unwrap()].number == self.secret.last().unwrap().number {
            let configuration = self.configuration[replica.configuration.unwrap()].number;
            replica.pending = Some(PendingWrite { configuration, bundle });
        }
    }

    /// The write of the configuration arrives, and succeeds if the version is still the latest.
    pub fn finish(&mut self, index: usize) {
        let Some(PendingWrite { configuration, bundle }) = self.replicas[index].pending.take() else {
            return;
        };
        self.replicas[index].conflict.record_write(Duration::from_secs(self.second));
        let newest = self.configuration.last().unwrap();
        if let Some(webhooks) = newest.object.as_ref().filter(|_| newest.number == configuration) {
            let bundles = vec![bundle; webhooks.bundles.len()];
            self.put_bundles(Some(bundles), true);
        }
    }

    /// Whether each replica serves the certificate in the Secret.
    pub fn all_serve_the_same(&self) -> bool {
        let secret = self.secret().and_then(|secret| secret.serving.as_ref());
        self.replicas.iter().all(|replica| replica.serving.is_some() && replica.serving.as_ref() == secret)
    }
}
