//! Disturbances of the simulated cluster by people, programs and clocks.

use boundtoken::certificates::cluster::state::{SecretState, has_key};
use boundtoken::certificates::{Certificate, Validity};
use proptest::prelude::*;
use time::OffsetDateTime;

use super::replica::{WriteFate, newest};
use super::{DWELL, LONGEST_ABSENCE, REPLICA_LAG, Simulation, Version, wall};

#[derive(Clone, Debug)]
pub enum Event {
    Advance(u64),
    Observe(usize, usize, usize),
    Reconcile(usize, WriteFate),
    Finish(usize),
    Restart(usize),
    Clock(usize, i64),
    NewKey,
    EmptySecret,
    LoseCaKey,
    LoseCa,
    LoseServing,
    ExternalCa,
    DeleteSecret,
    ApplySecret,
    /// The Secret is restored from a backup that is so many seconds old.
    RestoreSecret(u64),
    WipeBundle,
    WipeOneBundle,
    ReplaceBundle,
    RevertBundle(usize),
    DeleteConfiguration,
    ApplyConfiguration,
    Conflict(u64),
}

pub fn events() -> impl Strategy<Value = Vec<Event>> {
    let fate = prop_oneof![
        4 => Just(WriteFate::Works),
        1 => Just(WriteFate::Lost),
        1 => Just(WriteFate::CrashBefore),
        1 => Just(WriteFate::CrashAfter),
    ];
    let event = prop_oneof![
        20 => (1_u64..400).prop_map(Event::Advance),
        3 => (600_u64..9000).prop_map(Event::Advance),
        10 => (0_usize..3, 0_usize..4, 0_usize..4).prop_map(|(a, b, c)| Event::Observe(a, b, c)),
        20 => (0_usize..3, fate).prop_map(|(replica, fate)| Event::Reconcile(replica, fate)),
        10 => (0_usize..3).prop_map(Event::Finish),
        3 => (0_usize..3).prop_map(Event::Restart),
        // One clock is right: if all are behind, no replica can know that a certificate is due.
        2 => (0_usize..2, prop_oneof![Just(-3650_i64), Just(3650), Just(0), Just(-1), Just(1)])
            .prop_map(|(replica, days)| Event::Clock(replica, days)),
        6 => Just(Event::NewKey),
        1 => Just(Event::EmptySecret),
        1 => Just(Event::LoseCaKey),
        1 => Just(Event::LoseCa),
        1 => Just(Event::LoseServing),
        1 => Just(Event::ExternalCa),
        1 => Just(Event::DeleteSecret),
        2 => Just(Event::ApplySecret),
        1 => Just(Event::WipeBundle),
        1 => Just(Event::WipeOneBundle),
        1 => Just(Event::ReplaceBundle),
        2 => (60_u64..20_000).prop_map(Event::RestoreSecret),
        1 => (0_usize..5).prop_map(Event::RevertBundle),
        1 => Just(Event::DeleteConfiguration),
        2 => Just(Event::ApplyConfiguration),
        1 => (10_u64..300).prop_map(Event::Conflict),
    ];
    prop::collection::vec(event, 1..80)
}

impl Simulation {
    pub fn disturb(&mut self, event: &Event) {
        // Losing both objects at once is a new install.
        let lost = self.secret().is_none_or(|secret| secret.usable().is_none());
        let unpublished = self.webhooks().is_none_or(|webhooks| !webhooks.owned);
        // A CA in use is lost if a backup replaced it in the Secret and it is in no bundle.
        let (in_secret, in_bundles) = (self.secret_trusts_all(), self.bundles_trust_all());
        match *event {
            Event::DeleteConfiguration if lost => {}
            Event::RestoreSecret(_) if !in_bundles => {}
            Event::WipeBundle
            | Event::WipeOneBundle
            | Event::ReplaceBundle
            | Event::RevertBundle(_)
            | Event::Conflict(_)
            | Event::DeleteConfiguration
                if !in_secret => {}
            Event::DeleteSecret
            | Event::EmptySecret
            | Event::LoseServing
            | Event::LoseCa
            | Event::ExternalCa
            | Event::RestoreSecret(_)
                if unpublished => {}
            Event::Advance(seconds) => self.advance(seconds),
            Event::Observe(replica, secret, configuration) => {
                self.observe_some(replica, secret, configuration);
            }
            Event::Reconcile(replica, fate) => self.reconcile(replica, fate),
            Event::Finish(replica) => self.finish(replica),
            Event::Restart(replica) => self.restart(replica),
            Event::Clock(replica, days) => self.replicas[replica].ahead = time::Duration::days(days),
            Event::NewKey => self.edit(|secret| secret.new_key_requested = true),
            Event::EmptySecret => self.edit(|secret| *secret = SecretState::default()),
            Event::LoseCaKey => self.edit(|secret| secret.retired.extend(secret.ca.take())),
            Event::LoseCa => self.edit(|secret| secret.ca = None),
            Event::LoseServing => self.edit(|secret| secret.serving = None),
            Event::ExternalCa => self.replace_authority(),
            Event::DeleteSecret => self.put_secret(None, false),
            Event::ApplySecret => self.apply_secret(),
            Event::RestoreSecret(seconds) => self.restore_secret(seconds),
            Event::WipeBundle => self.edit_bundles(|bundles| bundles.iter_mut().for_each(Vec::clear)),
            Event::WipeOneBundle => self.edit_bundles(|bundles| bundles[0].clear()),
            Event::ReplaceBundle => self.replace_bundle(),
            Event::RevertBundle(back) => self.revert_bundle(back),
            Event::DeleteConfiguration => self.put_bundles(None, false),
            Event::ApplyConfiguration => self.apply_configuration(),
            Event::Conflict(seconds) => self.conflict_until = self.second + seconds,
        }
        self.check();
    }

