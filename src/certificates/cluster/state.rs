//! What the Secret, the webhook configuration and a replica hold, as far as the plan needs to know.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

/// Bytes that are only ever compared: a certificate, or a public key.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Der(pub Arc<[u8]>);

impl fmt::Debug for Der {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Der({} bytes)", self.0.len())
    }
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// From here on.
    pub not_before: OffsetDateTime,
    /// Up to here.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// Whether it is valid at this moment.
    pub fn holds(self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

/// The certificate of an authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// The certificate itself.
    pub der: Der,
    /// Its public key. A renewed authority keeps it, so that either certificate verifies what it signed.
    pub key: Der,
    /// When it is valid.
    pub validity: Validity,
}

/// A serving certificate whose key is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leaf {
    /// The certificate itself.
    pub der: Der,
    /// The key of the authority that signed it, if that authority is known.
    pub issuer: Option<Der>,
    /// The names it speaks for.
    pub names: Vec<String>,
    /// When it is valid.
    pub validity: Validity,
}

impl Leaf {
    /// Whether it speaks for each of these names.
    pub fn covers(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }
}

/// How long everybody has seen the configuration agree with the Secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agreed {
    /// The [`Live::version`] that agrees.
    pub version: String,
    /// How many ticks of agreement have been recorded, each by a replica that saw it for a tick.
    pub ticks: u32,
}

/// What the Secret holds, as far as it can be used. Whatever is damaged counts as absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Held {
    /// The authority that signs serving certificates, if its key is there.
    pub authority: Option<Certificate>,
    /// The authority was made by another program, so its certificate cannot be renewed.
    pub foreign: bool,
    /// The authority that will sign them, if its key is there.
    pub next: Option<Certificate>,
    /// What replicas serve.
    pub serving: Option<Leaf>,
    /// Authorities that sign no more, but that a certificate in use may chain to.
    pub old: Vec<Certificate>,
    /// When the last certificate under one of `old` expires.
    pub old_until: Option<OffsetDateTime>,
    /// The agreement observed so far.
    pub agreed: Option<Agreed>,
    /// Somebody asks for a new key.
    pub new_key_wanted: bool,
    /// When the API server last wrote the Secret, by its own clock.
    pub written: Option<OffsetDateTime>,
}

impl Held {
    /// The latest moment that the clock of this machine and that of the API server vouch for.
    pub fn latest(&self, clock: OffsetDateTime) -> OffsetDateTime {
        self.written.map_or(clock, |written| written.max(clock))
    }

    /// The earliest moment that may be now: a clock that runs ahead dates nothing into the future.
    pub fn earliest(&self, clock: OffsetDateTime) -> OffsetDateTime {
        self.written.map_or(clock, |written| written.min(clock))
    }

    /// Each authority that somebody may have to trust, once per key.
    pub fn trusted(&self) -> Vec<Certificate> {
        let mut trusted: Vec<Certificate> = Vec::new();
        for certificate in self.authority.iter().chain(&self.next).chain(&self.old) {
            if !has_key(&trusted, &certificate.key) {
                trusted.push(certificate.clone());
            }
        }
        trusted
    }

    /// Whether this is the key of the authority, or of the next one.
    pub fn signs(&self, key: &Der) -> bool {
        self.authority.iter().chain(&self.next).any(|authority| authority.key == *key)
    }

    /// The serving certificate, if it chains to an authority that is here.
    pub fn usable(&self) -> Option<&Leaf> {
        let leaf = self.serving.as_ref()?;
        has_key(&self.trusted(), leaf.issuer.as_ref()?).then_some(leaf)
    }

    /// Whether this is to be remembered instead of `memory`: it can be served, and it does not merely
    /// lack the authority that signed it, which `memory` has.
    pub fn outdates(&self, memory: Option<&Self>) -> bool {
        let Some(leaf) = self.usable() else { return false };
        let signs =
            |held: &Self| held.authority.as_ref().map(|authority| &authority.key) == leaf.issuer.as_ref();
        signs(self) || !memory.is_some_and(signs)
    }

    /// Whether nothing is left that anything could be signed or served with.
    pub fn is_lost(&self) -> bool {
        self.authority.is_none() && self.serving.is_none()
    }
}

/// Whether one of the certificates has this public key.
pub fn has_key(certificates: &[Certificate], key: &Der) -> bool {
    certificates.iter().any(|certificate| certificate.key == *key)
}

/// What the webhook configuration holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Live {
    /// Changes with every change of its webhooks: its uid and generation.
    pub version: String,
    /// The `caBundle` of each of our webhooks; one that cannot be read is empty.
    pub bundles: Vec<Vec<Certificate>>,
    /// Whether our Namespace owns it: it does since we first published something.
    pub owned: bool,
}

impl Live {
    /// Whether each of our webhooks trusts these authorities and no other.
    pub fn trusts_exactly(&self, certificates: &[Certificate]) -> bool {
        let is_same = |bundle: &Vec<Certificate>| {
            bundle.len() == certificates.len() && certificates.iter().all(|one| bundle.contains(one))
        };
        self.bundles.iter().all(is_same)
    }

    /// Whether each of our webhooks, of which there is one at least, accepts this certificate.
    pub fn accepts(&self, leaf: &Leaf, now: OffsetDateTime) -> bool {
        let Some(issuer) = &leaf.issuer else { return false };
        let verifies = |root: &Certificate| root.key == *issuer && root.validity.holds(now);
        let accepted = self.bundles.iter().all(|bundle| bundle.iter().any(verifies));
        accepted && !self.bundles.is_empty() && leaf.validity.holds(now)
    }

    /// Whether each of our webhooks trusts the authority of this certificate, whatever the time.
    pub fn trusts_issuer_of(&self, leaf: &Leaf) -> bool {
        leaf.issuer.as_ref().is_some_and(|issuer| self.bundles.iter().all(|bundle| has_key(bundle, issuer)))
    }

    /// Every authority that one of our webhooks trusts.
    pub fn authorities(&self) -> impl Iterator<Item = &Certificate> {
        self.bundles.iter().flatten()
    }
}

/// Everything that the plan looks at.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// The Secret, if it exists.
    pub secret: Option<&'a Held>,
    /// The webhook configuration, if it exists.
    pub configuration: Option<&'a Live>,
    /// The last content of the Secret that could be served, as this replica saw it.
    pub memory: Option<&'a Held>,
    /// What this replica serves.
    pub serving: Option<&'a Leaf>,
    /// The names that a serving certificate has to speak for.
    pub names: &'a [String],
    /// How long this replica has seen the same Secret and the same configuration. Not by the wall clock.
    pub steady: Duration,
    /// Whether the configuration may be written at this moment: see [`super::damper`].
    pub may_publish: bool,
}
