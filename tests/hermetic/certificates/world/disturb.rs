//! What happens to the cluster of the model: everything that people, programs and clocks do to it.

use boundtoken::certificates::cluster::state::{SecretState, has_key};
use boundtoken::certificates::{Certificate, Validity};
use proptest::prelude::*;
use time::Duration as Life;

use super::replica::{Fate, newest};
use super::{LONGEST_ABSENCE, REPLICA_LAG, World, wall};

#[derive(Clone, Debug)]
pub enum Event {
    Advance(u64),
    See(usize, usize, usize),
    Pass(usize, Fate),
    Finish(usize),
    Restart(usize),
    Clock(usize, i64),
    NewKey,
    EmptySecret,
    LoseAuthorityKey,
    LoseAuthority,
    LoseServing,
    ForeignAuthority,
    DeleteSecret,
    ApplySecret,
    /// Somebody restores the Secret from a backup that is so many seconds retired.
    RestoreSecret(u64),
    WipeBundle,
    WipeOneBundle,
    ForeignBundle,
    RevertBundle(usize),
    DeleteConfiguration,
    ApplyConfiguration,
    Fight(u64),
}

pub fn events() -> impl Strategy<Value = Vec<Event>> {
    let fate = prop_oneof![
        4 => Just(Fate::Works),
        1 => Just(Fate::Lost),
        1 => Just(Fate::CrashBefore),
        1 => Just(Fate::CrashAfter),
    ];
    let event = prop_oneof![
        20 => (1_u64..400).prop_map(Event::Advance),
        3 => (600_u64..9000).prop_map(Event::Advance),
        10 => (0_usize..3, 0_usize..4, 0_usize..4).prop_map(|(a, b, c)| Event::See(a, b, c)),
        20 => (0_usize..3, fate).prop_map(|(replica, fate)| Event::Pass(replica, fate)),
        10 => (0_usize..3).prop_map(Event::Finish),
        3 => (0_usize..3).prop_map(Event::Restart),
        // One clock is right: if all are behind, nobody can know that a certificate is due.
        2 => (0_usize..2, prop_oneof![Just(-3650_i64), Just(3650), Just(0), Just(-1), Just(1)])
            .prop_map(|(replica, days)| Event::Clock(replica, days)),
        6 => Just(Event::NewKey),
        1 => Just(Event::EmptySecret),
        1 => Just(Event::LoseAuthorityKey),
        1 => Just(Event::LoseAuthority),
        1 => Just(Event::LoseServing),
        1 => Just(Event::ForeignAuthority),
        1 => Just(Event::DeleteSecret),
        2 => Just(Event::ApplySecret),
        1 => Just(Event::WipeBundle),
        1 => Just(Event::WipeOneBundle),
        1 => Just(Event::ForeignBundle),
        2 => (60_u64..20_000).prop_map(Event::RestoreSecret),
        1 => (0_usize..5).prop_map(Event::RevertBundle),
        1 => Just(Event::DeleteConfiguration),
        2 => Just(Event::ApplyConfiguration),
        1 => (10_u64..300).prop_map(Event::Fight),
    ];
    prop::collection::vec(event, 1..80)
}

impl World {
    pub fn happen(&mut self, event: &Event) {
        // To lose both at once is to install anew, and whoever comes up first makes the authority.
        let lost = self.held().is_none_or(|held| held.usable().is_none());
        let unpublished = self.live().is_none_or(|live| !live.owned);
        // An authority in use that is in neither, because a backup took its place, is lost.
        let (in_secret, in_bundles) = (self.secret_trusts_all(), self.bundles_trust_all());
        match *event {
            Event::DeleteConfiguration if lost => {}
            Event::RestoreSecret(_) if !in_bundles => {}
            Event::WipeBundle
            | Event::WipeOneBundle
            | Event::ForeignBundle
            | Event::RevertBundle(_)
            | Event::Fight(_)
            | Event::DeleteConfiguration
                if !in_secret => {}
            Event::DeleteSecret
            | Event::EmptySecret
            | Event::LoseServing
            | Event::LoseAuthority
            | Event::ForeignAuthority
            | Event::RestoreSecret(_)
                if unpublished => {}
            Event::Advance(seconds) => self.advance(seconds),
            Event::See(replica, secret, configuration) => self.see_some(replica, secret, configuration),
            Event::Pass(replica, fate) => self.pass(replica, fate),
            Event::Finish(replica) => self.finish(replica),
            Event::Restart(replica) => self.restart(replica),
            Event::Clock(replica, days) => self.replicas[replica].ahead = Life::days(days),
            Event::NewKey => self.edit(|held| held.new_key_requested = true),
            Event::EmptySecret => self.edit(|held| *held = SecretState::default()),
            Event::LoseAuthorityKey => self.edit(|held| held.retired.extend(held.ca.take())),
            Event::LoseAuthority => self.edit(|held| held.ca = None),
            Event::LoseServing => self.edit(|held| held.serving = None),
            Event::ForeignAuthority => self.replace_authority(),
            Event::DeleteSecret => self.put_secret(None, false),
            Event::ApplySecret => self.apply_secret(),
            Event::RestoreSecret(seconds) => self.restore_secret(seconds),
            Event::WipeBundle => self.spoil(|bundles| bundles.iter_mut().for_each(Vec::clear)),
            Event::WipeOneBundle => self.spoil(|bundles| bundles[0].clear()),
            Event::ForeignBundle => self.replace_bundle(),
            Event::RevertBundle(back) => self.revert_bundle(back),
            Event::DeleteConfiguration => self.put_bundles(None, false),
            Event::ApplyConfiguration => self.apply_configuration(),
            Event::Fight(seconds) => self.fight_until = self.second + seconds,
        }
        self.check();
    }

