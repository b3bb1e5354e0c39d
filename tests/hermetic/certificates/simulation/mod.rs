//! A simulated cluster: one Secret, one webhook configuration, and replicas and API servers that observe both
//! with a delay. Certificates are numbers, so that thousands of histories take seconds.

pub mod disturb;
pub mod replica;

use std::collections::BTreeMap;
use std::time::Duration;

use boundtoken::certificates::certificate::Der;
use boundtoken::certificates::cluster::action::{CertificateRequest, RetiredCas, SecretChange};
use boundtoken::certificates::cluster::schedule::Schedule;
use boundtoken::certificates::cluster::state::{SecretState, WebhookState};
use boundtoken::certificates::{Certificate, Validity};
use time::OffsetDateTime;

use replica::Replica;

/// The longest delay before a replica observes a change, in seconds.
pub const REPLICA_LAG: u64 = 45;
/// The longest delay before an API server observes a change of the configuration, in seconds.
pub const API_SERVER_LAG: u64 = 120;
pub const DWELL: u64 = 300;
pub const TICK: u64 = 60;
pub const STEP: u64 = 5;
/// The longest time without a Secret or a configuration: less than the third of a certificate's life that is left when
/// it is due.
pub const LONGEST_ABSENCE: u64 = 1200;
pub const NAME: &str = "boundtoken.boundtoken.svc";

pub fn schedule() -> Schedule {
    Schedule {
        ca_life: time::Duration::hours(12),
        serving_life: time::Duration::hours(3),
        backdate: time::Duration::minutes(30),
        dwell: Duration::from_secs(DWELL),
        tick: Duration::from_secs(TICK),
    }
}

/// The wall clock of the API servers.
pub fn wall(second: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000) + Duration::from_secs(second)
}

/// One version of an object.
#[derive(Clone, Debug)]
pub struct Version<T> {
    pub since: u64,
    pub number: u64,
    pub object: Option<T>,
    /// Whether a replica wrote it.
    pub ours: bool,
}

pub struct Simulation {
    pub second: u64,
    pub secret: Vec<Version<SecretState>>,
    pub configuration: Vec<Version<WebhookState>>,
    pub replicas: Vec<Replica>,
    /// When keys were introduced without a dwell time, because no usable certificate was left.
    pub emergency: BTreeMap<Der, u64>,
    pub secret_writes: Vec<u64>,
    pub configuration_writes: Vec<u64>,
    /// Another writer overwrites the configuration until then.
    pub conflict_until: u64,
    next_number: u64,
    generation: u64,
}

