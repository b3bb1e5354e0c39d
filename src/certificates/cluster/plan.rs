//! Decides what to do about the certificates of the cluster. Pure: no API, no clock, no randomness.
//!
//! One action per pass, and none if everything is as it should be. Whatever a crash leaves behind is a
//! state like any other, and any replica goes on from there.

use time::OffsetDateTime;

use super::action::{Action, Change, Old, Request, Waiting};
use super::bundle::{self, MAX_OLD, add_new};
use super::schedule::{Settings, add};
use super::state::{Agreed, Certificate, Held, Leaf, Live, State, Validity, has_key};

/// Decides. `clock` is the wall clock of this machine, which may be wrong.
pub fn plan(state: &State<'_>, settings: &Settings, clock: OffsetDateTime) -> Action {
    let Some(held) = state.secret else { return bundle::without_secret(state) };
    let pass = Pass { state, settings, held, clock, now: held.latest(clock) };
    let rules = [
        Pass::refill,
        Pass::keep,
        Pass::replace_orphan,
        Pass::replace_lost_authority,
        Pass::renew_authority,
        Pass::publish,
        Pass::renew,
        Pass::prepare,
        Pass::switch,
        Pass::forget,
    ];
    rules.iter().find_map(|rule| rule(&pass)).unwrap_or_else(|| Action::Wait(pass.waiting()))
}

/// One look at everything.
struct Pass<'a> {
    state: &'a State<'a>,
    settings: &'a Settings,
    held: &'a Held,
    clock: OffsetDateTime,
    now: OffsetDateTime,
}

