//! A check, and what it finds.

use super::installation::Installation;
use super::part::Part;

/// How a check went.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CheckLevel {
    /// All is well.
    Ok,
    /// A part of the cluster could not be read.
    Skipped,
    /// Tokens are bounded as configured, but something needs attention.
    Warning,
    /// Pods are refused, or get tokens that they should not get.
    Error,
}

impl CheckLevel {
    /// Every level, in order.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Skipped, Self::Warning, Self::Error];

    /// The word in the output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The checks that belong together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CheckGroup {
    /// The API server.
    Cluster,
    /// The `MutatingWebhookConfiguration`.
    Configuration,
    /// The Deployment and what leads requests to its Pods.
    Replicas,
    /// The rights of the ServiceAccount.
    Rights,
    /// The settings of Namespaces.
    Namespaces,
    /// Others that change the same fields of Pods.
    Neighbours,
    /// Pods that the API server admits in dry runs.
    Proof,
    /// The guard, if it is installed.
    Guard,
    /// The monitoring, if it is installed.
    Monitoring,
}

impl CheckGroup {
    /// Every group, in the order of the output.
    pub const ALL: [Self; 9] = [
        Self::Cluster,
        Self::Configuration,
        Self::Replicas,
        Self::Rights,
        Self::Namespaces,
        Self::Neighbours,
        Self::Proof,
        Self::Guard,
        Self::Monitoring,
    ];

    /// The word in the output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Configuration => "configuration",
            Self::Replicas => "replicas",
            Self::Rights => "rights",
            Self::Namespaces => "namespaces",
            Self::Neighbours => "neighbours",
            Self::Proof => "proof",
            Self::Guard => "guard",
            Self::Monitoring => "monitoring",
        }
    }
}

/// A check.
#[derive(Debug)]
pub struct CheckEntry {
    /// The stable id, which starts with the group.
    pub id: &'static str,
    /// The group.
    pub group: CheckGroup,
    /// The healthy state, as a sentence without a full stop.
    pub title: &'static str,
    /// The consequence where the state is another one.
    pub meaning: &'static str,
    /// What to type. A finding has the command for its case.
    pub remedy: &'static str,
    /// A JSON pointer to the field of the webhook that the check compares, or the name of the policy of the guard; empty
    /// for a check of another kind.
    pub(super) field: &'static str,
    /// The parts without which the check is skipped.
    pub(super) needs: &'static [Part],
    /// Judges the installation, with the entry itself. No outcome means that the check does not apply.
    pub(super) judge: fn(&Self, &Installation) -> Vec<CheckOutcome>,
}

/// One outcome of a check, before the names of the check are added.
#[derive(Debug)]
pub(super) struct CheckOutcome {
    level: CheckLevel,
    sentence: String,
    value: Option<String>,
    command: Option<String>,
}

/// What a check finds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckFinding {
    /// The id of the check.
    pub id: &'static str,
    /// The group of the check.
    pub group: CheckGroup,
    /// How it went.
    pub level: CheckLevel,
    /// The healthy state.
    pub title: &'static str,
    /// What is the case; the title if all is well.
    pub sentence: String,
    /// The value that was found.
    pub value: Option<String>,
    /// The command that mends it.
    pub command: Option<String>,
}

impl CheckOutcome {
    /// All is well.
    pub(super) fn ok() -> Self {
        Self { level: CheckLevel::Ok, sentence: String::new(), value: None, command: None }
    }

    /// Something needs attention.
    pub(super) fn warning(sentence: impl Into<String>) -> Self {
        Self { level: CheckLevel::Warning, sentence: sentence.into(), ..Self::ok() }
    }

    /// Pods are refused, or get the wrong tokens.
    pub(super) fn error(sentence: impl Into<String>) -> Self {
        Self { level: CheckLevel::Error, sentence: sentence.into(), ..Self::ok() }
    }

    /// Adds the value that was found; an empty one is none.
    pub(super) fn with_value(self, value: impl Into<String>) -> Self {
        Self { value: Some(value.into()).filter(|value| !value.is_empty()), ..self }
    }

    /// Replaces the command of the check.
    pub(super) fn with_command(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }

    /// The faults, or this outcome if there are none.
    pub(super) fn unless(self, faults: Vec<Self>) -> Vec<Self> {
        if faults.is_empty() { vec![self] } else { faults }
    }
}

impl CheckEntry {
    /// What the check finds; empty where it does not apply.
    pub fn findings(&self, installation: &Installation) -> Vec<CheckFinding> {
        let missing = self.needs.iter().find_map(|part| installation.missing(*part));
        let outcomes = match missing {
            Some(reason) => vec![CheckOutcome { level: CheckLevel::Skipped, ..CheckOutcome::error(reason) }],
            None => (self.judge)(self, installation),
        };
        outcomes.into_iter().map(|outcome| self.finding(outcome)).collect()
    }

    fn finding(&self, outcome: CheckOutcome) -> CheckFinding {
        let CheckOutcome { level, sentence, value, command } = outcome;
        let is_fault = matches!(level, CheckLevel::Warning | CheckLevel::Error);
        CheckFinding {
            id: self.id,
            group: self.group,
            level,
            title: self.title,
            sentence: if sentence.is_empty() { self.title.to_owned() } else { sentence },
            value,
            command: command.or_else(|| is_fault.then(|| self.remedy.to_owned())),
        }
    }
}
