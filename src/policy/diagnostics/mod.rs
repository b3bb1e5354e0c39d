//! The one table of diagnostic codes: messages, `explain` and the reference page follow it.

mod findings;
mod mistakes;

use std::fmt;

use findings::FINDINGS;
use mistakes::MISTAKES;

/// A stable diagnostic code. A code is never reused for something else.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Code {
    /// `mode` is none of the four.
    Mode,
    /// `audience` cannot be one.
    Audience,
    /// `ttl` or `max-ttl` cannot be read.
    Duration,
    /// `ttl` or `max-ttl` is out of range.
    Range,
    /// `ttl` would become a year.
    YearLong,
    /// `path` cannot be one.
    Path,
    /// A container list cannot be read.
    Containers,
    /// Both container lists on one object.
    BothLists,
    /// `env` cannot be one.
    Env,
    /// `tokens` cannot be read.
    Tokens,
    /// Two tokens get in each other's way.
    Clash,
    /// A token would stand in the default token's directory.
    DefaultDirectory,
    /// `pod-overrides` or `dry-run` is none of its words.
    Switch,
    /// `allowed-audiences` cannot be read.
    AllowedAudiences,
    /// A Namespace's `ttl` is above its own `max-ttl`.
    AboveMaximum,
    /// A volume of the Pod has the name of ours.
    VolumeTaken,
    /// The patch would be too large.
    TooLarge,
    /// The Namespace allows no settings on Pods.
    OverrideForbidden,
    /// The Namespace does not allow the audience.
    AudienceForbidden,
    /// The Namespace does not allow so long a life.
    LifetimeForbidden,
    /// Nobody knows the key.
    UnknownKey,
    /// The key has no effect on a Pod.
    NamespaceKey,
    /// The setting has no effect.
    NoEffect,
    /// The Pod lacks the container.
    UnknownContainer,
    /// The container keeps another mount.
    MountTaken,
    /// The container keeps another variable.
    EnvTaken,
    /// The kubelet never refreshes the file.
    SubPath,
    /// Clients of the API server will get 401.
    ForeignAudience,
    /// The Pod asked for a token and gets none.
    AutomountOverruled,
    /// Some Secret stands where the default token belongs.
    OtherSecret,
    /// What would have happened without `dry-run`.
    DryRun,
    /// The Namespace has settings but does not opt in.
    NotOptedIn,
}

/// What follows from a diagnostic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Refused with 403 `Forbidden`: a guardrail.
    Forbidden,
    /// Refused with 422 `Invalid`: a mistake.
    Invalid,
    /// Allowed, with a warning.
    Warning,
}

impl Severity {
    /// What happens to the Pod, in a few words.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Forbidden => "Guardrails: refused with 403 Forbidden",
            Self::Invalid => "Mistakes: refused with 422 Invalid",
            Self::Warning => "Warnings: allowed",
        }
    }
}

/// What people are told about a code.
#[derive(Debug)]
pub struct Diagnostic {
    /// The code.
    pub code: Code,
    /// The code as it is written, such as `BT001`.
    pub name: &'static str,
    /// What follows from it.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why that is so.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

const fn diagnostic(
    code: Code,
    name: &'static str,
    severity: Severity,
    [title, meaning, remedy]: [&'static str; 3],
) -> Diagnostic {
    Diagnostic { code, name, severity, title, meaning, remedy }
}

/// Every code, in order: mistakes from BT001, guardrails from BT030, warnings from BT050.
pub fn all() -> impl Iterator<Item = &'static Diagnostic> + Clone {
    MISTAKES.iter().chain(FINDINGS)
}

impl Code {
    /// What people are told about the code.
    fn diagnostic(self) -> Option<&'static Diagnostic> {
        all().find(|diagnostic| diagnostic.code == self)
    }

    /// The code as it is written, such as `BT001`.
    pub fn name(self) -> &'static str {
        self.diagnostic().map_or("", |diagnostic| diagnostic.name)
    }

    /// What follows from the code.
    pub fn severity(self) -> Severity {
        self.diagnostic().map_or(Severity::Invalid, |diagnostic| diagnostic.severity)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
