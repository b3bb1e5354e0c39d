//! A cluster of symbols: one Secret, one webhook configuration, replicas and API servers that see both
//! late. Certificates are numbers, so that thousands of histories take seconds.

pub mod disturb;
pub mod replica;

use std::collections::BTreeMap;
use std::time::Duration;

use boundtoken::certificates::certificate::Der;
use boundtoken::certificates::cluster::action::{CertificateRequest, RetiredCas, SecretChange};
use boundtoken::certificates::cluster::schedule::Schedule;
use boundtoken::certificates::cluster::state::{SecretState, WebhookState};
use boundtoken::certificates::{Certificate, Validity};
use time::{Duration as Life, OffsetDateTime};

use replica::Replica;

/// How late a replica sees a change at most, in seconds.
pub const REPLICA_LAG: u64 = 45;
/// How late an API server sees a change of the configuration at most, in seconds.
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
        ca_life: Life::hours(12),
        serving_life: Life::hours(3),
        backdate: Life::minutes(30),
        dwell: Duration::from_secs(DWELL),
        tick: Duration::from_secs(TICK),
    }
}

/// The time that API servers have.
pub fn wall(second: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Life::days(20_000) + Duration::from_secs(second)
}

/// One version of an object, from a second on.
#[derive(Clone, Debug)]
pub struct Version<T> {
    pub since: u64,
    pub number: u64,
    pub object: Option<T>,
    /// Written by a replica.
    pub ours: bool,
}

