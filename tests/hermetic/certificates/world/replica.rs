//! A replica of the model: what it has seen, what it serves, and one pass of it.

use std::time::Duration;

use boundtoken::certificates::Certificate;
use boundtoken::certificates::cluster::action::Action;
use boundtoken::certificates::cluster::adopt::{Adoption, TrustHistory, adopts};
use boundtoken::certificates::cluster::conflict::ConflictBackoff;
use boundtoken::certificates::cluster::plan::plan;
use boundtoken::certificates::cluster::state::{ClusterState, SecretState, WebhookState};
use time::Duration as Life;

use super::{DWELL, NAME, REPLICA_LAG, Version, World, schedule, wall};

/// What becomes of a pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    Works,
    /// The write never arrives.
    Lost,
    /// The process ends before the write.
    CrashBefore,
    /// The process ends after the write.
    CrashAfter,
}

/// A write of the configuration that has left the replica and not yet arrived.
#[derive(Clone, Debug)]
struct Flying {
    configuration: u64,
    bundle: Vec<Certificate>,
}

#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what may be true of a replica is independent")]
pub struct Replica {
    /// Indices into the versions of both objects; `None` after a start, until something is seen.
    secret: Option<usize>,
    configuration: Option<usize>,
    memory: Option<SecretState>,
    pub serving: Option<Certificate>,
    /// It served nothing, or nothing that was ever trusted, before what it serves now.
    pub had_no_choice: bool,
    pub was_ready: bool,
    trust_history: TrustHistory,
    /// Its watch of the Secret is dead, and nobody noticed.
    pub blind: bool,
    steady: Option<((usize, String), u64)>,
    conflict: ConflictBackoff,
    flying: Option<Flying>,
    /// It has seen something that it has not yet acted on.
    pub news: bool,
    /// How far its clock is ahead.
    pub ahead: Life,
}

/// The version that was there at that moment.
pub fn newest<T>(versions: &[Version<T>], second: u64) -> usize {
    versions.iter().rposition(|version| version.since <= second).unwrap_or(0)
}

impl World {
    pub fn restart(&mut self, index: usize) {
        let ahead = self.replicas[index].ahead;
        self.replicas[index] = Replica { ahead, ..Replica::default() };
    }

    /// A replica sees what happened long enough ago.
    pub fn catch_up(&mut self, index: usize) {
        let seen = self.second.saturating_sub(REPLICA_LAG);
        self.see(index, newest(&self.secret, seen), newest(&self.configuration, seen));
    }

    /// A replica sees a part of what it has not yet seen.
    pub fn see_some(&mut self, index: usize, secret: usize, configuration: usize) {
        let replica = &self.replicas[index];
        let secret = (replica.secret.unwrap_or(0) + secret).min(self.secret.len() - 1);
        let configuration =
            (replica.configuration.unwrap_or(0) + configuration).min(self.configuration.len() - 1);
        let seen = self.second.saturating_sub(REPLICA_LAG);
        let (least_secret, least) = (newest(&self.secret, seen), newest(&self.configuration, seen));
        self.see(index, secret.max(least_secret), configuration.max(least));
    }

    fn see(&mut self, index: usize, secret: usize, configuration: usize) {
        let replica = &mut self.replicas[index];
        let before = (replica.secret, replica.configuration);
        if !replica.blind || replica.secret.is_none() {
            replica.secret = replica.secret.max(Some(secret));
        }
        replica.configuration = replica.configuration.max(Some(configuration));
        replica.news |= before != (replica.secret, replica.configuration);
        self.choose(index);
    }