impl Pass<'_> {
    /// An empty Secret: what this replica remembers, else something new.
    fn refill(&self) -> Option<Action> {
        if !self.held.is_lost() {
            return None;
        }
        // We have published before, so another replica may remember what.
        let published = self.state.configuration.is_some_and(|live| live.owned);
        if self.state.memory.is_none() && published && self.is_recent() {
            return Some(Action::Wait(Waiting::Deferring));
        }
        self.made_good()
    }

    /// A memory that has expired is renewed afterwards, with its key.
    fn made_good(&self) -> Option<Action> {
        match self.state.memory {
            Some(memory) => Some(self.restore(memory)),
            None if self.held.next.is_some() => self.switched().map(Action::Write),
            None => Some(Action::Write(self.created())),
        }
    }

    /// Whether others may not yet have had the time to act on what this replica sees.
    fn is_recent(&self) -> bool {
        self.state.steady < self.settings.tick.saturating_mul(2)
    }

    fn restore(&self, memory: &Held) -> Action {
        let mut old = Old::of(self.held);
        add_new(&mut old.authorities, memory.old.iter());
        old.until = old.until.max(memory.old_until);
        self.keep_published(&mut old, &memory.trusted());
        old.authorities.retain(|one| !memory.signs(&one.key));
        Action::Write(Change::Restore { old })
    }

    fn created(&self) -> Change {
        let authority = self.settings.new_authority(self.held, self.clock);
        let mut old = Old::of(self.held);
        self.keep_published(&mut old, &[]);
        Change::Create { authority, serving: self.request(authority), old }
    }

    /// Keeps what is published now: another replica may serve under it, and a certificate that is
    /// valid today expires within the life of one.
    fn keep_published(&self, old: &mut Old, besides: &[Certificate]) {
        let Some(live) = self.state.configuration else { return };
        let is_usable = |one: &&Certificate| self.may_be_valid(one.validity) && !has_key(besides, &one.key);
        let before = old.authorities.len();
        add_new(&mut old.authorities, live.authorities().filter(is_usable));
        if old.authorities.len() > before {
            old.until = old.until.max(Some(add(self.now, self.settings.serving_life)));
        }
    }

    /// What this replica or the Secret has in use stays trusted until it expires, also if somebody
    /// puts other certificates into the Secret.
    fn keep(&self) -> Option<Action> {
        let in_use = self.state.serving.into_iter().chain(&self.held.serving);
        let old = in_use.filter(|leaf| self.may_be_valid(leaf.validity)).find_map(|leaf| self.kept(leaf))?;
        Some(Action::Write(Change::Keep(old)))
    }

    /// The old authorities, if they do not yet hold that of this certificate for long enough.
    fn kept(&self, leaf: &Leaf) -> Option<Old> {
        let issuer = leaf.issuer.as_ref()?;
        if self.held.signs(issuer) {
            return None;
        }
        let mut old = Old::of(self.held);
        if !has_key(&old.authorities, issuer) {
            let published = self.state.configuration.into_iter().flat_map(Live::authorities).cloned();
            let remembered = self.state.memory.into_iter().flat_map(Held::trusted);
            old.authorities.push(published.chain(remembered).find(|one| one.key == *issuer)?);
        } else if old.until >= Some(leaf.validity.not_after) {
            return None;
        }
        old.until = old.until.max(Some(leaf.validity.not_after));
        (old.authorities.len() <= MAX_OLD).then_some(old)
    }

    /// A serving certificate that chains to nothing here is replaced; but a replica that remembers its
    /// authority may keep it, and comes first.
    fn replace_orphan(&self) -> Option<Action> {
        if self.held.usable().is_some() {
            return None;
        }
        let live = self.state.configuration;
        let trusted = self.held.authority.as_ref().is_some_and(|authority| {
            live.is_some_and(|live| live.authorities().any(|one| one.key == authority.key))
        });
        let remembered = self.held.serving.is_some() || live.is_some_and(|live| live.owned);
        if remembered && !trusted && self.is_recent() {
            return Some(Action::Wait(Waiting::Deferring));
        }
        match &self.held.authority {
            Some(authority) => Some(Action::Write(Change::Issue(self.request(authority.validity)))),
            None => self.made_good(),
        }
    }

    /// The serving certificate is good, but the key that signed it is gone.
    fn replace_lost_authority(&self) -> Option<Action> {
        let leaf = self.held.usable().filter(|_| self.held.authority.is_none())?;
        let is_remembered = |memory: &&Held| {
            memory.authority.as_ref().is_some_and(|one| leaf.issuer.as_ref() == Some(&one.key))
        };
        if let Some(memory) = self.state.memory.filter(is_remembered) {
            return Some(self.restore(memory));
        }
        if self.held.next.is_some() { None } else { self.prepared() }
    }

    /// Compares the bundle that should be published with the one that is. What is missing is added at
    /// once; what nobody here knows goes when every replica had time to say that it needs it.
    fn publish(&self) -> Option<Action> {
        let live = self.state.configuration.filter(|live| !live.bundles.is_empty())?;
        let mut bundle = self.held.trusted();
        if self.is_recent() {
            let may_be_needed = |one: &&Certificate| self.may_be_valid(one.validity);
            add_new(&mut bundle, live.authorities().filter(may_be_needed));
        }
        let done = live.trusts_exactly(&bundle) && live.owned;
        (!done && self.state.may_publish).then_some(Action::Publish(bundle))
    }

    /// Before anything is published: what was restored from a backup may have expired.
    fn renew_authority(&self) -> Option<Action> {
        let authority = self.held.authority.as_ref().filter(|authority| self.is_due(authority))?;
        let renewed = self.settings.renewed(authority, self.now);
        let changes = !self.held.foreign && renewed != authority.validity;
        changes.then_some(Action::Write(Change::Renew(renewed)))
    }

    /// Renews the serving certificate.
    fn renew(&self) -> Option<Action> {
        let authority = self.held.authority.as_ref()?;
        let leaf = self.held.usable().filter(|leaf| leaf.issuer.as_ref() == Some(&authority.key))?;
        let mut request = self.request(authority.validity);
        let later = request.validity.not_after > leaf.validity.not_after;
        if self.settings.is_serving_due(leaf, self.now) && later {
            return Some(Action::Write(Change::Issue(request)));
        }
        if leaf.covers(self.state.names) {
            return None;
        }
        // Replicas of two releases may want different names; each keeps those of the other.
        request.names.extend(leaf.names.iter().filter(|name| !self.state.names.contains(name)).cloned());
        let limit = authority.validity.not_after;
        request.validity.not_after = request.validity.not_after.max(leaf.validity.not_after).min(limit);
        Some(Action::Write(Change::Issue(request)))
    }

    /// A new key, because somebody asks for it or because the authority cannot be renewed.
    fn prepare(&self) -> Option<Action> {
        let foreign = self.held.authority.as_ref().filter(|_| self.held.foreign);
        let wanted = self.held.new_key_wanted || foreign.is_some_and(|authority| self.is_due(authority));
        if wanted && self.pending().is_none() { self.prepared() } else { None }
    }

    fn is_due(&self, authority: &Certificate) -> bool {
        self.settings.is_authority_due(authority, self.now)
    }

    /// As long as one more authority would fit into what is kept.
    fn prepared(&self) -> Option<Action> {
        let (next, has_room) =
            (self.settings.new_authority(self.held, self.clock), self.held.old.len() < MAX_OLD);
        has_room.then(|| Action::Write(Change::Prepare { next, old: Old::of(self.held) }))
    }

    /// Serves under the next authority, once everybody trusts it or nobody trusts the present one.
    fn switch(&self) -> Option<Action> {
        let next = self.pending()?;
        let in_use = self.held.usable().is_some_and(|leaf| self.may_be_valid(leaf.validity));
        let dwelling = if in_use { self.dwell(self.settings.dwell_ticks()) } else { None };
        if dwelling.is_some() {
            return dwelling;
        }
        let is_authority = self.held.authority.as_ref() == Some(next);
        let issue = || Change::Issue(self.request(next.validity));
        Some(Action::Write(if is_authority { issue() } else { self.switched()? }))
    }

    fn switched(&self) -> Option<Change> {
        let next = self.held.next.as_ref()?;
        let mut old = Old::of(self.held);
        add_new(&mut old.authorities, self.held.authority.iter());
        old.until = old.until.max(self.held.serving.as_ref().map(|leaf| leaf.validity.not_after));
        Some(Change::Switch { serving: self.request(next.validity), old })
    }

    /// Removes what nothing chains to any more. The clock alone does not decide that: it may be ahead.
    fn forget(&self) -> Option<Action> {
        if self.held.old.is_empty() {
            return None;
        }
        let Some(until) = self.held.old_until else {
            let until = Some(add(self.now, self.settings.serving_life));
            return Some(Action::Write(Change::Keep(Old { until, ..Old::of(self.held) })));
        };
        if self.now < until {
            return None;
        }
        // Twice: a replica that came up during a rotation waits for a dwell time of its own, and would
        // meanwhile ask for what was forgotten, again and again.
        let waiting = self.dwell(self.settings.dwell_ticks().saturating_mul(2));
        waiting.or(Some(Action::Write(Change::Forget)))
    }

    /// `None` once so many ticks of agreement are on record; until then, what to do about it.
    fn dwell(&self, ticks: u32) -> Option<Action> {
        let Some(live) = self.state.configuration.filter(|live| self.agrees(live)) else {
            return Some(Action::Wait(self.waiting()));
        };
        let agreed = self.held.agreed.as_ref().filter(|agreed| agreed.version == live.version);
        let recorded = agreed.map_or(0, |agreed| agreed.ticks);
        if recorded >= ticks {
            None
        } else if self.state.steady < self.settings.tick {
            Some(Action::Wait(Waiting::Dwelling))
        } else {
            let agreed = Agreed { version: live.version.clone(), ticks: recorded.saturating_add(1) };
            Some(Action::Write(Change::Agree(agreed)))
        }
    }

    fn agrees(&self, live: &Live) -> bool {
        !live.bundles.is_empty() && live.trusts_exactly(&self.held.trusted())
    }

    /// The authority that shall sign, but did not sign the serving certificate.
    fn pending(&self) -> Option<&Certificate> {
        let issuer = self.held.usable().and_then(|leaf| leaf.issuer.as_ref());
        let strange = self.held.authority.as_ref().filter(|authority| Some(&authority.key) != issuer);
        strange.or(self.held.next.as_ref())
    }

    fn request(&self, authority: Validity) -> Request {
        Request { validity: self.settings.under(authority, self.now), names: self.state.names.to_vec() }
    }

    /// Whether it has not expired, even if the clock of this machine is ahead.
    fn may_be_valid(&self, validity: Validity) -> bool {
        self.held.earliest(self.clock) < validity.not_after
    }

    fn waiting(&self) -> Waiting {
        match self.state.configuration {
            None => Waiting::NoConfiguration,
            Some(live) if live.bundles.is_empty() => Waiting::NoWebhook,
            Some(live) if !self.agrees(live) && self.state.may_publish => Waiting::Deferring,
            Some(live) if !self.agrees(live) => Waiting::HeldBack,
            Some(_) if self.pending().is_some() => Waiting::Dwelling,
            Some(_) => Waiting::Settled,
        }
    }
}