pub struct World {
    pub second: u64,
    pub secret: Vec<Version<SecretState>>,
    pub configuration: Vec<Version<WebhookState>>,
    pub replicas: Vec<Replica>,
    /// Keys that came without any waiting, because nothing was left that could be served; and when.
    pub emergency: BTreeMap<Der, u64>,
    pub secret_writes: Vec<u64>,
    pub configuration_writes: Vec<u64>,
    /// Another writer overwrites the configuration until then.
    pub fight_until: u64,
    next_number: u64,
    generation: u64,
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            second: 0,
            secret: Vec::new(),
            configuration: Vec::new(),
            replicas: Vec::new(),
            emergency: BTreeMap::new(),
            secret_writes: Vec::new(),
            configuration_writes: Vec::new(),
            fight_until: 0,
            next_number: 1,
            generation: 0,
        };
        world.put_secret(Some(SecretState::default()), false);
        world.put_bundles(Some(vec![Vec::new(), Vec::new()]), false);
        world.replicas = (0..3).map(|_| Replica::default()).collect();
        world
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub fn der(&mut self) -> Der {
        Der(self.number().to_be_bytes().as_slice().into())
    }

    pub fn put_secret(&mut self, held: Option<SecretState>, ours: bool) {
        let number = self.number();
        let object = held.map(|held| SecretState { written: Some(wall(self.second)), ..held });
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

    pub fn held(&self) -> Option<&SecretState> {
        self.secret.last()?.object.as_ref()
    }

    pub fn live(&self) -> Option<&WebhookState> {
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

    /// What the Secret holds after a change: the contract of whoever carries changes out.
    pub fn changed(
        &mut self,
        before: &SecretState,
        change: &SecretChange,
        memory: Option<&SecretState>,
    ) -> SecretState {
        let mut held = SecretState { agreement: None, ..before.clone() };
        match change {
            SecretChange::Create { ca, serving, retired } => {
                let ca = self.new_ca(*ca);
                self.emergency.insert(ca.public_key.clone(), self.second);
                held.serving = Some(self.new_serving(serving, &ca));
                held.ca = Some(ca);
                keep(&mut held, retired);
            }
            SecretChange::Restore { retired } => {
                let memory = memory.unwrap();
                held.ca.clone_from(&memory.ca);
                held.next_ca.clone_from(&memory.next_ca);
                held.serving.clone_from(&memory.serving);
                keep(&mut held, retired);
            }
            SecretChange::Keep(retired) => keep(&mut held, retired),
            SecretChange::RenewCa(validity) => {
                let der = self.der();
                let ca = held.ca.as_mut().unwrap();
                ca.der = der;
                ca.validity = *validity;
            }
            SecretChange::Issue(request) => {
                let ca = held.ca.clone().unwrap();
                self.note_emergency(before, &ca);
                held.serving = Some(self.new_serving(request, &ca));
            }
            SecretChange::Prepare { next, retired } => {
                held.next_ca = Some(self.new_ca(*next));
                held.new_key_requested = false;
                keep(&mut held, retired);
            }
            SecretChange::Agree(agreement) => held.agreement = Some(agreement.clone()),
            SecretChange::Switch { serving, retired } => {
                let ca = held.next_ca.take().unwrap();
                self.note_emergency(before, &ca);
                held.serving = Some(self.new_serving(serving, &ca));
                held.ca = Some(ca);
                keep(&mut held, retired);
            }
            SecretChange::Forget => keep(&mut held, &RetiredCas::default()),
        }
        held
    }

    /// Notes that nothing was left that could have been served until everybody trusts `authority`.
    fn note_emergency(&mut self, before: &SecretState, ca: &Certificate) {
        if before.usable().is_none() {
            self.emergency.entry(ca.public_key.clone()).or_insert(self.second);
        }
    }

    /// Lets time pass; replicas see what they have to see, and look at everything then and once per tick.
    pub fn advance(&mut self, seconds: u64) {
        for _ in 0..seconds.div_ceil(STEP) {
            self.second += STEP;
            self.fight();
            // Nobody can renew without a Secret, nor change the key without a configuration: both come
            // back before the last certificate expires.
            if self.second - self.secret.last().unwrap().since > LONGEST_ABSENCE {
                self.apply_secret();
            }
            if self.second - self.configuration.last().unwrap().since > LONGEST_ABSENCE {
                self.apply_configuration();
            }
            for index in 0..self.replicas.len() {
                self.catch_up(index);
                let tick = (self.second + STEP * index as u64) % TICK < STEP;
                if tick || self.replicas[index].news {
                    self.pass(index, replica::Fate::Works);
                    self.finish(index);
                }
            }
            self.check();
        }
    }

    /// What each API server may believe is accepted with what each replica serves.
    pub fn check(&self) {
        let earliest = self.second.saturating_sub(API_SERVER_LAG);
        let mut until = u64::MAX;
        for version in self.configuration.iter().rev() {
            if until < earliest {
                break;
            }
            until = version.since;
            let Some(live) = version.object.as_ref().filter(|_| version.ours) else { continue };
            for (number, replica) in self.replicas.iter().enumerate() {
                let Some(serving) = replica.serving.as_ref().filter(|_| replica.was_ready) else { continue };
                if !self.is_excused(replica, serving, version.since) {
                    assert!(
                        live.accepts(serving, wall(self.second)),
                        "second {}: replica {number} serves {} under a bundle of second {}: {}",
                        self.second,
                        shown(serving.issuer.as_ref().unwrap(), serving.validity),
                        version.since,
                        live.cas().map(|one| shown(&one.public_key, one.validity)).collect::<String>(),
                    );
                }
            }
        }
    }

    /// A replica that never served anything else cannot wait, if its authority came out of need.
    fn is_excused(&self, replica: &Replica, serving: &Certificate, since: u64) -> bool {
        let issuer = serving.issuer.as_ref().unwrap();
        let Some(made) = self.emergency.get(issuer) else { return false };
        let first = self.configuration.iter().find(|version| {
            version.since >= *made
                && version.object.as_ref().is_some_and(|live| live.cas().any(|one| one.public_key == *issuer))
        });
        replica.had_no_choice && first.is_none_or(|first| since < first.since)
    }
}

/// A key with the seconds in which its certificate is valid.
fn shown(key: &Der, validity: Validity) -> String {
    let second = |moment: OffsetDateTime| (moment - wall(0)).whole_seconds();
    format!("[{} {}..{}]", key.0[7], second(validity.not_before), second(validity.not_after))
}

fn keep(held: &mut SecretState, retired: &RetiredCas) {
    held.retired.clone_from(&retired.cas);
    held.retired_until = retired.until.filter(|_| !retired.cas.is_empty());
}
