//! What the plan can decide: the words between it and whoever carries it out.

use time::OffsetDateTime;

use super::state::{Agreed, Certificate, Held, Validity};

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Write the Secret, provided that it is still the one that was looked at.
    Write(Change),
    /// Write these authorities into each of our webhooks, and the owner of the configuration,
    /// provided that Secret and configuration are still those that were looked at.
    Publish(Vec<Certificate>),
    /// Nothing, for this reason.
    Wait(Waiting),
}

/// Why there is nothing to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiting {
    /// Everything is as it should be.
    Settled,
    /// There is no Secret, and no right to create one.
    NoSecret,
    /// There is no webhook configuration, so nobody asks us.
    NoConfiguration,
    /// The webhook configuration has no webhook that calls us.
    NoWebhook,
    /// The serving certificate chains to nothing that is known here; who knows more goes first.
    Deferring,
    /// Somebody else writes the configuration as well; it has been written too often of late.
    HeldBack,
    /// The next authority is published; not every API server may have seen it yet.
    Dwelling,
}

/// A change of the Secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Make the first authority and a serving certificate under it.
    Create {
        /// Of the authority.
        authority: Validity,
        /// Of the serving certificate.
        serving: Request,
        /// Authorities that are published now: another replica may serve under one of them.
        old: Old,
    },
    /// Write back what this replica remembers.
    Restore {
        /// Authorities to keep besides.
        old: Old,
    },
    /// Keep trusting these authorities besides.
    Keep(Old),
    /// Renew the authority's certificate; its key stays.
    Renew(Validity),
    /// Make a serving certificate under the authority.
    Issue(Request),
    /// Make the next authority, with a new key. The serving certificate stays.
    Prepare {
        /// Of the next authority.
        next: Validity,
        /// Authorities to keep.
        old: Old,
    },
    /// Record a tick of agreement.
    Agree(Agreed),
    /// Make the next authority the authority, and a serving certificate under it.
    Switch {
        /// Of the serving certificate.
        serving: Request,
        /// Authorities to keep, that of the serving certificate up to now among them.
        old: Old,
    },
    /// Remove the old authorities: nothing that chains to them is valid any more.
    Forget,
}

/// What a serving certificate shall say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// When it is valid.
    pub validity: Validity,
    /// Whom it speaks for.
    pub names: Vec<String>,
}

/// Old authorities, and how long they are kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Old {
    /// The authorities.
    pub authorities: Vec<Certificate>,
    /// When the last certificate under them expires.
    pub until: Option<OffsetDateTime>,
}

impl Old {
    /// What the Secret holds of them.
    pub fn of(held: &Held) -> Self {
        Self { authorities: held.old.clone(), until: held.old_until }
    }
}

impl Change {
    /// The change in a word, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Restore { .. } => "restore",
            Self::Keep(_) => "keep",
            Self::Renew(_) => "renew",
            Self::Issue(_) => "issue",
            Self::Prepare { .. } => "prepare",
            Self::Agree(_) => "agree",
            Self::Switch { .. } => "switch",
            Self::Forget => "forget",
        }
    }
}
