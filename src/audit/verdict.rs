//! Judges which action the tokens of a workload need, and why.

use std::collections::BTreeSet;

use super::coverage::CoverageReport;
use super::inventory::{AdmissionEffect, HeldToken, KnownNamespace, KnownPod, KnownTemplate, TokenClass};
use super::reason::{Reason, VerdictReason};
use super::usage::{AgeTrend, LONG_RECORD, UseState, WorkloadUse};
use crate::policy::Mode;
use crate::policy::diagnostics::Code;

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

    /// Whether a Namespace with such a workload cannot be labelled yet, unless the workload is excluded.
    fn blocks(self) -> bool {
        matches!(self, Self::FixFirst | Self::ReplaceFrom | Self::Unknown)
    }
}

/// How the Pods of a workload relate to the settings of their Namespace.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AdmissionState {
    /// Whether the webhook changes Pods of the Namespace.
    pub is_in_force: bool,
    /// Whether each Pod and the template have the mode `off`: the label of the Namespace changes none of them.
    pub is_off: bool,
    /// The codes for which the webhook would refuse a Pod of the workload.
    pub refused: BTreeSet<Code>,
    /// Pods that the webhook would change, and that are older than the label and the settings.
    pub older: usize,
    /// Pods that it would change, and that are younger.
    pub missed: usize,
    /// Pods that it would change, where the time of the label and the settings is not known.
    pub older_or_missed: usize,
}

impl AdmissionState {
    /// The state of Pods that run, and of the template.
    ///
    /// A patch of the webhook applied to its own result changes nothing, so a Pod that it would change was not
    /// admitted under these settings.
    pub fn of<'p>(
        namespace: KnownNamespace,
        pods: impl IntoIterator<Item = &'p KnownPod>,
        template: Option<&KnownTemplate>,
    ) -> Self {
        let mut state = Self { is_in_force: namespace.is_in_force(), ..Self::default() };
        let mut modes: Vec<_> = template.iter().map(|template| template.admission.mode).collect();
        for pod in pods {
            modes.push(pod.admission.mode);
            match &pod.admission.effect {
                AdmissionEffect::Unchanged => {}
                AdmissionEffect::Refused(codes) => state.refused.extend(codes),
                AdmissionEffect::Patched => match namespace.changed {
                    None => state.older_or_missed += 1,
                    Some(changed) if pod.created < changed => state.older += 1,
                    Some(_) => state.missed += 1,
                },
            }
        }
        if let Some(AdmissionEffect::Refused(codes)) = template.map(|template| &template.admission.effect) {
            state.refused.extend(codes);
        }
        // Guardrails also refuse Pods with the mode off.
        state.is_off = state.refused.is_empty()
            && !modes.is_empty()
            && modes.iter().all(|mode| *mode == Some(Mode::Off));
        state
    }

    fn deviations(&self) -> Vec<VerdictReason> {
        let deviations = [
            (self.older, VerdictReason::Older(self.older)),
            (self.missed, VerdictReason::Missed(self.missed)),
            (self.older_or_missed, VerdictReason::OlderOrMissed(self.older_or_missed)),
        ];
        deviations.into_iter().filter(|(pods, _)| *pods > 0).map(|(_, reason)| reason).collect()
    }

    fn refusal(&self) -> Option<VerdictReason> {
        let codes: Vec<Code> = self.refused.iter().copied().collect();
        (!codes.is_empty()).then_some(VerdictReason::Refused(codes))
    }
}

/// The facts about a workload that decide its verdict.
#[derive(Clone, Copy, Debug)]
pub struct VerdictFacts<'f> {
    /// The tokens in the containers of its Pods.
    pub tokens: &'f [HeldToken],
    /// Whether a container has a Secret of which it is not known whether it holds a token.
    pub has_unread_secret: bool,
    /// How its Pods relate to the settings of their Namespace.
    pub admission: &'f AdmissionState,
    /// How it uses its tokens.
    pub usage: &'f WorkloadUse,
    /// Signs that a token is used with another service than the API server.
    pub elsewhere: &'f BTreeSet<String>,
    /// The coverage of the log.
    pub coverage: &'f CoverageReport,
}

