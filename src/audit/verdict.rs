//! Judges which action the tokens of a workload need, and why.

use std::collections::BTreeMap;
use std::time::Duration;

use super::evidence::coverage::Coverage;
use super::inventory::{AdmissionState, Deviation, HeldToken, TokenClass};
use super::usage::{AgeTrend, UseState, WorkloadUse};

/// The action that a workload needs, the most urgent first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// It breaks with a shorter token, or is broken.
    FixFirst,
    /// The Namespace opted in, but its Pods are older or were missed: restart them.
    Restart,
    /// The log does not show it.
    Unknown,
    /// It survives a token that lives at least [`Judgement::min_ttl`].
    ReplaceFrom,
    /// It survives a token of one hour.
    Replace,
    /// It needs no token.
    Disable,
    /// Its Pods hold what the settings ask for.
    Done,
    /// It holds no token.
    Nothing,
}

impl Verdict {
    /// The word in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixFirst => "fix-first",
            Self::Restart => "restart",
            Self::Unknown => "unknown",
            Self::ReplaceFrom => "replace-from",
            Self::Replace => "replace",
            Self::Disable => "disable",
            Self::Done => "done",
            Self::Nothing => "nothing",
        }
    }

    /// Whether a Namespace with such a workload cannot be labelled yet.
    fn blocks(self) -> bool {
        matches!(self, Self::FixFirst | Self::ReplaceFrom | Self::Unknown)
    }
}

/// A reason for a verdict.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum VerdictReason {
    /// No container holds a token.
    NoToken,
    /// Requests were refused with 401.
    Denied,
    /// The webhook would change nothing.
    FollowsSettings,
    /// The webhook would change or refuse some Pods.
    Deviates(Deviation),
    /// A container mounts a token with `subPath`, which the kubelet never refreshes.
    SubPath,
    /// A stale token whose age follows the uptime: it is never read again.
    NeverReloads,
    /// A stale token, and too short a log to show more.
    StaleUndecided,
    /// Stale tokens whose age levels off.
    ReloadsLate,
    /// Requests after more than an hour, and none with a stale token.
    Reloads,
    /// Every token is one of a Secret or bounded already, so no token changes its lifetime from a year.
    NoYearToken,
    /// No request, although the log would show one.
    NoRequest,
    /// A token for another audience: the log does not show its use.
    OtherAudience,
    /// A sign that the token is used with another service.
    UsedElsewhere,
    /// No request at an uptime of more than an hour.
    Young,
    /// There is no log.
    NoLog,
    /// The log has no reads by service accounts.
    NoReads,
    /// The log covers too short a time.
    ShortWindow,
    /// The log has holes.
    Holes,
    /// Another workload has the same service account, and the log names no Pods.
    SharedAccount,
    /// The requests show neither: they lack their time or annotations, or the Pods are too young.
    Inconclusive,
    /// Only Pods that are gone sent requests.
    GonePods,
}

/// The facts about a workload that decide its verdict.
#[derive(Clone, Copy, Debug)]
pub struct VerdictFacts<'f> {
    /// The tokens in the containers of its Pods.
    pub tokens: &'f [HeldToken],
    /// How its Pods relate to the settings of their Namespace.
    pub admission: &'f AdmissionState,
    /// How it uses its tokens.
    pub usage: &'f WorkloadUse,
    /// Whether there is a sign that a token is used with another service than the API server.
    pub is_used_elsewhere: bool,
    /// The coverage of the log.
    pub coverage: &'f Coverage,
    /// The shortest time in which silence is evidence.
    pub min_window: Duration,
}

/// A verdict with its reasons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The shortest lifetime that the workload survives, in seconds, of [`Verdict::ReplaceFrom`].
    pub min_ttl: Option<i64>,
    /// The reasons, sorted.
    pub reasons: Vec<VerdictReason>,
}

impl Judgement {
    /// Judges a workload: the first rule that applies decides.
    pub fn of(facts: &VerdictFacts<'_>) -> Self {
        let (verdict, mut reasons) = facts.decide();
        if facts.usage.is_from_gone_pods && verdict != Verdict::Nothing {
            reasons.push(VerdictReason::GonePods);
        }
        reasons.sort_unstable();
        reasons.dedup();
        let min_ttl =
            facts.usage.trend.and_then(AgeTrend::min_ttl).filter(|_| verdict == Verdict::ReplaceFrom);
        Self { verdict, min_ttl, reasons }
    }
}

