//! `--fail-on`: the results with which `boundtoken audit` ends with exit code 1.

use crate::audit::document::AuditDocument;
use crate::audit::verdict::Verdict;
use crate::commands::Exit;

/// The results that give exit code 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, clap::ValueEnum)]
pub enum AuditFailOn {
    /// None
    Never,
    /// Pods that hold something other than what the settings of their namespace ask for (verdict restart)
    Missed,
    /// These, and workloads that break or are broken (verdict fix-first)
    FixFirst,
    /// These, and missing evidence (verdict unknown)
    Unknown,
}

impl AuditFailOn {
    /// The result of the command.
    pub(super) fn exit(self, document: &AuditDocument) -> Exit {
        let has =
            |verdict: Verdict| document.workloads.iter().any(|workload| workload.verdict == verdict.as_str());
        let is_incomplete = || !document.errors.is_empty() || !document.coverage.missing.is_empty();
        let is_found = self >= Self::Missed && has(Verdict::Restart)
            || self >= Self::FixFirst && has(Verdict::FixFirst)
            || self >= Self::Unknown && (has(Verdict::Unknown) || is_incomplete());
        if is_found { Exit::Found } else { Exit::Done }
    }
}
