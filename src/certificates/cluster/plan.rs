//! Decides what to do about the certificates of the cluster. Pure: no API, no clock, no randomness.
//!
//! The plan yields one action at a time, and none if everything is in sync. A crash at any point leaves a
//! state like any other, from which any replica continues.

use time::OffsetDateTime;

use super::action::{Action, CertificateRequest, RetiredCas, SecretChange, WaitReason};
use super::bundle::{self, MAX_RETIRED, add_new};
use super::schedule::{Schedule, add};
use super::state::{Agreement, ClusterState, SecretState, WebhookState, has_key};
use crate::certificates::{Certificate, Validity};

/// Chooses the next action. `clock` is the wall clock of this machine, which may be wrong.
pub fn plan(state: &ClusterState<'_>, schedule: &Schedule, clock: OffsetDateTime) -> Action {
    let Some(secret) = state.secret else { return bundle::without_secret(state) };
    let planner = Planner { state, schedule, secret, clock, now: secret.latest(clock) };
    let rules = [
        Planner::refill,
        Planner::keep,
        Planner::replace_orphan,
        Planner::replace_lost_ca,
        Planner::renew_ca,
        Planner::publish,
        Planner::renew_serving,
        Planner::prepare,
        Planner::switch,
        Planner::forget,
    ];
    rules.iter().find_map(|rule| rule(&planner)).unwrap_or_else(|| Action::Wait(planner.wait_reason()))
}

/// The input of the rules.
struct Planner<'a> {
    state: &'a ClusterState<'a>,
    schedule: &'a Schedule,
    secret: &'a SecretState,
    clock: OffsetDateTime,
    now: OffsetDateTime,
}