impl VerdictFacts<'_> {
    fn decide(&self) -> (Verdict, Vec<VerdictReason>) {
        let one = |verdict, reason| (verdict, vec![reason]);
        if self.tokens.is_empty() {
            return one(Verdict::Nothing, VerdictReason::NoToken);
        }
        if self.usage.state == Some(UseState::Denied) {
            return one(Verdict::FixFirst, VerdictReason::Denied);
        }
        match self.admission {
            AdmissionState::NotOptedIn => {}
            AdmissionState::Followed => return one(Verdict::Done, VerdictReason::FollowsSettings),
            AdmissionState::Differs(deviations) => {
                let reasons = deviations.iter().map(|deviation| VerdictReason::Deviates(*deviation));
                return (Verdict::Restart, reasons.collect());
            }
        }
        let broken = self.breaks();
        if !broken.is_empty() {
            return (Verdict::FixFirst, broken);
        }
        match self.usage.state {
            Some(UseState::Stale) => one(Verdict::ReplaceFrom, VerdictReason::ReloadsLate),
            Some(UseState::Reloads) => one(Verdict::Replace, VerdictReason::Reloads),
            _ if self.only_holds(&[TokenClass::Legacy, TokenClass::Bounded]) => {
                one(Verdict::Replace, VerdictReason::NoYearToken)
            }
            Some(UseState::Quiet) => self.silence(),
            state => (Verdict::Unknown, self.missing(state)),
        }
    }

    /// The reasons for which the workload breaks with a token of any lifetime that expires.
    fn breaks(&self) -> Vec<VerdictReason> {
        let expires = |token: &HeldToken| token.class != TokenClass::Legacy;
        let sub_path = self.tokens.iter().any(|token| token.is_sub_path && expires(token));
        let stale = (self.usage.state == Some(UseState::Stale)).then_some(match self.usage.trend {
            Some(AgeTrend::LevelsOff(_)) => None,
            Some(AgeTrend::FollowsUptime) => Some(VerdictReason::NeverReloads),
            Some(AgeTrend::Undecided) | None => Some(VerdictReason::StaleUndecided),
        });
        sub_path.then_some(VerdictReason::SubPath).into_iter().chain(stale.flatten()).collect()
    }

    fn only_holds(&self, classes: &[TokenClass]) -> bool {
        self.tokens.iter().all(|token| classes.contains(&token.class))
    }

    /// The verdict on a workload without requests: it may still use a token elsewhere.
    fn silence(&self) -> (Verdict, Vec<VerdictReason>) {
        let has_other = self.tokens.iter().any(|token| token.class == TokenClass::Audience);
        let doubts = [
            (has_other, VerdictReason::OtherAudience),
            (self.is_used_elsewhere, VerdictReason::UsedElsewhere),
        ];
        let doubts: Vec<_> =
            doubts.iter().filter(|(applies, _)| *applies).map(|(_, reason)| *reason).collect();
        if doubts.is_empty() {
            (Verdict::Disable, vec![VerdictReason::NoRequest])
        } else {
            (Verdict::Unknown, doubts)
        }
    }

    /// The evidence that is missing.
    fn missing(&self, state: Option<UseState>) -> Vec<VerdictReason> {
        let (Some(from), Some(to)) = (self.coverage.from(), self.coverage.to()) else {
            return vec![VerdictReason::NoLog];
        };
        if self.usage.is_shared {
            return vec![VerdictReason::SharedAccount];
        }
        if state == Some(UseState::Young) {
            return vec![VerdictReason::Young];
        }
        let gaps = [
            (!self.coverage.has_reads, VerdictReason::NoReads),
            (to - from < self.min_window, VerdictReason::ShortWindow),
            (!self.coverage.holes().is_empty(), VerdictReason::Holes),
        ];
        let gaps: Vec<_> = gaps.iter().filter(|(applies, _)| *applies).map(|(_, reason)| *reason).collect();
        if gaps.is_empty() { vec![VerdictReason::Inconclusive] } else { gaps }
    }
}

/// The verdicts on the workloads of a Namespace.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamespaceSummary {
    /// Workloads by verdict.
    pub by_verdict: BTreeMap<Verdict, usize>,
}

impl NamespaceSummary {
    /// Counts verdicts.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut summary = Self::default();
        for verdict in verdicts {
            *summary.by_verdict.entry(verdict).or_default() += 1;
        }
        summary
    }

    /// Whether the Namespace can be labelled: no workload breaks, needs a longer lifetime, or is unknown.
    pub fn is_ready(&self) -> bool {
        !self.by_verdict.keys().any(|verdict| verdict.blocks())
    }
}

#[cfg(test)]
mod tests;
