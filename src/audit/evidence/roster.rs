//! The Pods that a log is compared with, and how events are matched with them.

use std::collections::{BTreeSet, HashMap};

use time::OffsetDateTime;

/// A Pod of the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownPod {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// The service account.
    pub account: String,
    /// The workload at the top of its owners.
    pub workload: WorkloadName,
    /// `spec.nodeName`.
    pub node: Option<String>,
    /// `status.podIPs`; empty with `hostNetwork`, where other Pods have the same addresses.
    pub addresses: Vec<String>,
    /// `metadata.creationTimestamp`.
    pub created: OffsetDateTime,
    /// The latest start of the containers that hold the token.
    pub started: OffsetDateTime,
    /// Whether a container holds a token that the API server extends to a year.
    pub holds_year: bool,
    /// Whether a container holds the token of a Secret, whose requests name no Pod.
    pub holds_legacy: bool,
}

/// A workload in its namespace.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkloadName {
    /// `metadata.namespace`.
    pub namespace: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
}

/// The Pods, by the values in events.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    pub(super) pods: Vec<KnownPod>,
    by_uid: HashMap<String, usize>,
    by_address: HashMap<String, Vec<usize>>,
    /// By namespace and name, joined as in a user name.
    by_account: HashMap<String, usize>,
    accounts: Vec<KnownAccount>,
    /// By namespace and name, joined in the same way.
    by_workload: HashMap<String, BTreeSet<WorkloadName>>,
}

/// A service account of some Pods.
#[derive(Clone, Debug)]
struct KnownAccount {
    workloads: BTreeSet<WorkloadName>,
    latest_start: OffsetDateTime,
}

impl Roster {
    pub(super) fn new(pods: Vec<KnownPod>) -> Self {
        let mut roster = Self {
            pods: Vec::new(),
            by_uid: HashMap::new(),
            by_address: HashMap::new(),
            by_account: HashMap::new(),
            accounts: Vec::new(),
            by_workload: HashMap::new(),
        };
        for pod in pods {
            roster.add(pod);
        }
        roster
    }

    fn add(&mut self, pod: KnownPod) {
        let index = self.pods.len();
        self.by_uid.insert(pod.uid.clone(), index);
        for address in &pod.addresses {
            self.by_address.entry(address.clone()).or_default().push(index);
        }
        let next = self.accounts.len();
        let account = *self.by_account.entry(joined(&pod.namespace, &pod.account)).or_insert(next);
        if account == next {
            self.accounts.push(KnownAccount { workloads: BTreeSet::new(), latest_start: pod.started });
        }
        if let Some(account) = self.accounts.get_mut(account) {
            account.workloads.insert(pod.workload.clone());
            account.latest_start = account.latest_start.max(pod.started);
        }
        let WorkloadName { namespace, name, .. } = &pod.workload;
        self.by_workload.entry(joined(namespace, name)).or_default().insert(pod.workload.clone());
        self.pods.push(pod);
    }

    pub(super) fn account_count(&self) -> usize {
        self.accounts.len()
    }

    pub(super) fn pod(&self, uid: &str) -> Option<usize> {
        self.by_uid.get(uid).copied()
    }

    pub(super) fn account(&self, namespace: &str, account: &str) -> Option<usize> {
        self.by_account.get(&joined(namespace, account)).copied()
    }

    pub(super) fn is_shared(&self, account: usize) -> bool {
        self.accounts.get(account).is_some_and(|account| account.workloads.len() > 1)
    }

    /// The latest start of the containers of a service account's Pods.
    pub(super) fn latest_start(&self, account: usize) -> Option<OffsetDateTime> {
        self.accounts.get(account).map(|account| account.latest_start)
    }

    /// The Pod that had an address at a time: of those that existed, the youngest.
    pub(super) fn pod_at(&self, address: &str, time: OffsetDateTime) -> Option<usize> {
        let pods = self.by_address.get(address)?.iter().copied();
        let created = |index: &usize| self.pods.get(*index).map(|pod| pod.created);
        pods.filter(|index| created(index).is_some_and(|created| created <= time)).max_by_key(created)
    }