    /// Decides what to serve after something was seen.
    fn choose(&mut self, index: usize) {
        let now = wall(self.second);
        let replica = &mut self.replicas[index];
        let secret = self.secret[replica.secret.unwrap()].object.as_ref();
        let live = self.configuration[replica.configuration.unwrap()].object.as_ref();
        replica.trust_history.observe(live, Duration::from_secs(self.second));
        let now = secret.map_or(now + replica.ahead, |held| held.latest(now + replica.ahead));
        if let Some(held) = secret.filter(|held| held.outdates(replica.memory.as_ref())) {
            replica.memory = Some(held.clone());
        }
        if let Some(candidate) = secret.and_then(|held| held.serving.as_ref()) {
            let names = [NAME.to_owned()];
            let adoption = Adoption {
                serving: replica.serving.as_ref(),
                candidate,
                names: &names,
                webhooks: live,
                trusted_for: replica.trust_history.trusted_for(candidate, Duration::from_secs(self.second)),
                dwell: Duration::from_secs(DWELL),
            };
            if adopts(&adoption, now) {
                let before = replica.serving.as_ref().filter(|_| replica.was_ready);
                replica.had_no_choice =
                    before.is_none_or(|serving| replica.had_no_choice && serving.issuer == candidate.issuer);
                // API servers go on calling for a while whoever was ready.
                replica.serving = Some(candidate.clone());
            }
        }
        let accepts =
            |serving: &Certificate| live.is_some_and(|live: &WebhookState| live.accepts(serving, now));
        replica.was_ready |= replica.serving.as_ref().is_some_and(accepts);
    }

    /// One pass: at most one write, which may meet its fate.
    pub fn pass(&mut self, index: usize, fate: Fate) {
        self.see_some(index, 0, 0);
        let action = self.decide(index);
        self.replicas[index].news = false;
        if fate == Fate::CrashBefore {
            return self.restart(index);
        }
        if fate == Fate::Lost {
            return;
        }
        match action {
            Action::Wait(_) => {}
            Action::Publish(bundle) => self.publish(index, bundle),
            Action::WriteSecret(change) => {
                let (seen, memory) =
                    (self.replicas[index].secret.unwrap(), self.replicas[index].memory.clone());
                if self.secret[seen].number == self.secret.last().unwrap().number {
                    let before = self.held().unwrap().clone();
                    let held = self.changed(&before, &change, memory.as_ref());
                    self.put_secret(Some(held), true);
                }
            }
        }
        if fate == Fate::CrashAfter {
            self.finish(index);
            self.restart(index);
        }
    }

    fn decide(&mut self, index: usize) -> Action {
        let now = Duration::from_secs(self.second);
        let replica = &mut self.replicas[index];
        let secret = self.secret[replica.secret.unwrap()].object.as_ref();
        let live = self.configuration[replica.configuration.unwrap()].object.as_ref();
        let version = live.map(|live| live.version.clone()).unwrap_or_default();
        let key = (replica.secret.unwrap(), version);
        if replica.steady.as_ref().is_none_or(|(seen, _)| *seen != key) {
            replica.steady = Some((key, self.second));
        }
        let steady = self.second - replica.steady.as_ref().unwrap().1;
        if let (Some(held), Some(live)) = (secret, live) {
            if live.trusts_exactly(&held.trusted()) && live.owned {
                replica.conflict.observe_in_sync(now);
            } else {
                replica.conflict.observe_drift(&live.version, now);
            }
        }
        let names = [NAME.to_owned()];
        let state = ClusterState {
            secret,
            webhooks: live,
            memory: replica.memory.as_ref(),
            serving: replica.serving.as_ref(),
            names: &names,
            unchanged_for: Duration::from_secs(steady),
            may_publish: replica.conflict.retry_at(now).is_none(),
        };
        plan(&state, &schedule(), wall(self.second) + replica.ahead)
    }

    /// Reads the Secret afresh, and sends the write on its way.
    fn publish(&mut self, index: usize, bundle: Vec<Certificate>) {
        let replica = &mut self.replicas[index];
        if self.secret[replica.secret.unwrap()].number == self.secret.last().unwrap().number {
            let configuration = self.configuration[replica.configuration.unwrap()].number;
            replica.flying = Some(Flying { configuration, bundle });
        }
    }

    /// A write of the configuration arrives, and counts if nobody was faster.
    pub fn finish(&mut self, index: usize) {
        let Some(Flying { configuration, bundle }) = self.replicas[index].flying.take() else { return };
        self.replicas[index].conflict.record_write(Duration::from_secs(self.second));
        let newest = self.configuration.last().unwrap();
        if let Some(live) = newest.object.as_ref().filter(|_| newest.number == configuration) {
            let bundles = vec![bundle; live.bundles.len()];
            self.put_bundles(Some(bundles), true);
        }
    }

    /// Whether each replica serves what the Secret holds.
    pub fn all_serve_the_same(&self) -> bool {
        let held = self.held().and_then(|held| held.serving.as_ref());
        self.replicas.iter().all(|replica| replica.serving.is_some() && replica.serving.as_ref() == held)
    }
}
