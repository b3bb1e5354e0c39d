//! Derives from an audit log how the Pods of each workload use their tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::evidence::tally::{MAX_USER_AGENTS, RENEWAL, StaleTally, Tally};
use super::evidence::{Evidence, KnownPod, WorkloadName};
use crate::pod::token::Ttl;

/// Shortest uptime at which the age of a token shows that its holder never reads it again: two lifetimes.
const MIN_FOLLOWED: i64 = 2 * 3607;

/// Fewest runs of a `CronJob` in the log that make its silence evidence.
const MIN_RUNS: usize = 2;

/// How a Pod or workload uses its token: the values of `use.state`, the worst first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum UseState {
    /// Its requests were refused with 401.
    Denied,
    /// It used a token after the moment at which it had to read the next one.
    Stale,
    /// It sent requests, but none after more than an hour.
    Young,
    /// It sent requests after more than an hour, and never with an old token.
    Reloads,
    /// It sent no request, although the log would show one.
    Quiet,
    /// The log does not show which.
    Unknown,
}

impl UseState {
    /// The word in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Stale => "stale",
            Self::Young => "young",
            Self::Reloads => "reloads",
            Self::Quiet => "quiet",
            Self::Unknown => "unknown",
        }
    }
}

/// How the age of a stale token develops.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum AgeTrend {
    /// The holder reloads, but late: the oldest token had this age, in seconds.
    LevelsOff(i64),
    /// The log is too short to show it.
    Undecided,
    /// It follows the uptime: the holder never reads the token again.
    FollowsUptime,
}

impl AgeTrend {
    /// The trend of a Pod's stale tokens. `is_one_pod` is whether they are surely of one Pod: otherwise two different
    /// tokens do not show that any Pod reloads.
    pub fn of(stale: &StaleTally, is_one_pod: bool) -> Self {
        let age = stale.oldest.seconds;
        let Some(uptime) = stale.oldest.uptime else { return Self::Undecided };
        if uptime >= MIN_FOLLOWED && age.saturating_mul(10) >= uptime.saturating_mul(9) {
            Self::FollowsUptime
        } else if is_one_pod && stale.has_two_tokens() || age.saturating_mul(2) <= uptime {
            Self::LevelsOff(age)
        } else {
            Self::Undecided
        }
    }

    /// The shortest lifetime that the holder survives, in seconds, in whole hours; `None` if none is known.
    ///
    /// It reloads every R seconds, and the token that it then reads is up to one renewal old. The kubelet renews a
    /// token at 80 % of its lifetime, and after a day at the latest, so R has to fit in the rest.
    pub fn min_ttl(self) -> Option<i64> {
        let Self::LevelsOff(age) = self else { return None };
        let interval = age - RENEWAL.as_secs().cast_signed();
        let shortest = interval.saturating_mul(5).min(interval.saturating_add(86_400));
        let hour = Ttl::HOUR.seconds().cast_signed();
        Some((shortest.saturating_sub(1) / hour + 1).saturating_mul(hour))
    }
}

/// How the Pods of a workload use their tokens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkloadUse {
    /// The state; `None` without any Pod.
    pub state: Option<UseState>,
    /// The worst trend of its stale Pods.
    pub trend: Option<AgeTrend>,
    /// The greatest age of a stale token, in seconds.
    pub oldest_token: Option<i64>,
    /// Requests, counted once each.
    pub requests: u64,
    /// First and last time of a request.
    pub span: Option<(OffsetDateTime, OffsetDateTime)>,
    /// User agents of its clients.
    pub user_agents: Vec<String>,
    /// The `auditID` of a request that shows the state.
    pub sample: Option<String>,
    /// Whether its requests cannot be distinguished from those of another workload with the same service account.
    pub is_shared: bool,
    /// Whether only Pods that are gone show the state.
    pub is_from_gone_pods: bool,
}

/// The use of one Pod.
struct PodUse<'e> {
    state: UseState,
    trend: Option<AgeTrend>,
    sample: Option<&'e str>,
}

