//! The Pods and workloads that a log is compared with, and how events are matched with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use time::{Duration, OffsetDateTime};

use super::tally::TokenOrigin;
use crate::audit::inventory::{Inventory, KnownPod, WorkloadName};

/// Longest start of a generated name that is kept, in bytes, before its random suffix
/// (`maxGeneratedNameLength` in `k8s.io/apiserver/pkg/storage/names/generate.go`).
const MAX_GENERATED: usize = 58;

/// Length of the random suffix.
const SUFFIX: usize = 5;

/// Pods and workloads by the values in events. Two-part keys begin with the Namespace.
#[derive(Clone, Debug)]
pub(super) struct Roster<'i> {
    pub(super) pods: &'i [KnownPod],
    by_uid: HashMap<&'i str, usize>,
    by_address: HashMap<&'i str, Vec<usize>>,
    by_account: HashMap<(&'i str, &'i str), usize>,
    accounts: Vec<KnownAccount<'i>>,
    by_workload: BTreeMap<(&'i str, &'i str), BTreeSet<&'i WorkloadName>>,
}

/// A service account of Pods or Pod templates.
#[derive(Clone, Debug, Default)]
struct KnownAccount<'i> {
    workloads: BTreeSet<&'i WorkloadName>,
    /// The latest creation and start of its Pods.
    youngest: Option<TokenOrigin>,
}

impl KnownPod {
    /// The origin of its tokens.
    pub(super) fn origin(&self) -> TokenOrigin {
        TokenOrigin { created: self.created, started: self.life.started }
    }
}

impl<'i> Roster<'i> {
    pub(super) fn new(inventory: &'i Inventory) -> Self {
        let mut roster = Self {
            pods: &inventory.pods,
            by_uid: HashMap::new(),
            by_address: HashMap::new(),
            by_account: HashMap::new(),
            accounts: Vec::new(),
            by_workload: BTreeMap::new(),
        };
        for (index, pod) in inventory.pods.iter().enumerate() {
            roster.by_uid.insert(&pod.uid, index);
            for address in &pod.addresses {
                roster.by_address.entry(address).or_default().push(index);
            }
            roster.add_workload(&pod.workload, Some(&pod.account), Some(pod.origin()));
        }
        for workload in &inventory.workloads {
            roster.add_workload(&workload.name, workload.account.as_deref(), None);
        }
        roster
    }

    fn add_workload(
        &mut self,
        name: &'i WorkloadName,
        account: Option<&'i str>,
        origin: Option<TokenOrigin>,
    ) {
        self.by_workload.entry((&name.namespace, &name.name)).or_default().insert(name);
        let Some(account) = account else { return };
        let next = self.accounts.len();
        let index = *self.by_account.entry((&name.namespace, account)).or_insert(next);
        if index == next {
            self.accounts.push(KnownAccount::default());
        }
        let Some(account) = self.accounts.get_mut(index) else { return };
        account.workloads.insert(name);
        if let Some(origin) = origin {
            let known = account.youngest.unwrap_or(origin);
            let created = known.created.max(origin.created);
            account.youngest = Some(TokenOrigin { created, started: known.started.max(origin.started) });
        }
    }

    pub(super) fn account_count(&self) -> usize {
        self.accounts.len()
    }

    pub(super) fn pod(&self, uid: &str) -> Option<usize> {
        self.by_uid.get(uid).copied()
    }

    pub(super) fn account(&self, namespace: &str, account: &str) -> Option<usize> {
        self.by_account.get(&(namespace, account)).copied()
    }

    pub(super) fn is_shared(&self, account: usize) -> bool {
        self.accounts.get(account).is_some_and(|account| account.workloads.len() > 1)
    }

    /// The latest creation and the latest start of the Pods of a service account.
    pub(super) fn youngest(&self, account: usize) -> Option<TokenOrigin> {
        self.accounts.get(account).and_then(|account| account.youngest)
    }

    /// The Pod that had an address at a time: of those that existed and had not ended, the youngest.
    pub(super) fn pod_at(&self, address: &str, time: OffsetDateTime) -> Option<usize> {
        let pods =
            self.by_address.get(address)?.iter().filter_map(|index| Some((*index, self.pods.get(*index)?)));
        // The times of a status are in whole seconds.
        let has_ended = |pod: &KnownPod| pod.life.ended.is_some_and(|ended| ended + Duration::SECOND <= time);
        let existing = pods.filter(|(_, pod)| pod.created <= time && !has_ended(pod));
        existing.max_by_key(|(_, pod)| pod.created).map(|(index, _)| index)
    }

