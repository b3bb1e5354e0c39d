//! Derives from an audit log how the Pods of each workload use their tokens.

mod silence;
mod trend;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use time::{Duration, OffsetDateTime};

use super::coverage::CoverageReport;
use super::evidence::Evidence;
use super::evidence::sample::{Aged, Sample};
use super::evidence::stale::STALE_AGE;
use super::evidence::tally::{MAX_USER_AGENTS, Tally};
use super::inventory::{KnownPod, KnownTemplate, KnownWorkload, TokenClass, WorkloadName};
use super::reason::VerdictReason;

pub use trend::AgeTrend;

/// The uptime up to which evidence has to go before it outweighs that of Pods that are gone, and before it counts as
/// long enough: after a day, the interval of nearly every client has met each phase of the kubelet's.
pub const LONG_RECORD: Duration = Duration::days(1);

/// How a Pod or workload uses its token: the values of `use.state`. Of several Pods, the first state in this order
/// decides: a Pod that is young, unknown or quiet beside one that reloads takes nothing away, because it may be a
/// standby; silence is evidence only if every Pod is silent.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum UseState {
    /// Its requests were refused with 401.
    Denied,
    /// It used a token after the moment at which it had to read the next one.
    Stale,
    /// It sent requests after more than an hour, and never with an old token.
    Reloads,
    /// It sent requests, but none after more than an hour.
    Young,
    /// The log does not show how it uses its token.
    #[default]
    Unknown,
    /// It sent no request, although the log would show one.
    Quiet,
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

/// How the Pods of a workload use their tokens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkloadUse {
    /// The state.
    pub state: UseState,
    /// The worst trend of its stale Pods.
    pub trend: Option<AgeTrend>,
    /// The greatest age of a stale token, in seconds.
    pub oldest_token: Option<i64>,
    /// Requests, counted once each.
    pub requests: u64,
    /// Requests that were refused with 401.
    pub denied: u64,
    /// First and last time of a request.
    pub span: Option<(OffsetDateTime, OffsetDateTime)>,
    /// User agents of its clients.
    pub user_agents: Vec<String>,
    /// A request that shows the state.
    pub sample: Option<Sample>,
    /// The uptime at that request, in seconds.
    pub uptime: Option<i64>,
    /// A request with the oldest token that a late kubelet explains.
    pub late: Option<Aged>,
    /// Whether only Pods that are gone show the state.
    pub is_from_gone_pods: bool,
    /// What is missing to know more, if the state is unknown.
    pub missing: Vec<VerdictReason>,
}

/// A workload with its Pods and their requests.
#[derive(Clone, Debug)]
pub struct Members<'e> {
    /// Its name.
    pub name: &'e WorkloadName,
    /// Its Pods, those that ended as well.
    pub pods: Vec<(&'e KnownPod, &'e Tally)>,
    /// The workload, if it was listed.
    pub known: Option<&'e KnownWorkload>,
}

/// The use of one Pod, or of all Pods of a service account.
struct PodUse<'e> {
    state: UseState,
    trend: Option<AgeTrend>,
    shown_by: Option<(&'e Sample, Option<i64>)>,
    missing: Option<VerdictReason>,
}

impl<'e> PodUse<'e> {
    /// The key of the Pod that decides: the worst state and trend, shown by the request at the greatest uptime.
    fn rank(&self) -> impl Ord + use<'e> {
        let (sample, uptime) = self.shown_by.unzip();
        (self.state, Reverse((self.trend, uptime.flatten())), sample)
    }
}

/// The rules that derive the use of a workload.
pub struct UsageRules<'e> {
    evidence: &'e Evidence<'e>,
    coverage: &'e CoverageReport,
    min_window: Duration,
    late: HashMap<&'e str, BTreeSet<i64>>,
}

impl<'e> UsageRules<'e> {
    /// Prepares the rules. Silence is evidence where the log covers at least `min_window`.
    pub fn new(
        evidence: &'e Evidence<'e>,
        coverage: &'e CoverageReport,
        min_window: std::time::Duration,
    ) -> Self {
        let min_window = Duration::try_from(min_window).unwrap_or(Duration::MAX);
        Self { evidence, coverage, min_window, late: evidence.late_slots() }
    }

    /// The use of a workload.
    pub fn of(&self, members: &Members<'e>) -> WorkloadUse {
        let mut result = WorkloadUse::default();
        let mut uses = Vec::new();
        for (pod, tally) in &members.pods {
            result.add(tally);
            uses.extend(self.of_pod(pod, tally, &mut result));
        }
        if !self.coverage.is_pod_exact {
            self.add_account(members, &mut uses, &mut result);
        }
        let shown = uses.into_iter().min_by_key(PodUse::rank);
        if let Some(shown) = &shown {
            result.show(shown);
        }
        let has_gone = self.evidence.gone(members.name).is_some_and(|gone| result.add_gone(gone));
        if shown.is_none() && !has_gone {
            result.missing.extend(self.missing_for_silence(members));
            result.state = if result.missing.is_empty() { UseState::Quiet } else { UseState::Unknown };
        }
        result
    }

