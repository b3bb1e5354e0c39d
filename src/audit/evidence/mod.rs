//! The evidence of an audit log about each Pod.
//!
//! The evidence depends neither on the order of the events nor on how often each occurs. Its size depends on the
//! number of Pods and on the time that the log covers, not on the number of events.

pub mod coverage;
mod distinct;
mod roster;
pub mod sample;
pub mod stale;
pub mod tally;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::AuditEvent;
use super::inventory::{Inventory, KnownPod, WorkloadName};
use super::log::LogCounts;
use coverage::Coverage;
use roster::Roster;
use tally::Tally;

pub use distinct::Distinct;

/// Fewest Pods of a node that show that its kubelet was late.
const MIN_LATE_PODS: usize = 3;

/// The evidence of a log about the Pods of a cluster.
#[derive(Clone, Debug)]
pub struct Evidence<'i> {
    roster: Roster<'i>,
    /// The coverage of the log.
    pub coverage: Coverage,
    pods: Vec<Tally>,
    /// By service account: requests that name no Pod.
    accounts: Vec<Tally>,
    /// Requests of Pods that are gone, by workload.
    gone: BTreeMap<&'i WorkloadName, Tally>,
    /// The service accounts that create `TokenReviews`.
    reviewers: BTreeSet<usize>,
}

impl<'i> Evidence<'i> {
    /// Begins without any event.
    pub fn new(inventory: &'i Inventory) -> Self {
        let roster = Roster::new(inventory);
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

    /// Adds the numbers of a file, after its events.
    pub fn add_counts(&mut self, counts: &LogCounts) {
        self.coverage.add_counts(counts);
    }

    /// The known Pods, each with its requests.
    pub fn pods(&self) -> impl Iterator<Item = (&'i KnownPod, &Tally)> {
        self.roster.pods.iter().zip(&self.pods)
    }

    /// The requests of a service account that name no Pod.
    pub fn account(&self, namespace: &str, account: &str) -> Option<&Tally> {
        self.accounts.get(self.roster.account(namespace, account)?)
    }

    /// Whether more than one workload uses a service account.
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

    /// The slots in which a late kubelet explains the stale requests of a Pod, by the Pod's UID: at least three Pods
    /// of its node had an old token in the same quarter of an hour or the next.
    pub fn late_slots(&self) -> HashMap<&'i str, BTreeSet<i64>> {
        let mut nodes: HashMap<&str, BTreeMap<i64, BTreeSet<&'i str>>> = HashMap::new();
        let located = self.pods().filter_map(|(pod, tally)| Some((pod, tally, pod.node.as_deref()?)));
        for (pod, tally, node) in located {
            for slot in tally.stale.short_slots() {
                let pods = nodes.entry(node).or_default().entry(slot).or_default();
                pods.insert(pod.uid.as_str());
            }
        }
        let mut late: HashMap<&str, BTreeSet<i64>> = HashMap::new();
        for slots in nodes.values() {
            for (slot, pods) in slots {
                let near: BTreeSet<&str> =
                    slots.range(slot - 1..=slot + 1).flat_map(|(_, pods)| pods).copied().collect();
                for pod in pods.iter().filter(|_| near.len() >= MIN_LATE_PODS) {
                    late.entry(pod).or_default().insert(*slot);
                }
            }
        }
        late
    }

    fn add_request(&mut self, event: &AuditEvent<'_>, namespace: &str, account: &str) {
        if event.is_review {
            self.reviewers.extend(self.roster.account(namespace, account));
        }
        match event.pod {
            None => {
                let account = self.roster.account(namespace, account);
                if let Some((tally, account)) =
                    account.and_then(|index| Some((self.accounts.get_mut(index)?, index)))
                {
                    tally.add(event, self.roster.youngest(account));
                }
            }
            Some(logged) => match self.roster.pod(logged.uid) {
                Some(index) => self.add_to_pod(event, index),
                None => {
                    if let Some(workload) = self.roster.workload_of(namespace, logged.name) {
                        self.gone.entry(workload).or_default().add(event, None);
                    }
                }
            },
        }
    }

    /// Adds a request of a Pod, unless it is older than the Pod: a log may be of another cluster.
    fn add_to_pod(&mut self, event: &AuditEvent<'_>, index: usize) {
        let (Some(tally), Some(pod)) = (self.pods.get_mut(index), self.roster.pods.get(index)) else {
            return;
        };
        if event.time.is_none_or(|time| time >= pod.created) {
            tally.add(event, Some(pod.origin()));
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