impl Simulation {
    pub fn new() -> Self {
        let mut simulation = Self {
            second: 0,
            secret: Vec::new(),
            configuration: Vec::new(),
            replicas: Vec::new(),
            emergency: BTreeMap::new(),
            secret_writes: Vec::new(),
            configuration_writes: Vec::new(),
            conflict_until: 0,
            next_number: 1,
            generation: 0,
        };
        simulation.put_secret(Some(SecretState::default()), false);
        simulation.put_bundles(Some(vec![Vec::new(), Vec::new()]), false);
        simulation.replicas = (0..3).map(|_| Replica::default()).collect();
        simulation
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub fn der(&mut self) -> Der {
        Der(self.number().to_be_bytes().as_slice().into())
    }

    pub fn put_secret(&mut self, secret: Option<SecretState>, ours: bool) {
        let number = self.number();
        let object = secret.map(|secret| SecretState { written: Some(wall(self.second)), ..secret });
        self.secret.push(Version { since: self.second, number, object, ours });
        if ours {
            self.secret_writes.push(self.second);
        }
    }

    pub fn put_bundles(&mut self, bundles: Option<Vec<Vec<Certificate>>>, ours: bool) {
        let number = self.number();
        self.generation += 1;
        let owned =
            ours || self.configuration.last().and_then(|v| v.object.as_ref()).is_some_and(|v| v.owned);
        let version = self.generation.to_string();
        let object = bundles.map(|bundles| WebhookState { version, bundles, owned });
        self.configuration.push(Version { since: self.second, number, object, ours });
        if ours {
            self.configuration_writes.push(self.second);
        }
    }

    pub fn secret(&self) -> Option<&SecretState> {
        self.secret.last()?.object.as_ref()
    }

    pub fn webhooks(&self) -> Option<&WebhookState> {
        self.configuration.last()?.object.as_ref()
    }

    pub fn new_ca(&mut self, validity: Validity) -> Certificate {
        Certificate {
            der: self.der(),
            public_key: self.der(),
            issuer: None,
            names: Vec::new(),
            validity,
            is_ca: true,
        }
    }

    pub fn new_serving(&mut self, request: &CertificateRequest, ca: &Certificate) -> Certificate {
        let issuer = Some(ca.public_key.clone());
        Certificate {
            der: self.der(),
            public_key: self.der(),
            issuer,
            names: request.names.clone(),
            validity: request.validity,
            is_ca: false,
        }
    }

    /// The state of the Secret after a change, as `cluster::issue` writes it.
    pub fn changed(
        &mut self,
        before: &SecretState,
        change: &SecretChange,
        memory: Option<&SecretState>,
    ) -> SecretState {
        let mut secret = SecretState { agreement: None, ..before.clone() };
        match change {
            SecretChange::Create { ca, serving, retired } => {
                let ca = self.new_ca(*ca);
                self.emergency.insert(ca.public_key.clone(), self.second);
                secret.serving = Some(self.new_serving(serving, &ca));
                secret.ca = Some(ca);
                keep(&mut secret, retired);
            }
            SecretChange::Restore { retired } => {
                let memory = memory.unwrap();
                secret.ca.clone_from(&memory.ca);
                secret.next_ca.clone_from(&memory.next_ca);
                secret.serving.clone_from(&memory.serving);
                keep(&mut secret, retired);
            }
            SecretChange::Keep(retired) => keep(&mut secret, retired),
            SecretChange::RenewCa(validity) => {
                let der = self.der();
                let ca = secret.ca.as_mut().unwrap();
                ca.der = der;
                ca.validity = *validity;
            }
            SecretChange::Issue(request) => {
                let ca = secret.ca.clone().unwrap();
                self.note_emergency(before, &ca);
                secret.serving = Some(self.new_serving(request, &ca));
            }
            SecretChange::Prepare { next, retired } => {
                secret.next_ca = Some(self.new_ca(*next));
                secret.new_key_requested = false;
                keep(&mut secret, retired);
            }
            SecretChange::Agree(agreement) => secret.agreement = Some(agreement.clone()),
            SecretChange::Switch { serving, retired } => {
                let ca = secret.next_ca.take().unwrap();
                self.note_emergency(before, &ca);
                secret.serving = Some(self.new_serving(serving, &ca));
                secret.ca = Some(ca);
                keep(&mut secret, retired);
            }
            SecretChange::Forget => keep(&mut secret, &RetiredCas::default()),
        }
        secret
    }

    /// Records that no usable certificate was left to serve until all API servers trust this CA.
    fn note_emergency(&mut self, before: &SecretState, ca: &Certificate) {
        let now = wall(self.second);
        let can_serve = |serving: &Certificate| before.ca.is_some() || now < serving.validity.not_after;
        if !before.usable().is_some_and(can_serve) {
            self.emergency.entry(ca.public_key.clone()).or_insert(self.second);
        }
    }

    /// Lets time pass. Replicas observe changes with a delay, and reconcile then and once per tick.
    pub fn advance(&mut self, seconds: u64) {
        for _ in 0..seconds.div_ceil(STEP) {
            self.second += STEP;
            self.overwrite();
            // No replica can renew without a Secret, or change the key without a configuration: both come back
            // before the last certificate expires.
            if self.second - self.secret.last().unwrap().since > LONGEST_ABSENCE {
                self.apply_secret();
            }
            if self.second - self.configuration.last().unwrap().since > LONGEST_ABSENCE {
                self.apply_configuration();
            }
            for index in 0..self.replicas.len() {
                self.catch_up(index);
                let tick = (self.second + STEP * index as u64) % TICK < STEP;
                if tick || self.replicas[index].has_news {
                    self.reconcile(index, replica::WriteFate::Works);
                    self.finish(index);
                }
            }
            self.check();
        }
    }

    /// Asserts that every bundle that an API server may still use accepts what every replica serves.
    pub fn check(&self) {
        let earliest = self.second.saturating_sub(API_SERVER_LAG);
        let mut until = u64::MAX;
        for version in self.configuration.iter().rev() {
            if until < earliest {
                break;
            }
            until = version.since;
            let Some(webhooks) = version.object.as_ref().filter(|_| version.ours) else { continue };
            for (number, replica) in self.replicas.iter().enumerate() {
                let Some(serving) = replica.serving.as_ref().filter(|_| replica.was_ready) else { continue };
                if !self.is_excused(replica, serving, version.since) {
                    assert!(
                        webhooks.accepts(serving, wall(self.second)),
                        "second {}: replica {number} serves {} under a bundle of second {}: {}",
                        self.second,
                        shown(serving.issuer.as_ref().unwrap(), serving.validity),
                        version.since,
                        webhooks.cas().map(|one| shown(&one.public_key, one.validity)).collect::<String>(),
                    );
                }
            }
        }
    }

    /// Whether a replica could not wait: it never served another certificate, and its CA was introduced in an
    /// emergency.
    fn is_excused(&self, replica: &Replica, serving: &Certificate, since: u64) -> bool {
        let issuer = serving.issuer.as_ref().unwrap();
        let Some(made) = self.emergency.get(issuer) else { return false };
        let first = self.configuration.iter().find(|version| {
            version.since >= *made
                && version
                    .object
                    .as_ref()
                    .is_some_and(|webhooks| webhooks.cas().any(|one| one.public_key == *issuer))
        });
        replica.had_no_choice && first.is_none_or(|first| since < first.since)
    }
}

/// A key with the seconds in which its certificate is valid.
fn shown(key: &Der, validity: Validity) -> String {
    let second = |moment: OffsetDateTime| (moment - wall(0)).whole_seconds();
    format!("[{} {}..{}]", key.0[7], second(validity.not_before), second(validity.not_after))
}

fn keep(secret: &mut SecretState, retired: &RetiredCas) {
    secret.retired.clone_from(&retired.cas);
    secret.retired_until = retired.until.filter(|_| !retired.cas.is_empty());
}