impl Planner<'_> {
    /// Fills an empty Secret with what this replica remembers, else with new certificates.
    fn refill(&self) -> Option<Action> {
        if !self.secret.is_lost() {
            return None;
        }
        // Another replica may remember the certificates if there were any.
        let published = self.state.webhooks.is_some_and(|webhooks| webhooks.owned);
        if self.memory().is_none() && published && self.is_recent() {
            return Some(Action::Wait(WaitReason::WaitingForPeer));
        }
        self.recover()
    }

    /// The best replacement of lost certificates. Restored certificates that have expired are renewed by
    /// later actions.
    fn recover(&self) -> Option<Action> {
        match self.memory() {
            Some(memory) => Some(self.restore(memory)),
            None if self.secret.next_ca.is_some() => self.switch_ca().map(Action::WriteSecret),
            None => Some(Action::WriteSecret(self.create())),
        }
    }

    /// Whether the state is so recent that other replicas may not have acted on it.
    fn is_recent(&self) -> bool {
        self.state.unchanged_for < self.schedule.tick.saturating_mul(2)
    }

    fn restore(&self, memory: &SecretState) -> Action {
        let mut retired = RetiredCas::of(self.secret);
        add_new(&mut retired.cas, memory.retired.iter());
        retired.until = retired.until.max(memory.retired_until);
        self.keep_published(&mut retired, &memory.trusted());
        retired.cas.retain(|ca| !memory.signs(&ca.public_key));
        Action::WriteSecret(SecretChange::Restore { retired })
    }

    fn create(&self) -> SecretChange {
        let ca = self.schedule.new_ca(self.secret, self.clock);
        let mut retired = RetiredCas::of(self.secret);
        self.keep_published(&mut retired, &[]);
        SecretChange::Create { ca, serving: self.request(ca), retired }
    }

    /// Keeps the published CAs, since another replica may serve under one of them. A serving certificate that
    /// is valid now expires within `serving_life`.
    fn keep_published(&self, retired: &mut RetiredCas, besides: &[Certificate]) {
        let Some(webhooks) = self.state.webhooks else { return };
        let is_usable =
            |ca: &&Certificate| self.may_be_valid(ca.validity) && !has_key(besides, &ca.public_key);
        let before = retired.cas.len();
        add_new(&mut retired.cas, webhooks.cas().filter(is_usable));
        if retired.cas.len() > before {
            retired.until = retired.until.max(Some(add(self.now, self.schedule.serving_life)));
        }
    }

    /// Keeps the CA of each certificate in use until the certificate expires, even if other certificates were
    /// put into the Secret.
    fn keep(&self) -> Option<Action> {
        let in_use = self.state.serving.into_iter().chain(&self.secret.serving);
        let retired = in_use
            .filter(|serving| self.may_be_valid(serving.validity))
            .find_map(|serving| self.retire_issuer(serving))?;
        Some(Action::WriteSecret(SecretChange::Keep(retired)))
    }

    /// The retired CAs with the CA of this certificate, unless that CA is already kept for long enough.
    fn retire_issuer(&self, serving: &Certificate) -> Option<RetiredCas> {
        let issuer = serving.issuer.as_ref()?;
        if self.secret.signs(issuer) {
            return None;
        }
        let mut retired = RetiredCas::of(self.secret);
        if !has_key(&retired.cas, issuer) {
            let published = self.state.webhooks.into_iter().flat_map(WebhookState::cas).cloned();
            let remembered = self.state.memory.into_iter().flat_map(SecretState::trusted);
            retired.cas.push(published.chain(remembered).find(|ca| ca.public_key == *issuer)?);
        } else if retired.until >= Some(serving.validity.not_after) {
            return None;
        }
        retired.until = retired.until.max(Some(serving.validity.not_after));
        (retired.cas.len() <= MAX_RETIRED).then_some(retired)
    }

    /// The Secret that this replica remembers, if replicas can serve it.
    fn memory(&self) -> Option<&SecretState> {
        self.state.memory.filter(|memory| self.can_serve(memory))
    }

    /// Whether replicas can serve the content of this Secret: its certificate chains to one of its CAs, and is
    /// valid or can be renewed.
    fn can_serve(&self, secret: &SecretState) -> bool {
        let is_live = |serving: &Certificate| secret.ca.is_some() || self.may_be_valid(serving.validity);
        secret.usable().is_some_and(is_live)
    }

    /// Replaces a serving certificate that chains to no CA in the Secret, or that has expired and whose CA is
    /// lost, after a replica that remembers a better one had time to restore it.
    fn replace_orphan(&self) -> Option<Action> {
        if self.can_serve(self.secret) {
            return None;
        }
        let webhooks = self.state.webhooks;
        let trusted = self.secret.ca.as_ref().is_some_and(|ca| {
            webhooks
                .is_some_and(|webhooks| webhooks.cas().any(|published| published.public_key == ca.public_key))
        });
        let was_served = self.secret.serving.is_some() || webhooks.is_some_and(|webhooks| webhooks.owned);
        let is_restorable = self.secret.usable().is_some() && self.memory().is_some();
        if was_served && !trusted && !is_restorable && self.is_recent() {
            return Some(Action::Wait(WaitReason::WaitingForPeer));
        }
        match &self.secret.ca {
            Some(ca) => Some(Action::WriteSecret(SecretChange::Issue(self.request(ca.validity)))),
            None => self.recover(),
        }
    }

    /// Replaces a CA whose key is lost while the serving certificate is still good.
    fn replace_lost_ca(&self) -> Option<Action> {
        let serving = self.secret.usable().filter(|_| self.secret.ca.is_none())?;
        let is_remembered = |memory: &&SecretState| {
            memory.ca.as_ref().is_some_and(|ca| serving.issuer.as_ref() == Some(&ca.public_key))
        };
        if let Some(memory) = self.state.memory.filter(is_remembered) {
            return Some(self.restore(memory));
        }
        if self.secret.next_ca.is_some() { None } else { self.prepare_ca() }
    }

    /// Publishes the bundle that the Secret asks for. A missing CA is added at once; an unknown one is removed
    /// after every replica had time to claim it.
    fn publish(&self) -> Option<Action> {
        let webhooks = self.state.webhooks.filter(|webhooks| !webhooks.bundles.is_empty())?;
        let mut bundle = self.secret.trusted();
        if self.is_recent() {
            let may_be_needed = |ca: &&Certificate| self.may_be_valid(ca.validity);
            add_new(&mut bundle, webhooks.cas().filter(may_be_needed));
        }
        let is_published = webhooks.trusts_exactly(&bundle) && webhooks.owned;
        (!is_published && self.state.may_publish).then_some(Action::Publish(bundle))
    }

    /// Renews the certificate of the CA. This comes before publishing, since a CA from a backup may have
    /// expired.
    fn renew_ca(&self) -> Option<Action> {
        let ca = self.secret.ca.as_ref().filter(|ca| self.is_due(ca))?;
        let renewed = self.schedule.renewed_ca(ca, self.now);
        let is_renewable = !self.secret.ca_is_external && renewed != ca.validity;
        is_renewable.then_some(Action::WriteSecret(SecretChange::RenewCa(renewed)))
    }

    /// Renews the serving certificate when it is due or lacks a name.
    fn renew_serving(&self) -> Option<Action> {
        let ca = self.secret.ca.as_ref()?;
        let serving =
            self.secret.usable().filter(|serving| serving.issuer.as_ref() == Some(&ca.public_key))?;
        let mut request = self.request(ca.validity);
        let is_later = request.validity.not_after > serving.validity.not_after;
        if self.schedule.is_serving_due(serving, self.now) && is_later {
            return Some(Action::WriteSecret(SecretChange::Issue(request)));
        }
        if serving.covers(self.state.names) {
            return None;
        }
        // During an upgrade, replicas of two releases may need different names: each keeps those of the other.
        request.names.extend(serving.names.iter().filter(|name| !self.state.names.contains(name)).cloned());
        let limit = ca.validity.not_after;
        request.validity.not_after = request.validity.not_after.max(serving.validity.not_after).min(limit);
        Some(Action::WriteSecret(SecretChange::Issue(request)))
    }

    /// Makes the next CA when a new key is requested, or an external CA is due.
    fn prepare(&self) -> Option<Action> {
        let external = self.secret.ca.as_ref().filter(|_| self.secret.ca_is_external);
        let is_needed = self.secret.new_key_requested || external.is_some_and(|ca| self.is_due(ca));
        if is_needed && self.pending().is_none() { self.prepare_ca() } else { None }
    }

    fn is_due(&self, ca: &Certificate) -> bool {
        self.schedule.is_ca_due(ca, self.now)
    }

    /// The next CA, as long as there is room to retire one more.
    fn prepare_ca(&self) -> Option<Action> {
        let retired = RetiredCas::of(self.secret);
        let next = self.schedule.new_ca(self.secret, self.clock);
        let has_room = retired.cas.len() < MAX_RETIRED;
        has_room.then_some(Action::WriteSecret(SecretChange::Prepare { next, retired }))
    }

    /// Issues a serving certificate under the pending CA, once every API server trusts that CA, or at once if no
    /// valid certificate is in use.
    fn switch(&self) -> Option<Action> {
        let next = self.pending()?;
        let in_use = self.secret.usable().is_some_and(|serving| self.may_be_valid(serving.validity));
        if let Some(waiting) = in_use.then(|| self.dwell(self.schedule.dwell_ticks())).flatten() {
            return Some(waiting);
        }
        let is_current = self.secret.ca.as_ref() == Some(next);
        let issue = || SecretChange::Issue(self.request(next.validity));
        Some(Action::WriteSecret(if is_current { issue() } else { self.switch_ca()? }))
    }

    fn switch_ca(&self) -> Option<SecretChange> {
        let next = self.secret.next_ca.as_ref()?;
        let mut retired = RetiredCas::of(self.secret);
        add_new(&mut retired.cas, self.secret.ca.iter());
        retired.until =
            retired.until.max(self.secret.serving.as_ref().map(|serving| serving.validity.not_after));
        Some(SecretChange::Switch { serving: self.request(next.validity), retired })
    }

    /// Removes the retired CAs after their last certificate has expired. The clock alone does not decide that,
    /// since it may be ahead.
    fn forget(&self) -> Option<Action> {
        if self.secret.retired.is_empty() {
            return None;
        }
        let Some(until) = self.secret.retired_until else {
            let until = Some(add(self.now, self.schedule.serving_life));
            let retired = RetiredCas { until, ..RetiredCas::of(self.secret) };
            return Some(Action::WriteSecret(SecretChange::Keep(retired)));
        };
        if self.now < until {
            return None;
        }
        // Twice the dwell time: a replica that started during a rotation waits for one dwell time of its own, and
        // would claim a removed CA again and again until then.
        let waiting = self.dwell(self.schedule.dwell_ticks().saturating_mul(2));
        waiting.or(Some(Action::WriteSecret(SecretChange::Forget)))
    }

    /// The action that leads to this many ticks of agreement; `None` once they are on record.
    fn dwell(&self, ticks: u32) -> Option<Action> {
        let Some(webhooks) = self.state.webhooks.filter(|webhooks| self.agrees(webhooks)) else {
            return Some(Action::Wait(self.wait_reason()));
        };
        let agreement = self.secret.agreement.as_ref().filter(|agreed| agreed.version == webhooks.version);
        let recorded = agreement.map_or(0, |agreed| agreed.ticks);
        if recorded >= ticks {
            None
        } else if self.state.unchanged_for < self.schedule.tick {
            Some(Action::Wait(WaitReason::Propagating))
        } else {
            let agreement =
                Agreement { version: webhooks.version.clone(), ticks: recorded.saturating_add(1) };
            Some(Action::WriteSecret(SecretChange::Agree(agreement)))
        }
    }

    fn agrees(&self, webhooks: &WebhookState) -> bool {
        !webhooks.bundles.is_empty() && webhooks.trusts_exactly(&self.secret.trusted())
    }

    /// The CA that signs from now on but did not sign the serving certificate.
    fn pending(&self) -> Option<&Certificate> {
        let issuer = self.secret.usable().and_then(|serving| serving.issuer.as_ref());
        let current = self.secret.ca.as_ref().filter(|ca| Some(&ca.public_key) != issuer);
        current.or(self.secret.next_ca.as_ref())
    }

    fn request(&self, ca: Validity) -> CertificateRequest {
        let validity = self.schedule.new_serving(ca, self.now);
        CertificateRequest { validity, names: self.state.names.to_vec() }
    }

    /// Whether a certificate may still be valid. The clock alone does not decide that, since it may be ahead.
    fn may_be_valid(&self, validity: Validity) -> bool {
        self.secret.earliest(self.clock) < validity.not_after
    }

    fn wait_reason(&self) -> WaitReason {
        match self.state.webhooks {
            None => WaitReason::NoConfiguration,
            Some(webhooks) if webhooks.bundles.is_empty() => WaitReason::NoWebhook,
            Some(webhooks) if !self.agrees(webhooks) && self.state.may_publish => WaitReason::WaitingForPeer,
            Some(webhooks) if !self.agrees(webhooks) => WaitReason::RateLimited,
            Some(_) if self.pending().is_some() => WaitReason::Propagating,
            Some(_) => WaitReason::InSync,
        }
    }
}