/// The use of every workload with a Pod. Silence is evidence where the log covers at least `min_window`.
pub fn of_workloads(evidence: &Evidence, min_window: Duration) -> BTreeMap<&WorkloadName, WorkloadUse> {
    let late = evidence.late_pods();
    let mut pods: BTreeMap<&WorkloadName, Vec<(&KnownPod, &Tally)>> = BTreeMap::new();
    for (pod, tally) in evidence.pods() {
        pods.entry(&pod.workload).or_default().push((pod, tally));
    }
    let observer = Observer { evidence, min_window };
    let uses = pods.into_iter().map(|(workload, pods)| {
        let is_late = |pod: &KnownPod| late.contains(pod.uid.as_str());
        (workload, observer.workload(workload, &pods, &is_late))
    });
    uses.collect()
}

struct Observer<'e> {
    evidence: &'e Evidence,
    min_window: Duration,
}

impl<'e> Observer<'e> {
    fn workload(
        &self,
        workload: &WorkloadName,
        pods: &[(&'e KnownPod, &'e Tally)],
        is_late: &dyn Fn(&KnownPod) -> bool,
    ) -> WorkloadUse {
        let mut result = WorkloadUse::default();
        let mut uses: Vec<PodUse<'e>> = Vec::new();
        for (pod, tally) in pods {
            result.add(tally);
            uses.push(self.pod(pod, tally, is_late(pod), pods));
        }
        if !self.evidence.coverage.names_pods {
            self.use_account(pods, &mut uses, &mut result);
        }
        if let Some(worst) = worst(&uses) {
            result.state = Some(worst.state);
            result.sample = worst.sample.map(str::to_owned);
            result.trend = uses.iter().filter_map(|pod| pod.trend).max();
        }
        if let Some(gone) = self.evidence.gone(workload) {
            result.add_gone(gone);
        }
        result
    }

    fn pod(
        &self,
        pod: &KnownPod,
        tally: &'e Tally,
        is_late: bool,
        pods: &[(&KnownPod, &Tally)],
    ) -> PodUse<'e> {
        let (state, sample) = match state(tally, pod.holds_year, is_late) {
            Some(found) => found,
            None if !tally.has_earlier && self.is_quiet(pod, pods) => (UseState::Quiet, None),
            None => (UseState::Unknown, None),
        };
        PodUse { state, trend: trend(tally, state, true), sample }
    }

    /// Whether the log would show a request of a Pod. The Pods of a `CronJob` are short-lived: it needs several.
    fn is_quiet(&self, pod: &KnownPod, pods: &[(&KnownPod, &Tally)]) -> bool {
        let coverage = &self.evidence.coverage;
        let legacy = self.evidence.account(&pod.namespace, &pod.account).filter(|_| pod.holds_legacy);
        if !coverage.names_pods || legacy.is_some_and(|legacy| !legacy.requests.is_empty()) {
            return false;
        }
        let (Some(from), Some(to)) = (coverage.from(), coverage.to()) else { return false };
        if pod.workload.kind != "CronJob" {
            return coverage.would_show(pod.created, self.min_window);
        }
        let runs = pods.iter().filter(|(pod, _)| (from..=to).contains(&pod.created));
        coverage.would_show(from, self.min_window) && runs.count() >= MIN_RUNS
    }

    /// Takes the requests of the service account for those of the Pods, where the log names no Pods.
    fn use_account(
        &self,
        pods: &[(&'e KnownPod, &'e Tally)],
        uses: &mut Vec<PodUse<'e>>,
        result: &mut WorkloadUse,
    ) {
        let Some((pod, _)) = pods.first() else { return };
        let Some(tally) = self.evidence.account(&pod.namespace, &pod.account) else { return };
        if self.evidence.is_shared(&pod.namespace, &pod.account) {
            result.is_shared = true;
            return;
        }
        result.add(tally);
        let holds_year = pods.iter().all(|(pod, _)| pod.holds_year);
        let found = state(tally, holds_year, false).or_else(|| {
            let created = pods.iter().map(|(pod, _)| pod.created).max()?;
            let is_silent = tally.requests.is_empty() && !tally.has_earlier;
            let is_quiet = is_silent && self.evidence.coverage.would_show(created, self.min_window);
            is_quiet.then_some((UseState::Quiet, None))
        });
        let Some((state, sample)) = found else { return };
        uses.retain(|pod| pod.state == UseState::Denied);
        uses.push(PodUse { state, trend: trend(tally, state, pods.len() == 1), sample });
    }
}

