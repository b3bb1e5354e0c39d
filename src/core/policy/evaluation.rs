//! The result of evaluating an object.

use json_patch::Patch;

use crate::pod::token::{Audience, Ttl};

use super::Mode;
use super::violation::Violation;
use super::warnings::Warning;

/// The result of evaluating a Pod, or a Namespace itself, and the reasons for it.
#[derive(Debug)]
pub struct Evaluation {
    /// The result.
    pub outcome: Outcome,
    /// The changes; empty unless the outcome is [`Outcome::Patched`].
    pub patch: Patch,
    /// The reasons to refuse the object; empty unless the outcome is [`Outcome::Refused`].
    pub violations: Vec<Violation>,
    /// Problems that the author should fix.
    pub warnings: Vec<Warning>,
    /// The mode in force; `None` where the settings are invalid, and for a Namespace.
    pub mode: Option<Mode>,
    /// The audience of the configured token, in the modes that have one.
    pub audience: Option<Audience>,
    /// The lifetime of the configured token, in the modes that have one.
    pub ttl: Option<Ttl>,
    /// The objects that the settings of a Pod come from: `defaults`, `namespace`, `pod` or
    /// `namespace,pod`; `None` for a Namespace.
    pub settings_from: Option<&'static str>,
}

/// The result of a request: a value of the label `outcome` in metrics and audit annotations.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Allowed with a patch.
    Patched,
    /// Refused.
    Refused,
    /// Allowed as it is.
    Unchanged,
    /// Allowed as it is because of `dry-run`; otherwise it would have been patched.
    WouldPatch,
    /// Allowed as it is because of `dry-run`; otherwise it would have been refused.
    WouldRefuse,
}

impl Outcome {
    /// Every outcome, in the order of the reference page.
    pub const ALL: [Self; 5] =
        [Self::Patched, Self::Unchanged, Self::Refused, Self::WouldPatch, Self::WouldRefuse];

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::Refused => "refused",
            Self::Unchanged => "unchanged",
            Self::WouldPatch => "would-patch",
            Self::WouldRefuse => "would-refuse",
        }
    }
}

impl Evaluation {
    /// An evaluation without changes, settings or findings.
    pub(super) fn unchanged() -> Self {
        Self {
            outcome: Outcome::Unchanged,
            patch: Patch::default(),
            violations: Vec::new(),
            warnings: Vec::new(),
            mode: None,
            audience: None,
            ttl: None,
            settings_from: None,
        }
    }
}
