//! The state of the Secret, of the webhook configuration and of a replica, as the plan sees it.

use std::time::Duration;

use time::OffsetDateTime;

use crate::certificates::certificate::{Certificate, Der};

/// How long the replicas have seen the webhook configuration agree with the Secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agreement {
    /// The [`WebhookState::version`] that agrees.
    pub version: String,
    /// How many ticks of agreement are on record, each by a replica that saw it for a tick.
    pub ticks: u32,
}

/// The usable content of the Secret. Damaged data counts as absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SecretState {
    /// The CA that signs serving certificates, if its key is there.
    pub ca: Option<Certificate>,
    /// Whether another program made the CA, so that its certificate cannot be renewed.
    pub ca_is_external: bool,
    /// The CA that will sign after a change of the key, if its key is there.
    pub next_ca: Option<Certificate>,
    /// The certificate that replicas serve, if its key is there.
    pub serving: Option<Certificate>,
    /// CAs that sign no more, but that a certificate in use may chain to.
    pub retired: Vec<Certificate>,
    /// When the last certificate under one of `retired` expires.
    pub retired_until: Option<OffsetDateTime>,
    /// The agreement recorded so far.
    pub agreement: Option<Agreement>,
    /// Whether a new key is requested.
    pub new_key_requested: bool,
    /// When the API server last wrote the Secret, by its own clock.
    pub written: Option<OffsetDateTime>,
}

impl SecretState {
    /// The later one of the clock of this machine and the last write by the API server.
    pub fn latest(&self, clock: OffsetDateTime) -> OffsetDateTime {
        self.written.map_or(clock, |written| written.max(clock))
    }

    /// The earlier one of both, so that a clock that is ahead does not date anything into the future.
    pub fn earliest(&self, clock: OffsetDateTime) -> OffsetDateTime {
        self.written.map_or(clock, |written| written.min(clock))
    }

    /// Each CA that the `caBundle` has to contain, once per key.
    pub fn trusted(&self) -> Vec<Certificate> {
        let mut trusted: Vec<Certificate> = Vec::new();
        for ca in self.ca.iter().chain(&self.next_ca).chain(&self.retired) {
            if !has_key(&trusted, &ca.public_key) {
                trusted.push(ca.clone());
            }
        }
        trusted
    }

    /// Whether this is the key of the CA, or of the next one.
    pub fn signs(&self, key: &Der) -> bool {
        self.ca.iter().chain(&self.next_ca).any(|ca| ca.public_key == *key)
    }

    /// The serving certificate, if it chains to a CA in the Secret.
    pub fn usable(&self) -> Option<&Certificate> {
        let serving = self.serving.as_ref()?;
        has_key(&self.trusted(), serving.issuer.as_ref()?).then_some(serving)
    }

    /// Whether to remember this state instead of `memory`: its certificate can be served, and it does not lack
    /// a CA with its key if `memory` has one.
    pub fn outdates(&self, memory: Option<&Self>) -> bool {
        let has_ca = self.ca.is_some() || memory.is_none_or(|memory| memory.ca.is_none());
        has_ca && self.usable().is_some()
    }

    /// Whether the Secret has neither a CA nor a serving certificate.
    pub fn is_lost(&self) -> bool {
        self.ca.is_none() && self.serving.is_none()
    }
}

/// Whether one of the certificates has this public key.
pub fn has_key(certificates: &[Certificate], key: &Der) -> bool {
    certificates.iter().any(|certificate| certificate.public_key == *key)
}

/// The content of the webhook configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WebhookState {
    /// Uid and generation, which change with every change of the webhooks.
    pub version: String,
    /// The `caBundle` of each of our webhooks; empty if it cannot be read.
    pub bundles: Vec<Vec<Certificate>>,
    /// Whether our Namespace owns the configuration, as it does after the first publication.
    pub owned: bool,
}

impl WebhookState {
    /// Whether each of our webhooks trusts these CAs and no other.
    pub fn trusts_exactly(&self, cas: &[Certificate]) -> bool {
        let is_same =
            |bundle: &Vec<Certificate>| bundle.len() == cas.len() && cas.iter().all(|ca| bundle.contains(ca));
        self.bundles.iter().all(is_same)
    }

    /// Whether there is a webhook of ours, and each one accepts this certificate.
    pub fn accepts(&self, serving: &Certificate, now: OffsetDateTime) -> bool {
        let Some(issuer) = &serving.issuer else { return false };
        let verifies = |root: &Certificate| root.public_key == *issuer && root.validity.contains(now);
        let accepted = self.bundles.iter().all(|bundle| bundle.iter().any(verifies));
        accepted && !self.bundles.is_empty() && serving.validity.contains(now)
    }

    /// Whether each of our webhooks trusts the CA of this certificate, at any time.
    pub fn trusts_issuer_of(&self, serving: &Certificate) -> bool {
        let trusts = |issuer| self.bundles.iter().all(|bundle| has_key(bundle, issuer));
        serving.issuer.as_ref().is_some_and(trusts)
    }

    /// Every CA that one of our webhooks trusts.
    pub fn cas(&self) -> impl Iterator<Item = &Certificate> {
        self.bundles.iter().flatten()
    }
}

/// The input of the plan.
#[derive(Clone, Copy, Debug)]
pub struct ClusterState<'a> {
    /// The Secret, if it exists.
    pub secret: Option<&'a SecretState>,
    /// The webhook configuration, if it exists.
    pub webhooks: Option<&'a WebhookState>,
    /// The last usable content of the Secret that this replica saw.
    pub memory: Option<&'a SecretState>,
    /// The certificate that this replica serves.
    pub serving: Option<&'a Certificate>,
    /// The names that a serving certificate has to cover.
    pub names: &'a [String],
    /// How long this replica has seen the same Secret and the same configuration, by a monotonic clock.
    pub unchanged_for: Duration,
    /// Whether the configuration may be written now: see [`super::conflict`].
    pub may_publish: bool,
}