    /// The workload of a Pod that is gone, by the pattern of the Pod's name: the name of the workload, followed by
    /// the hash of a `ReplicaSet` or the time of a Job, the index of an indexed Job, and a random suffix, or by the
    /// number of a replica.
    pub(super) fn workload_of(&self, namespace: &str, pod: &str) -> Option<&'i WorkloadName> {
        let mut names = std::iter::successors(pod.rsplit_once('-'), |(name, _)| name.rsplit_once('-'));
        let (one, last) = names.next()?;
        let (two, second) = names.next().unzip();
        let (three, third) = names.next().unzip();
        let is_random = last.len() == SUFFIX;
        let is_number = |part: Option<&str>| part.is_some_and(is_number);
        let find = |name: Option<&str>, fits: &dyn Fn(&str) -> bool| {
            let known = self.by_workload.get(&(namespace, name?))?;
            known.iter().copied().find(|known| fits(&known.kind))
        };
        let is_indexed = is_random && is_number(second) && is_number(third);
        find(three, &|kind| is_indexed && kind == "CronJob")
            .or_else(|| {
                find(two, &|kind| match kind {
                    "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Pod" => false,
                    "Job" | "CronJob" => is_random && is_number(second),
                    _ => is_random,
                })
            })
            .or_else(|| {
                find(Some(one), &|kind| match kind {
                    "StatefulSet" => is_number(Some(last)),
                    "Deployment" | "CronJob" | "Pod" => false,
                    _ => is_random || is_number(Some(last)),
                })
            })
            .or_else(|| self.workload_of_cut(namespace, pod))
    }

    /// The workloads of this name.
    fn named<'r>(
        &'r self,
        namespace: &'r str,
        name: &'r str,
    ) -> impl Iterator<Item = &'i WorkloadName> + use<'r, 'i> {
        self.by_workload.get(&(namespace, name)).into_iter().flatten().copied()
    }

    /// The workload of a Pod whose name lost the end of the one that it was generated from. It is not known if several
    /// workloads have the rest in common.
    fn workload_of_cut(&self, namespace: &str, pod: &str) -> Option<&'i WorkloadName> {
        let (start, _) = pod.split_at_checked(MAX_GENERATED).filter(|(_, suffix)| suffix.len() == SUFFIX)?;
        // Of the name of a ReplicaSet or Job, only the hash or the number was cut.
        let of_owner = start.rsplit_once('-').into_iter().flat_map(|(name, cut)| {
            self.named(namespace, name).filter(move |known| match known.kind.as_str() {
                "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "Pod" => false,
                "CronJob" => cut.bytes().all(|byte| byte.is_ascii_digit()),
                _ => true,
            })
        });
        // The cut name begins that of the workload. Pods of an indexed Job keep their index.
        let indexed = start.strip_suffix('-').and_then(|name| name.rsplit_once('-'));
        let indexed = indexed.filter(|(_, index)| is_number(index)).map(|(name, _)| name);
        let longer = [(start, false)].into_iter().chain(indexed.map(|name| (name, true)));
        let of_longer = longer.flat_map(|(start, of_jobs)| {
            let from = self.by_workload.range((namespace, start)..);
            let known =
                from.take_while(move |((other, name), _)| *other == namespace && name.starts_with(start));
            known.flat_map(|(_, known)| known.iter().copied()).filter(move |known| {
                match known.kind.as_str() {
                    "StatefulSet" | "Pod" => false,
                    kind => !of_jobs || kind == "Job",
                }
            })
        });
        let mut found = of_owner.chain(of_longer);
        found.next().filter(|one| found.all(|other| other == *one))
    }
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::inventory::KnownWorkload;
    use crate::audit::testing::{at, pod, workload};

    fn inventory(pods: Vec<KnownPod>) -> Inventory {
        Inventory { pods, ..Inventory::default() }
    }

    fn job(uid: &str, name: &str, hours: i64) -> KnownPod {
        let created = at(hours * 3600);
        let mut pod = KnownPod { workload: workload("Job", name), created, ..pod(uid) };
        (pod.life.started, pod.addresses) = (Some(created), vec!["10.0.0.1".to_owned()]);
        pod
    }

    #[test]
    fn an_address_belongs_to_the_youngest_pod_that_existed() {
        let inventory = inventory(vec![job("old", "a", 10), job("new", "b", 20)]);
        let roster = Roster::new(&inventory);
        for (hours, expected) in [(9, None), (10, Some(0)), (19, Some(0)), (20, Some(1)), (99, Some(1))] {
            assert_eq!(roster.pod_at("10.0.0.1", at(hours * 3600)), expected, "{hours}");
        }
        assert_eq!(roster.pod_at("10.0.0.2", at(99 * 3600)), None);
    }

    #[test]
    fn an_address_of_a_pod_that_ended_belongs_to_no_pod() {
        let mut ended = job("old", "a", 10);
        ended.life.ended = Some(at(12 * 3600));
        let inventory = inventory(vec![ended]);
        let roster = Roster::new(&inventory);
        assert_eq!(roster.pod_at("10.0.0.1", at(12 * 3600)), Some(0));
        assert_eq!(roster.pod_at("10.0.0.1", at(12 * 3600 + 1)), None);
    }

    #[test]
    fn an_account_is_shared_by_workloads_and_not_by_replicas() {
        let replicas = inventory(vec![job("a", "a", 1), job("b", "a", 2)]);
        let roster = Roster::new(&replicas);
        assert!(!roster.is_shared(0));
        let youngest = TokenOrigin { created: at(2 * 3600), started: Some(at(2 * 3600)) };
        assert_eq!(roster.youngest(0), Some(youngest));
        assert!(Roster::new(&inventory(vec![job("a", "a", 1), job("b", "b", 1)])).is_shared(0));
    }

    #[test]
    fn a_workload_without_pods_shares_its_account() {
        let idle = KnownWorkload {
            name: workload("CronJob", "nightly"),
            account: Some("web".to_owned()),
            ..KnownWorkload::default()
        };
        let inventory = Inventory { workloads: vec![idle], ..inventory(vec![job("a", "a", 1)]) };
        assert!(Roster::new(&inventory).is_shared(0));
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
        let known = |(kind, name): &(&str, &str)| KnownWorkload {
            name: workload(kind, name),
            ..KnownWorkload::default()
        };
        let inventory = Inventory { workloads: kinds.iter().map(known).collect(), ..Inventory::default() };
        let roster = Roster::new(&inventory);
        for (name, expected) in [
            ("web-5d4f8c7b9-abcde", Some("web")),
            ("web-abcde", None),
            ("web-5d4f8c7b9-abcd", None),
            ("db-0", Some("db")),
            ("db-abcde", None),
            ("agent-x2x4z", Some("agent")),
            ("nightly-28912345-abcde", Some("nightly")),
            ("nightly-28912345-7-abcde", Some("nightly")),
            ("nightly-x-7-abcde", None),
            ("once-abcde", Some("once")),
            ("once-12-abcde", Some("once")),
            ("once-x-abcde", None),
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

    /// A Pod name as the API server generates it.
    fn generated(start: &str) -> String {
        format!("{}x2x4z", start.get(..MAX_GENERATED).unwrap_or(start))
    }

    #[test]
    fn the_start_of_a_long_name_leads_to_its_workload() {
        let long = |length: usize| "checkout-".repeat(30)[..length].trim_end_matches('-').to_owned();
        for kind in ["Deployment", "CronJob", "DaemonSet", "Job", "Rollout"] {
            for length in [40, 46, 47, 48, 49, 50, 51, 52, 56, 57, 58, 60, 63, 100] {
                let name = long(length);
                let known = KnownWorkload { name: workload(kind, &name), ..KnownWorkload::default() };
                let inventory = Inventory { workloads: vec![known], ..Inventory::default() };
                let roster = Roster::new(&inventory);
                let pod = match kind {
                    "Deployment" | "Rollout" => generated(&format!("{name}-5d4f8c7b9-")),
                    // The API server refuses a longer name.
                    "CronJob" if length > 52 => continue,
                    "CronJob" => generated(&format!("{name}-28912345-")),
                    _ => generated(&format!("{name}-")),
                };
                let found = roster.workload_of("shop", &pod).map(|known| known.name.as_str());
                assert_eq!(found, Some(name.as_str()), "{kind} {pod}");
                assert_eq!(roster.workload_of("shop", &pod[1..]), None, "{kind} {pod}");
                assert_eq!(roster.workload_of("other", &pod), None, "{kind} {pod}");
            }
        }
    }

    #[test]
    fn a_long_indexed_job_keeps_its_index_in_the_names_of_its_pods() {
        let name = "checkout-".repeat(7)[..62].to_owned();
        let known = KnownWorkload { name: workload("Job", &name), ..KnownWorkload::default() };
        let inventory = Inventory { workloads: vec![known], ..Inventory::default() };
        let pod = format!("{}-17-x2x4z", &name[..54]);
        let found = Roster::new(&inventory).workload_of("shop", &pod).map(|known| known.name.as_str());
        assert_eq!((pod.len(), found), (63, Some(name.as_str())));
    }

    #[test]
    fn a_start_that_several_workloads_have_in_common_leads_to_none() {
        let name = |end: &str| format!("{}{end}", "x".repeat(58));
        let known =
            |end| KnownWorkload { name: workload("Deployment", &name(end)), ..KnownWorkload::default() };
        let inventory = Inventory { workloads: vec![known("one"), known("two")], ..Inventory::default() };
        assert_eq!(Roster::new(&inventory).workload_of("shop", &generated(&name("one-5d4f8c7b9-"))), None);
    }
}