    fn edit(&mut self, edit: impl FnOnce(&mut SecretState)) {
        if let Some(mut secret) = self.secret().cloned() {
            edit(&mut secret);
            self.put_secret(Some(secret), false);
        }
    }

    pub fn apply_secret(&mut self) {
        if self.secret().is_none() {
            self.put_secret(Some(SecretState::default()), false);
        }
    }

    /// The certificates that replicas serve, or may serve once they observe the Secret.
    fn in_use(&self) -> impl Iterator<Item = &Certificate> {
        let seen = newest(&self.secret, self.second.saturating_sub(REPLICA_LAG));
        let unseen =
            self.secret[seen..].iter().filter_map(|version| version.object.as_ref()?.serving.as_ref());
        self.replicas.iter().filter_map(|replica| replica.serving.as_ref()).chain(unseen)
    }

    /// Whether the CA of every certificate in use is in the last usable version of the Secret, which replicas
    /// restore, and in each usable version that a replica may remember before it observes that one.
    fn secret_trusts_all(&self) -> bool {
        let seen = newest(&self.secret, self.second.saturating_sub(REPLICA_LAG));
        let usable = |version: &Version<SecretState>| {
            version.object.as_ref().filter(|secret| secret.usable().is_some()).map(SecretState::trusted)
        };
        let last = self.secret.iter().rev().find_map(usable);
        last.into_iter().chain(self.secret[seen..].iter().filter_map(usable)).all(|trusted| {
            self.in_use()
                .all(|serving| serving.issuer.as_ref().is_none_or(|issuer| has_key(&trusted, issuer)))
        })
    }

    fn bundles_trust_all(&self) -> bool {
        let webhooks = self.webhooks().filter(|_| self.conflict_until <= self.second);
        webhooks.is_some_and(|webhooks| self.in_use().all(|serving| webhooks.trusts_issuer_of(serving)))
    }

    fn restore_secret(&mut self, seconds: u64) {
        let backup = newest(&self.secret, self.second.saturating_sub(seconds));
        let Some(secret) = self.secret[backup].object.clone() else { return };
        // A certificate may expire before a lost CA is replaced: both objects may be absent, and interrupt the
        // dwell time of its successor, which takes up to three times as long with all delays.
        let (now, soon) = (wall(self.second), wall(self.second + 2 * LONGEST_ABSENCE + 6 * DWELL));
        let ends = secret.serving.as_ref().map_or(soon, |serving| serving.validity.not_after);
        // A CA that was removed comes back, and API servers that lag do not know it.
        let trusted = self.webhooks().is_some_and(|webhooks| {
            secret.serving.as_ref().is_none_or(|serving| webhooks.trusts_issuer_of(serving))
        });
        if self.secret().is_some() && trusted && (ends <= now || soon <= ends) {
            self.put_secret(Some(secret), false);
        }
    }

    fn replace_authority(&mut self) {
        let ca = self.new_ca(ca_validity(wall(self.second)));
        self.edit(|secret| secret.ca = Some(ca));
    }

    fn edit_bundles(&mut self, edit: impl FnOnce(&mut Vec<Vec<Certificate>>)) {
        if let Some(webhooks) = self.webhooks() {
            let mut bundles = webhooks.bundles.clone();
            edit(&mut bundles);
            self.put_bundles(Some(bundles), false);
        }
    }

    fn replace_bundle(&mut self) {
        let ca = self.new_ca(ca_validity(wall(self.second)));
        self.edit_bundles(|bundles| bundles.fill(vec![ca]));
    }

    fn revert_bundle(&mut self, back: usize) {
        let index = self.configuration.len().saturating_sub(back + 1);
        let bundles = self.configuration[index].object.as_ref().map(|webhooks| webhooks.bundles.clone());
        if self.webhooks().is_some() && bundles.is_some() {
            self.put_bundles(bundles, false);
        }
    }

    pub fn apply_configuration(&mut self) {
        if self.webhooks().is_none() {
            self.put_bundles(Some(vec![Vec::new(), Vec::new()]), false);
        }
    }

    /// Another writer empties each bundle that a replica wrote.
    pub fn overwrite(&mut self) {
        let newest = self.configuration.last().unwrap();
        if self.second < self.conflict_until && newest.ours {
            self.edit_bundles(|bundles| bundles.iter_mut().for_each(Vec::clear));
        }
    }
}

/// The validity of a CA that another writer makes now.
fn ca_validity(now: OffsetDateTime) -> Validity {
    Validity { not_before: now - time::Duration::hours(1), not_after: now + time::Duration::hours(12) }
}