    fn edit(&mut self, edit: impl FnOnce(&mut SecretState)) {
        if let Some(mut held) = self.held().cloned() {
            edit(&mut held);
            self.put_secret(Some(held), false);
        }
    }

    pub fn apply_secret(&mut self) {
        if self.held().is_none() {
            self.put_secret(Some(SecretState::default()), false);
        }
    }

    /// What replicas serve, or will when they see what has happened.
    fn in_use(&self) -> impl Iterator<Item = &Certificate> {
        let seen = newest(&self.secret, self.second.saturating_sub(REPLICA_LAG));
        let unseen =
            self.secret[seen..].iter().filter_map(|version| version.object.as_ref()?.serving.as_ref());
        self.replicas.iter().filter_map(|replica| replica.serving.as_ref()).chain(unseen)
    }

    /// Else replicas have forgotten what they served; they remember it while nothing else can be served.
    fn secret_trusts_all(&self) -> bool {
        let Some(held) = self.held().filter(|held| held.usable().is_some()) else { return true };
        let trusted = held.trusted();
        self.in_use().all(|serving| serving.issuer.as_ref().is_none_or(|issuer| has_key(&trusted, issuer)))
    }

    fn bundles_trust_all(&self) -> bool {
        let live = self.live().filter(|_| self.fight_until <= self.second);
        live.is_some_and(|live| self.in_use().all(|serving| live.trusts_issuer_of(serving)))
    }

    fn restore_secret(&mut self, seconds: u64) {
        let backup = newest(&self.secret, self.second.saturating_sub(seconds));
        let Some(held) = self.secret[backup].object.clone() else { return };
        // What ends within a few minutes cannot outlast what may happen next, if its authority is lost.
        let (now, soon) = (wall(self.second), wall(self.second + 2 * LONGEST_ABSENCE));
        let ends = held.serving.as_ref().map_or(soon, |serving| serving.validity.not_after);
        // An authority that was forgotten comes back, and API servers that are late do not know it.
        let trusted = self
            .live()
            .is_some_and(|live| held.serving.as_ref().is_none_or(|serving| live.trusts_issuer_of(serving)));
        if self.held().is_some() && trusted && (ends <= now || soon <= ends) {
            self.put_secret(Some(held), false);
        }
    }

    fn replace_authority(&mut self) {
        let now = wall(self.second);
        let validity = Validity { not_before: now - Life::hours(1), not_after: now + Life::hours(12) };
        let ca = self.new_ca(validity);
        self.edit(|held| held.ca = Some(ca));
    }

    fn spoil(&mut self, spoil: impl FnOnce(&mut Vec<Vec<Certificate>>)) {
        if let Some(live) = self.live() {
            let mut bundles = live.bundles.clone();
            spoil(&mut bundles);
            self.put_bundles(Some(bundles), false);
        }
    }

    fn replace_bundle(&mut self) {
        let now = wall(self.second);
        let validity = Validity { not_before: now - Life::hours(1), not_after: now + Life::hours(12) };
        let ca = self.new_ca(validity);
        self.spoil(|bundles| bundles.fill(vec![ca]));
    }

    fn revert_bundle(&mut self, back: usize) {
        let index = self.configuration.len().saturating_sub(back + 1);
        let bundles = self.configuration[index].object.as_ref().map(|live| live.bundles.clone());
        if self.live().is_some() && bundles.is_some() {
            self.put_bundles(bundles, false);
        }
    }

    pub fn apply_configuration(&mut self) {
        if self.live().is_none() {
            self.put_bundles(Some(vec![Vec::new(), Vec::new()]), false);
        }
    }

    /// A second writer that empties each bundle it did not empty itself.
    pub fn fight(&mut self) {
        let newest = self.configuration.last().unwrap();
        if self.second < self.fight_until && newest.ours {
            self.spoil(|bundles| bundles.iter_mut().for_each(Vec::clear));
        }
    }
}
