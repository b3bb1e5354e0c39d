//! The actions that the plan chooses from.

use time::OffsetDateTime;

use super::state::{Agreement, SecretState};
use crate::certificates::{Certificate, Validity};

/// The next action.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Write the Secret, provided that it is still the observed version.
    WriteSecret(SecretChange),
    /// Write these CAs into the `caBundle` of each of our webhooks, and make our Namespace the owner of the
    /// configuration, provided that Secret and configuration are still the observed versions.
    Publish(Vec<Certificate>),
    /// Do nothing, for this reason.
    Wait(WaitReason),
}

/// The reason to do nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WaitReason {
    /// Secret and configuration are in the desired state.
    InSync,
    /// The Secret does not exist, and we have no right to create it.
    NoSecret,
    /// The webhook configuration does not exist, so no API server calls us.
    NoConfiguration,
    /// The webhook configuration has no webhook that calls us.
    NoWebhook,
    /// This replica does not know the CA of the serving certificate; a replica that does acts first.
    WaitingForPeer,
    /// Another writer overwrites the configuration, so writes are rate limited.
    RateLimited,
    /// The next CA is published, but some API servers may not have seen it yet.
    Propagating,
}

/// A change of the Secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SecretChange {
    /// Make the first CA and a serving certificate under it.
    Create {
        /// The validity of the CA.
        ca: Validity,
        /// The serving certificate.
        serving: CertificateRequest,
        /// CAs that are published now: another replica may serve under one of them.
        retired: RetiredCas,
    },
    /// Write back what this replica remembers.
    Restore {
        /// The retired CAs to keep with it.
        retired: RetiredCas,
    },
    /// Keep these retired CAs trusted.
    Keep(RetiredCas),
    /// Renew the certificate of the CA; its key stays.
    RenewCa(Validity),
    /// Issue a serving certificate under the CA.
    Issue(CertificateRequest),
    /// Make the next CA, with a new key. The serving certificate stays.
    Prepare {
        /// The validity of the next CA.
        next: Validity,
        /// The retired CAs to keep.
        retired: RetiredCas,
    },
    /// Record a tick of agreement.
    Agree(Agreement),
    /// Promote the next CA, and issue a serving certificate under it.
    Switch {
        /// The serving certificate.
        serving: CertificateRequest,
        /// The retired CAs to keep, including the previous CA.
        retired: RetiredCas,
    },
    /// Remove the retired CAs: no valid certificate chains to them any more.
    Forget,
}

/// A serving certificate to issue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateRequest {
    /// When the certificate is valid.
    pub validity: Validity,
    /// The names that it covers.
    pub names: Vec<String>,
}

/// CAs that sign no more but stay trusted for some time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RetiredCas {
    /// The CAs.
    pub cas: Vec<Certificate>,
    /// When the last certificate under them expires.
    pub until: Option<OffsetDateTime>,
}

impl RetiredCas {
    /// The retired CAs in the Secret.
    pub fn of(secret: &SecretState) -> Self {
        Self { cas: secret.retired.clone(), until: secret.retired_until }
    }
}

impl SecretChange {
    /// The name of the change in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Restore { .. } => "restore",
            Self::Keep(_) => "keep",
            Self::RenewCa(_) => "renew-ca",
            Self::Issue(_) => "issue",
            Self::Prepare { .. } => "prepare",
            Self::Agree(_) => "agree",
            Self::Switch { .. } => "switch",
            Self::Forget => "forget",
        }
    }
}