/// A verdict with its reasons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The shortest lifetime that the workload survives, in seconds, of [`Verdict::ReplaceFrom`].
    pub min_ttl: Option<i64>,
    /// The reasons, the most important first.
    pub reasons: Vec<Reason>,
}

impl Judgement {
    /// Judges a workload: the first rule that applies decides.
    pub fn of(facts: &VerdictFacts<'_>) -> Self {
        let (verdict, mut reasons) =
            facts.without_log().unwrap_or_else(|| facts.with_exclusion(facts.by_use()));
        reasons.sort_unstable();
        reasons.dedup();
        let trend = facts.usage.trend.filter(|_| verdict == Verdict::ReplaceFrom);
        Self { verdict, min_ttl: trend.and_then(AgeTrend::min_ttl), reasons }
    }

    /// Whether the Namespace cannot be labelled yet because of the workload.
    pub fn blocks(&self) -> bool {
        self.verdict.blocks() && !self.reasons.iter().any(|reason| reason.kind == VerdictReason::Excluded)
    }
}

/// A verdict with its reasons in any order.
type Decision = (Verdict, Vec<Reason>);

impl VerdictFacts<'_> {
    /// The verdict of the rules that come before those about the use of the token.
    fn without_log(&self) -> Option<Decision> {
        let one = |verdict, kind| Some((verdict, vec![Reason::new(kind)]));
        if self.tokens.is_empty() && !self.has_unread_secret {
            return one(Verdict::Nothing, VerdictReason::NoToken);
        }
        if self.usage.state == UseState::Denied {
            return Some((Verdict::FixFirst, vec![self.shown(VerdictReason::Denied(self.usage.denied))]));
        }
        if self.tokens.is_empty() {
            return one(Verdict::Unknown, VerdictReason::SecretsUnread);
        }
        if !self.admission.is_in_force {
            return None;
        }
        if let Some(refusal) = self.admission.refusal() {
            return one(Verdict::FixFirst, refusal);
        }
        let deviations = self.admission.deviations();
        if !deviations.is_empty() {
            return Some((Verdict::Restart, deviations.into_iter().map(Reason::new).collect()));
        }
        let is_blind = self.coverage.window.is_some() && !self.coverage.has_starts;
        let hidden = is_blind.then(|| Reason::new(VerdictReason::RefusalsHidden));
        let followed = Reason::new(VerdictReason::FollowsSettings);
        Some((Verdict::Done, std::iter::once(followed).chain(hidden).collect()))
    }

    /// The verdict of the other rules.
    fn by_use(&self) -> Decision {
        let broken = self.breaks();
        if !broken.is_empty() {
            return (Verdict::FixFirst, self.with_notes(broken));
        }
        let usage = self.usage;
        match (usage.state, usage.trend) {
            (UseState::Stale, Some(trend @ AgeTrend::LevelsOff(age))) => {
                let min_ttl = trend.min_ttl().unwrap_or_default();
                let reason = self.shown(VerdictReason::ReloadsLate { age, min_ttl });
                (Verdict::ReplaceFrom, self.with_notes(vec![reason]))
            }
            (UseState::Reloads, _) => {
                let reason = self.shown(VerdictReason::Reloads(usage.uptime.unwrap_or_default()));
                (Verdict::Replace, self.with_notes(vec![reason]))
            }
            _ if self.only_holds(&[TokenClass::Legacy, TokenClass::Bounded]) => {
                (Verdict::Replace, vec![Reason::new(VerdictReason::NoYearToken)])
            }
            (UseState::Quiet, _) => self.silence(),
            (UseState::Young, _) => {
                let reason = self.shown(VerdictReason::Young(usage.uptime));
                (Verdict::Unknown, self.with_notes(vec![reason]))
            }
            _ => (Verdict::Unknown, usage.missing.iter().cloned().map(|kind| self.shown(kind)).collect()),
        }
    }

    /// The reasons for which the workload breaks with a token of any lifetime that expires.
    fn breaks(&self) -> Vec<Reason> {
        let expires = |token: &&HeldToken| token.is_sub_path && token.class != TokenClass::Legacy;
        let sub_path =
            self.tokens.iter().find(expires).map(|token| VerdictReason::SubPath(token.path.clone()));
        let age = self.usage.oldest_token.unwrap_or_default();
        let stale = match (self.usage.state, self.usage.trend) {
            (UseState::Stale, Some(AgeTrend::FollowsUptime)) => {
                Some(VerdictReason::NeverReloads { age, uptime: self.usage.uptime.unwrap_or_default() })
            }
            (UseState::Stale, None | Some(AgeTrend::Undecided)) => Some(VerdictReason::StaleUndecided(age)),
            _ => None,
        };
        let facts = [self.admission.refusal(), sub_path].into_iter().flatten().map(Reason::new);
        facts.chain(stale.map(|kind| self.shown(kind))).collect()
    }

    /// Adds that the label changes nothing for the workload, where it would otherwise have to wait.
    fn with_exclusion(&self, (verdict, mut reasons): Decision) -> Decision {
        if self.admission.is_off && verdict.blocks() {
            reasons.push(Reason::new(VerdictReason::Excluded));
        }
        (verdict, reasons)
    }

    fn only_holds(&self, classes: &[TokenClass]) -> bool {
        self.tokens.iter().all(|token| classes.contains(&token.class))
    }

    /// The verdict on a workload without requests: it may still use a token elsewhere.
    fn silence(&self) -> Decision {
        let other = self.tokens.iter().find(|token| token.class == TokenClass::Audience);
        let other =
            other.map(|token| VerdictReason::OtherAudience(token.audience.clone().unwrap_or_default()));
        let signs: Vec<String> = self.elsewhere.iter().cloned().collect();
        let signs = (!signs.is_empty()).then_some(VerdictReason::UsedElsewhere(signs));
        // Requests with the token of a Secret name no Pod.
        let secrets = self.has_unread_secret.then_some(VerdictReason::SecretsUnread);
        let doubts: Vec<Reason> = [other, signs, secrets].into_iter().flatten().map(Reason::new).collect();
        if doubts.is_empty() {
            (Verdict::Disable, vec![Reason::new(VerdictReason::NoRequest)])
        } else {
            (Verdict::Unknown, doubts)
        }
    }

    /// Adds what weakens the evidence.
    fn with_notes(&self, mut reasons: Vec<Reason>) -> Vec<Reason> {
        let usage = self.usage;
        if usage.is_from_gone_pods {
            reasons.push(self.shown(VerdictReason::GonePods));
        }
        let is_about_reloads =
            usage.state == UseState::Reloads || matches!(usage.trend, Some(AgeTrend::LevelsOff(_)));
        let short = usage.uptime.filter(|uptime| *uptime < LONG_RECORD.whole_seconds());
        if let Some(uptime) = short.filter(|_| is_about_reloads) {
            reasons.push(self.shown(VerdictReason::ShortRecord(uptime)));
        }
        if let Some(late) = usage.late.as_ref().filter(|_| usage.state == UseState::Reloads) {
            let kind = VerdictReason::LateKubelet(late.seconds);
            reasons.push(Reason { kind, sample: Some(late.sample.clone()) });
        }
        reasons
    }

    /// A reason that the request of the use shows.
    fn shown(&self, kind: VerdictReason) -> Reason {
        Reason { kind, sample: self.usage.sample.clone() }
    }
}

#[cfg(test)]
mod tests;