impl WorkloadUse {
    fn add(&mut self, tally: &Tally) {
        self.requests += tally.requests.count();
        if let Some((first, last)) = tally.span {
            let (from, to) = self.span.unwrap_or((first, last));
            self.span = Some((from.min(first), to.max(last)));
        }
        let oldest = tally.stale.as_ref().map(|stale| stale.oldest.seconds);
        self.oldest_token = self.oldest_token.max(oldest);
        let new = tally.user_agents.iter().filter(|agent| !self.user_agents.contains(agent)).cloned();
        let new: Vec<String> = new.collect();
        self.user_agents.extend(new);
        self.user_agents.sort_unstable();
        self.user_agents.truncate(MAX_USER_AGENTS);
    }

    /// Adds the requests of Pods that are gone. They are weaker than those of Pods that exist: they show use where
    /// the others show none.
    fn add_gone(&mut self, gone: &Tally) {
        if gone.requests.is_empty() || !matches!(self.state, None | Some(UseState::Quiet | UseState::Unknown))
        {
            return;
        }
        self.add(gone);
        self.is_from_gone_pods = true;
        self.state = Some(if gone.stale.is_some() { UseState::Stale } else { UseState::Young });
        self.trend = gone.stale.as_ref().map(|stale| AgeTrend::of(stale, false));
        self.sample = gone.stale.as_ref().map(|stale| stale.oldest.id.clone());
    }
}

/// The state that requests show, with the `auditID` of one; `None` without any request.
fn state(tally: &Tally, holds_year: bool, is_late: bool) -> Option<(UseState, Option<&str>)> {
    let lifetime = Ttl::YEAR_LONG_REQUEST.seconds().cast_signed();
    if !tally.denied.is_empty() {
        return Some((UseState::Denied, tally.denied_id.as_deref()));
    }
    if let Some(stale) = tally.stale.as_ref().filter(|_| !is_late) {
        return Some((UseState::Stale, Some(&stale.oldest.id)));
    }
    if tally.requests.is_empty() {
        return None;
    }
    let fresh = tally.longest_fresh.as_ref().filter(|fresh| fresh.seconds > lifetime && holds_year);
    Some(match (&tally.longest, fresh) {
        (_, Some(fresh)) => (UseState::Reloads, Some(&fresh.id)),
        (Some(longest), None) if longest.seconds <= lifetime => (UseState::Young, Some(&longest.id)),
        _ => (UseState::Unknown, None),
    })
}

/// The trend of the tokens of a Pod that is stale.
fn trend(tally: &Tally, state: UseState, is_one_pod: bool) -> Option<AgeTrend> {
    let tokens = tally.stale.as_ref().filter(|_| state == UseState::Stale);
    tokens.map(|tokens| AgeTrend::of(tokens, is_one_pod))
}

/// The Pod that decides the state of its workload: the worst one. A quiet, young or unknown Pod beside one that
/// reloads takes nothing away, because it may be a standby; silence is evidence only if every Pod is silent.
fn worst<'u, 'e>(uses: &'u [PodUse<'e>]) -> Option<&'u PodUse<'e>> {
    let rank = |pod: &&PodUse<'_>| match pod.state {
        UseState::Denied => 0,
        UseState::Stale => 1,
        UseState::Reloads => 2,
        UseState::Young => 3,
        UseState::Unknown => 4,
        UseState::Quiet => 5,
    };
    uses.iter().min_by_key(|pod| (rank(pod), std::cmp::Reverse(pod.trend), pod.sample))
}

#[cfg(test)]
mod tests;
