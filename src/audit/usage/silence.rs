//! Whether the log would have shown a request of a workload, so that its silence is evidence.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::{Members, UsageRules};
use crate::audit::evidence::coverage::LogWindow;
use crate::audit::inventory::{KnownPod, TokenClass};
use crate::audit::reason::VerdictReason;

/// Fewest runs of a `CronJob` in the log that make its silence evidence.
const MIN_RUNS: usize = 2;

/// Time that a Pod has to exist in the log before its silence is evidence, unless `--min-window` is less. A workload
/// that was scaled up minutes before the log ends has had no occasion to send a request.
const MIN_UPTIME: Duration = Duration::HOUR;

impl UsageRules<'_> {
    /// What is missing before the silence of a workload is evidence; empty if nothing is.
    pub(super) fn missing_for_silence(&self, members: &Members<'_>) -> Vec<VerdictReason> {
        let Some(window) = &self.coverage.window else { return self.coverage.missing.clone() };
        let mut missing = self.coverage.missing.clone();
        missing.extend(self.secret_used(members));
        if let Some(created) = members.created().filter(|created| window.to - *created < self.min_window) {
            missing.push(VerdictReason::NewWorkload(created));
        }
        missing.extend(match members.name.kind.as_str() {
            "CronJob" => few_runs(members, window),
            _ => few_hours(members, window, MIN_UPTIME.min(self.min_window)),
        });
        missing
    }

    /// Whether the Pods may have used the token of a Secret, whose requests name no Pod.
    fn secret_used(&self, members: &Members<'_>) -> Option<VerdictReason> {
        let (pod, _) = members.pods.iter().find(|(pod, _)| pod.holds(TokenClass::Legacy))?;
        let tally = self.evidence.account(&pod.workload.namespace, &pod.account)?;
        (!tally.requests.is_empty()).then(|| VerdictReason::SecretUsed(tally.requests.count()))
    }
}

impl Members<'_> {
    /// The creation of the workload, if it is known.
    fn created(&self) -> Option<OffsetDateTime> {
        let of_pod = || match self.pods.as_slice() {
            [(pod, _)] if self.name.kind == "Pod" => Some(pod.created),
            _ => None,
        };
        self.known.and_then(|known| known.created).or_else(of_pod)
    }
}

/// None of the Pods ran in the log for as long as `needed`, or until its end.
fn few_hours(members: &Members<'_>, window: &LogWindow, needed: Duration) -> Option<VerdictReason> {
    let running = || members.pods.iter().map(|(pod, _)| *pod).filter(|pod| ran_within(pod, window));
    let oldest = running().map(|pod| pod.created).min();
    let Some(oldest) = oldest else { return Some(VerdictReason::NotInLog) };
    let has_ended = running().any(|pod| pod.life.ended.is_some_and(|ended| ended <= window.to));
    (!has_ended && window.to - oldest < needed).then_some(VerdictReason::NewPods(oldest))
}

/// Whether the containers of a Pod ran while the log was written.
fn ran_within(pod: &KnownPod, window: &LogWindow) -> bool {
    let has_ended = pod.life.ended.is_some_and(|ended| ended < window.from);
    pod.life.started.is_some_and(|started| started <= window.to) && !has_ended
}

/// A `CronJob` is silent between its runs: too few of them in the log show nothing.
fn few_runs(members: &Members<'_>, window: &LogWindow) -> Option<VerdictReason> {
    let listed = members.known.iter().flat_map(|known| &known.runs).map(|(job, created)| (job, *created));
    let of_pods = members.pods.iter().filter_map(|(pod, _)| Some((pod.job.as_ref()?, pod.created)));
    let within =
        |(job, created): (_, OffsetDateTime)| (window.from..=window.to).contains(&created).then_some(job);
    let runs: BTreeSet<&String> = listed.chain(of_pods).filter_map(within).collect();
    (runs.len() < MIN_RUNS).then_some(VerdictReason::FewRuns(runs.len()))
}
