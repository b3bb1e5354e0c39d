//! The evidence of an audit log about each Pod.
//!
//! The evidence depends neither on the order of the events nor on how often each occurs. Its size depends on the
//! number of Pods and on the time that the log covers, not on the number of events.

pub mod coverage;
mod distinct;
mod roster;
pub mod tally;

use std::collections::{BTreeMap, BTreeSet};

use super::event::AuditEvent;
use coverage::Coverage;
use roster::Roster;
use tally::Tally;

pub use distinct::Distinct;
pub use roster::{KnownPod, WorkloadName};

/// Fewest Pods of a node that show that its kubelet was late.
const MIN_LATE_PODS: usize = 3;

/// The evidence of a log about the Pods of a cluster.
#[derive(Clone, Debug)]
pub struct Evidence {
    roster: Roster,
    /// The coverage of the log.
    pub coverage: Coverage,
    pods: Vec<Tally>,
    /// By service account of a Pod: requests that name no Pod.
    accounts: Vec<Tally>,
    /// Requests of Pods that are gone, by workload.
    gone: BTreeMap<WorkloadName, Tally>,
    /// The service accounts of Pods that create `TokenReviews`.
    reviewers: BTreeSet<usize>,
}

impl Evidence {
    /// Begins without any event.
    pub fn new(pods: Vec<KnownPod>) -> Self {
        let roster = Roster::new(pods);
        Self {
            coverage: Coverage::default(),
            pods: vec![Tally::default(); roster.pods.len()],
            accounts: vec![Tally::default(); roster.account_count()],
            gone: BTreeMap::new(),
            reviewers: BTreeSet::new(),
            roster,
        }
    }

    /// Adds an event.
    pub fn add(&mut self, event: &AuditEvent<'_>) {
        self.coverage.add(event);
        if event.is_denied() {
            self.deny(event);
        } else if let Some((namespace, account)) = event.account() {
            self.add_request(event, namespace, account);
        }
    }

    /// The known Pods, each with its requests.
    pub fn pods(&self) -> impl Iterator<Item = (&KnownPod, &Tally)> {
        self.roster.pods.iter().zip(&self.pods)
    }

    /// The requests of a service account that name no Pod.
    pub fn account(&self, namespace: &str, account: &str) -> Option<&Tally> {
        self.accounts.get(self.roster.account(namespace, account)?)
    }

    /// Whether the Pods of more than one workload use a service account.
    pub fn is_shared(&self, namespace: &str, account: &str) -> bool {
        self.roster.account(namespace, account).is_some_and(|account| self.roster.is_shared(account))
    }

    /// Whether a service account creates `TokenReviews`: it receives tokens of others, and its own may be used
    /// elsewhere.
    pub fn reviews_tokens(&self, namespace: &str, account: &str) -> bool {
        self.roster.account(namespace, account).is_some_and(|account| self.reviewers.contains(&account))
    }

    /// The requests of Pods of a workload that are gone.
    pub fn gone(&self, workload: &WorkloadName) -> Option<&Tally> {
        self.gone.get(workload)
    }

    /// The Pods of which a late kubelet explains every stale request: at least three Pods of one node had an old
    /// token within the same quarter of an hour or the next.
    pub fn late_pods(&self) -> BTreeSet<&str> {
        let mut nodes: BTreeMap<&str, Vec<(&KnownPod, &BTreeSet<i64>)>> = BTreeMap::new();
        for (pod, tally) in self.pods() {
            if let (Some(node), Some(slots)) = (pod.node.as_deref(), tally.explainable_slots()) {
                nodes.entry(node).or_default().push((pod, slots));
            }
        }
        let mut late = BTreeSet::new();
        for pods in nodes.values() {
            let count = |slot: i64| {
                pods.iter().filter(|(_, slots)| slots.range(slot - 1..=slot + 1).next().is_some()).count()
            };
            let explained =
                pods.iter().filter(|(_, slots)| slots.iter().all(|slot| count(*slot) >= MIN_LATE_PODS));
            late.extend(explained.map(|(pod, _)| pod.uid.as_str()));
        }
        late
    }

    fn add_request(&mut self, event: &AuditEvent<'_>, namespace: &str, account: &str) {
        let account = self.roster.account(namespace, account);
        if event.is_review {
            self.reviewers.extend(account);
        }
        let Some(logged) = event.pod else {
            if let Some((tally, account)) =
                account.and_then(|index| self.accounts.get_mut(index).zip(Some(index)))
            {
                tally.add(event, self.roster.latest_start(account));
            }
            return;
        };
        match self.roster.pod(logged.uid) {
            Some(index) => {
                if let (Some(tally), Some(pod)) = (self.pods.get_mut(index), self.roster.pods.get(index)) {
                    tally.add(event, Some(pod.started));
                }
            }
            None => {
                if let Some(workload) = self.roster.workload_of(namespace, logged.name) {
                    self.gone.entry(workload.clone()).or_default().add(event, None);
                }
            }
        }
    }

    /// Adds a request that was refused with 401. It names no Pod; its address does.
    fn deny(&mut self, event: &AuditEvent<'_>) {
        let index = event.time.and_then(|time| self.roster.pod_at(event.source_ip, time));
        if let Some(tally) = index.and_then(|index| self.pods.get_mut(index)) {
            tally.deny(event);
        }
    }
}