    /// The use of a Pod; `None` if it sent no request.
    fn of_pod(&self, pod: &KnownPod, tally: &'e Tally, result: &mut WorkloadUse) -> Option<PodUse<'e>> {
        let nothing = BTreeSet::new();
        let slots = self.late.get(pod.uid.as_str()).unwrap_or(&nothing);
        let late = tally.stale.explained(slots).cloned();
        let pod_use = of_requests(tally, slots, pod.holds(TokenClass::Year), true);
        result.late = result.late.take().max(late);
        pod_use
    }

    /// Takes the requests of the service account for those of the Pods, where the log names no Pods.
    fn add_account(&self, members: &Members<'e>, uses: &mut Vec<PodUse<'e>>, result: &mut WorkloadUse) {
        let Some(account) = members.account() else { return };
        let namespace = &members.name.namespace;
        let Some(tally) = self.evidence.account(namespace, account) else { return };
        if self.evidence.is_shared(namespace, account) {
            if self.coverage.window.is_some() {
                result.missing.push(VerdictReason::SharedAccount);
            }
            return;
        }
        result.add(tally);
        let holds_year = members.pods.iter().all(|(pod, _)| pod.holds(TokenClass::Year));
        let is_one_pod = members.pods.len() == 1;
        uses.extend(of_requests(tally, &BTreeSet::new(), holds_year, is_one_pod));
    }
}

impl<'e> Members<'e> {
    /// The service account: that of the youngest Pod, or of the template.
    pub fn account(&self) -> Option<&'e str> {
        let youngest = self.pods.iter().max_by_key(|(pod, _)| pod.created);
        let of_template = || self.known.and_then(|known| known.account.as_deref());
        youngest.map(|(pod, _)| pod.account.as_str()).or_else(of_template)
    }

    /// The Pod that its template would create, if that is known.
    pub fn template(&self) -> Option<&'e KnownTemplate> {
        self.known.and_then(|known| known.template.as_ref())
    }
}

impl WorkloadUse {
    fn add(&mut self, tally: &Tally) {
        self.requests += tally.requests.count();
        self.denied += tally.denied.count();
        if let Some((first, last)) = tally.span {
            let (from, to) = self.span.unwrap_or((first, last));
            self.span = Some((from.min(first), to.max(last)));
        }
        self.oldest_token = self.oldest_token.max(tally.stale.oldest_seconds());
        let new = tally.user_agents.iter().filter(|agent| !self.user_agents.contains(agent)).cloned();
        let new: Vec<String> = new.collect();
        self.user_agents.extend(new);
        self.user_agents.sort_unstable();
        self.user_agents.truncate(MAX_USER_AGENTS);
    }

    /// Takes over the use of the Pod that decides.
    fn show(&mut self, shown: &PodUse<'_>) {
        self.state = shown.state;
        self.trend = shown.trend;
        let (sample, uptime) = shown.shown_by.unzip();
        self.sample = sample.cloned();
        self.uptime = uptime.flatten();
        self.missing.extend(shown.missing.clone());
    }

    /// Adds the requests of Pods that are gone, and returns whether they decide. They are weaker than those of Pods
    /// that exist: only a stale token outweighs requests, unless those are of more than a day of uptime.
    fn add_gone(&mut self, gone: &Tally) -> bool {
        let stale = gone.stale.unexplained(&BTreeSet::new());
        let is_outweighed = match self.state {
            UseState::Denied | UseState::Stale => true,
            UseState::Reloads => {
                stale.is_none() || self.uptime.is_some_and(|uptime| uptime >= LONG_RECORD.whole_seconds())
            }
            UseState::Young => stale.is_none(),
            UseState::Unknown | UseState::Quiet => false,
        };
        if is_outweighed || gone.requests.is_empty() {
            return false;
        }
        self.add(gone);
        self.is_from_gone_pods = true;
        self.uptime = None;
        self.missing.clear();
        self.state = if stale.is_some() { UseState::Stale } else { UseState::Young };
        self.trend = stale.as_ref().map(|stale| AgeTrend::of(stale, false));
        self.sample = stale.map(|stale| stale.oldest.sample).or_else(|| gone.first.clone());
        true
    }
}

/// The use that requests show; `None` without any request. A late kubelet explains the stale ones of some slots.
fn of_requests<'e>(
    tally: &'e Tally,
    late_slots: &BTreeSet<i64>,
    holds_year: bool,
    is_one_pod: bool,
) -> Option<PodUse<'e>> {
    let shown = |state, aged: &'e Aged| PodUse {
        state,
        trend: None,
        shown_by: Some((&aged.sample, aged.uptime)),
        missing: None,
    };
    if let Some(sample) = &tally.first_denied {
        let shown_by = Some((sample, None));
        return Some(PodUse { state: UseState::Denied, trend: None, shown_by, missing: None });
    }
    if let Some(oldest) = tally.stale.oldest_unexplained(late_slots) {
        let trend = tally.stale.unexplained(late_slots).map(|stale| AgeTrend::of(&stale, is_one_pod));
        return Some(PodUse { trend, ..shown(UseState::Stale, oldest) });
    }
    let first = tally.first.as_ref()?;
    let fresh = tally.longest_fresh.as_ref().filter(|fresh| fresh.seconds > STALE_AGE && holds_year);
    Some(match (fresh, &tally.longest) {
        (Some(fresh), _) => shown(UseState::Reloads, fresh),
        (None, Some(longest)) if longest.seconds <= STALE_AGE => shown(UseState::Young, longest),
        (None, longest) => {
            let missing = match longest {
                Some(_) if holds_year => Some(match tally.stale.explained(late_slots) {
                    Some(late) => VerdictReason::LateKubelet(late.seconds),
                    None => VerdictReason::NoAnnotations,
                }),
                Some(_) => Some(VerdictReason::NeverStale),
                None => tally.has_untimed.then_some(VerdictReason::NoTimes),
            };
            let state = if missing.is_some() { UseState::Unknown } else { UseState::Young };
            PodUse { state, trend: None, shown_by: Some((first, None)), missing }
        }
    })
}

#[cfg(test)]
mod tests;