    /// The workload of a Pod that is gone, by the pattern of the Pod's name: the name of the workload, followed by
    /// a hash and a suffix, a time and a suffix, a number, or a suffix.
    pub(super) fn workload_of(&self, namespace: &str, pod: &str) -> Option<&WorkloadName> {
        let (shorter, suffix) = pod.rsplit_once('-')?;
        let is_random = suffix.len() == 5;
        let is_number = !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit());
        let named = |name: &str, fits: &dyn Fn(&str) -> bool| {
            self.by_workload.get(&joined(namespace, name))?.iter().find(|known| fits(&known.kind))
        };
        let two_parts = shorter.rsplit_once('-').filter(|_| is_random).and_then(|(shortest, _)| {
            named(shortest, &|kind| {
                !matches!(kind, "StatefulSet" | "DaemonSet" | "Job" | "ReplicaSet" | "Pod")
            })
        });
        two_parts.or_else(|| {
            named(shorter, &|kind| match kind {
                "StatefulSet" => is_number,
                "Deployment" | "CronJob" | "Pod" => false,
                _ => is_random || is_number,
            })
        })
    }
}

fn joined(namespace: &str, account: &str) -> String {
    format!("{namespace}:{account}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pod(uid: &str, kind: &str, workload: &str, hours: u64) -> KnownPod {
        let created = OffsetDateTime::UNIX_EPOCH + Duration::from_hours(hours);
        KnownPod {
            uid: uid.to_owned(),
            namespace: "shop".to_owned(),
            account: "default".to_owned(),
            workload: WorkloadName { namespace: "shop".into(), kind: kind.into(), name: workload.into() },
            node: None,
            addresses: vec!["10.0.0.1".to_owned()],
            created,
            started: created,
            holds_year: true,
            holds_legacy: false,
        }
    }

    #[test]
    fn an_address_belongs_to_the_youngest_pod_that_existed() {
        let roster = Roster::new(vec![pod("old", "Job", "a", 10), pod("new", "Job", "b", 20)]);
        let at = |hours| OffsetDateTime::UNIX_EPOCH + Duration::from_hours(hours);
        for (hours, expected) in [(9, None), (10, Some(0)), (19, Some(0)), (20, Some(1)), (99, Some(1))] {
            assert_eq!(roster.pod_at("10.0.0.1", at(hours)), expected, "{hours}");
        }
        assert_eq!(roster.pod_at("10.0.0.2", at(99)), None);
    }

    #[test]
    fn an_account_is_shared_by_workloads_and_not_by_replicas() {
        let roster = Roster::new(vec![pod("a", "Job", "a", 1), pod("b", "Job", "a", 2)]);
        assert!(!roster.is_shared(0));
        assert_eq!(roster.latest_start(0), Some(OffsetDateTime::UNIX_EPOCH + Duration::from_hours(2)));
        assert!(Roster::new(vec![pod("a", "Job", "a", 1), pod("b", "Job", "b", 1)]).is_shared(0));
    }

    #[test]
    fn the_name_of_a_pod_leads_to_its_workload() {
        let kinds = [
            ("Deployment", "web"),
            ("StatefulSet", "db"),
            ("DaemonSet", "agent"),
            ("CronJob", "nightly"),
            ("Job", "once"),
            ("Rollout", "canary"),
        ];
        let roster = Roster::new(kinds.iter().map(|(kind, name)| pod(name, kind, name, 1)).collect());
        for (name, expected) in [
            ("web-5d4f8c7b9-abcde", Some("web")),
            ("web-abcde", None),
            ("web-5d4f8c7b9-abcd", None),
            ("db-0", Some("db")),
            ("db-abcde", None),
            ("agent-x2x4z", Some("agent")),
            ("nightly-28912345-abcde", Some("nightly")),
            ("once-abcde", Some("once")),
            ("canary-5d4f8c7b9-abcde", Some("canary")),
            ("canary-abcde", Some("canary")),
            ("other-0", None),
            ("web", None),
            ("", None),
        ] {
            assert_eq!(roster.workload_of("shop", name).map(|known| known.name.as_str()), expected, "{name}");
        }
        assert_eq!(roster.workload_of("other", "db-0"), None);
    }
}
