//! A cluster in simulated time: kubelets that renew tokens, Pods, and the log of their requests.

use std::collections::BTreeSet;
use std::ops::Range;

use boundtoken::audit::event::{AuditEvent, LoggedPod, Staleness};
use boundtoken::audit::inventory::{Inventory, KnownPod, KnownWorkload, PodAdmission, PodLife, WorkloadName};
use time::{Duration, OffsetDateTime};

use super::super::evidence::year;
use super::clients::{Random, Reload, Run};

/// The time in which a client has to fail if it fails at all, in seconds.
const HORIZON: i64 = 4 * 86_400;

/// A Pod with its client.
#[derive(Clone, Debug)]
pub(super) struct ModelPod {
    pub(super) uid: String,
    pub(super) name: String,
    node: usize,
    pub(super) created: i64,
    /// The end of the Pod; after the log for one that exists.
    pub(super) end: i64,
    runs: Vec<Run>,
    /// Makes the delays of the kubelet.
    seed: u64,
}

/// A workload whose Pods have the same client.
#[derive(Clone, Debug)]
pub(super) struct ModelWorkload {
    pub(super) name: WorkloadName,
    pub(super) account: String,
    pub(super) reload: Reload,
    pub(super) pods: Vec<ModelPod>,
}

/// A kubelet that cannot renew tokens for a time.
#[derive(Clone, Copy, Debug)]
struct Outage {
    node: usize,
    from: i64,
    to: i64,
}

/// A cluster and the time of its log, which begins at 0.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) workloads: Vec<ModelWorkload>,
    outages: Vec<Outage>,
    /// The end of the log, in seconds.
    pub(super) end: i64,
    /// Whether the log names the Pods of requests.
    pub(super) names_pods: bool,
}

/// A request in the log.
#[derive(Clone, Debug)]
pub(super) struct LoggedRequest {
    time: i64,
    user: String,
    pod: Option<(String, String)>,
    excess: i64,
    verb: &'static str,
}

/// The moment 0.
pub(super) fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::hours(500_000) + Duration::seconds(seconds)
}

impl ModelPod {
    /// The time of each request of a range, with the age of its token, if the kubelet asks for tokens of a lifetime.
    fn ages<'p>(
        &'p self,
        lifetime: i64,
        outages: &[Outage],
        range: Range<i64>,
    ) -> impl Iterator<Item = (i64, i64)> + 'p {
        let issued = self.issued(lifetime, outages, range.end);
        let within = move |run: &'p Run| {
            let bound = |time| run.requests.partition_point(|request| *request < time);
            run.requests[bound(range.start.min(range.end))..bound(range.end)]
                .iter()
                .map(move |request| (run, *request))
        };
        self.runs.iter().flat_map(within).map(move |(run, request)| {
            let read = run.read_before(request);
            (request, request - issued[issued.partition_point(|issued| *issued <= read) - 1])
        })
    }

    /// The times at which the kubelet wrote a new token: at 80 % of the lifetime, when it looks at the Pod next, and
    /// after an outage.
    fn issued(&self, lifetime: i64, outages: &[Outage], end: i64) -> Vec<i64> {
        let mut random = Random::new(self.seed);
        let mut issued = vec![self.created];
        let mut last = self.created;
        while last < self.end.min(end) {
            last += lifetime * 4 / 5 + random.within(0..90);
            let outage = outages
                .iter()
                .find(|outage| outage.node == self.node && (outage.from..outage.to).contains(&last));
            last = outage.map_or(last, |outage| outage.to + random.within(0..20));
            issued.push(last);
        }
        issued
    }
}

impl ModelWorkload {
    /// Whether a client would break with tokens of an hour by its own fault.
    pub(super) fn breaks(&self) -> bool {
        !self.survives(&[])
    }

    /// Whether every request is accepted if tokens live an hour, with these outages of kubelets.
    fn survives(&self, outages: &[Outage]) -> bool {
        self.pods
            .iter()
            .flat_map(|pod| pod.ages(3600, outages, i64::MIN..i64::MAX))
            .all(|(_, age)| age <= 3600)
    }

    /// The longest uptime of a Pod that exists at the end of the log, since its last start.
    pub(super) fn longest_record(&self, end: i64) -> i64 {
        let has_requests = |pod: &&ModelPod| pod.runs.iter().any(|run| !run.requests.is_empty());
        let existing = self.pods.iter().filter(|pod| pod.end > end).filter(has_requests);
        let starts = existing
            .filter_map(|pod| pod.runs.iter().map(|run| run.start).filter(|start| *start <= end).max());
        starts.map(|start| end - start.max(0)).max().unwrap_or(0)
    }

    pub(super) fn has_requests(&self, end: i64) -> bool {
        let mut requests = self.pods.iter().flat_map(|pod| &pod.runs).flat_map(|run| &run.requests);
        requests.any(|request| (0..end).contains(request))
    }
}

impl Cluster {
    /// A cluster with eight workloads.
    pub(super) fn any(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let end = if random.one_in(4) { random.within(1200..86_400) } else { random.within(86_400..150_000) };
        let names_pods = !random.one_in(4);
        // Of some clusters, many clients are quick, so that a late kubelet shows.
        let are_quick = names_pods && random.one_in(3);
        let mut workloads: Vec<ModelWorkload> = (0..8)
            .map(|index| {
                let reload = Reload::any(&mut random);
                let is_quick = are_quick && random.one_in(2);
                workload(index, end, if is_quick { Reload::Every(60) } else { reload }, &mut random)
            })
            .collect();
        if random.one_in(3) {
            let account = workloads[0].account.clone();
            workloads[1].account = account;
        }
        let mut cluster = Self { workloads, outages: Vec::new(), end, names_pods };
        if are_quick {
            cluster.add_outage(&mut random);
        }
        cluster
    }

    /// A cluster with one Pod, which is older than its log of a day and a half.
    pub(super) fn of_one(reload: Reload, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let end = 130_000;
        let pod = pod(
            "w-7c9d5b6f4-00000",
            -random.within(100..80_000),
            end + HORIZON,
            reload,
            Some(120),
            &mut random,
        );
        let name = WorkloadName { namespace: "shop".into(), kind: "Deployment".into(), name: "w".into() };
        let workloads = vec![ModelWorkload { name, account: "w".into(), reload, pods: vec![pod] }];
        Self { workloads, outages: Vec::new(), end, names_pods: true }
    }

    /// Adds an outage of one kubelet of up to 20 minutes after which at least three clients that read the file
    /// each minute are seen with old tokens, if there is one.
    fn add_outage(&mut self, random: &mut Random) {
        for _ in 0..1000 {
            let (from, node) = (random.within(0..self.end), usize::from(random.one_in(5)));
            let outage = Outage { node, from, to: from + random.within(800..1200) };
            let is_seen = |pod: &&ModelPod| {
                let mut ages = pod.ages(3607, &[outage], outage.to - 600..outage.to.min(self.end));
                pod.node == node && ages.any(|(_, age)| (3620..3607 + 700).contains(&age))
            };
            let quick = self.workloads.iter().filter(|workload| workload.reload == Reload::Every(60));
            let existing = quick.flat_map(|workload| &workload.pods).filter(|pod| pod.end > self.end);
            if existing.filter(is_seen).count() >= 3 {
                self.outages.push(outage);
                return;
            }
        }
    }

    /// Whether a client would survive tokens of an hour. In an outage of the kubelet, only the quick ones have no part
    /// in it.
    pub(super) fn survives(&self, workload: &ModelWorkload) -> bool {
        workload.survives(&[]) && (workload.reload == Reload::Every(60) || workload.survives(&self.outages))
    }

    pub(super) fn has_outage(&self) -> bool {
        !self.outages.is_empty()
    }

    /// The inventory at the end of the log.
    pub(super) fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        for workload in &self.workloads {
            let started = |pod: &ModelPod| {
                pod.runs.iter().map(|run| run.start).filter(|start| *start <= self.end).max()
            };
            for pod in workload.pods.iter().filter(|pod| pod.end > self.end) {
                inventory.pods.push(KnownPod {
                    uid: pod.uid.clone(),
                    name: pod.name.clone(),
                    workload: workload.name.clone(),
                    job: None,
                    account: workload.account.clone(),
                    node: Some(format!("node-{}", pod.node)),
                    addresses: Vec::new(),
                    created: at(pod.created),
                    life: PodLife { started: started(pod).map(at), ended: None },
                    tokens: [year()].into(),
                    has_unread_secret: false,
                    admission: PodAdmission::default(),
                    elsewhere: BTreeSet::new(),
                });
            }
            inventory.workloads.push(self.known(workload));
        }
        inventory
    }

    fn known(&self, workload: &ModelWorkload) -> KnownWorkload {
        let runs =
            workload.pods.iter().filter(|pod| workload.name.kind == "CronJob" && pod.created <= self.end);
        KnownWorkload {
            name: workload.name.clone(),
            account: Some(workload.account.clone()),
            created: Some(at(-30 * 86_400)),
            runs: runs.map(|pod| (pod.name.clone(), at(pod.created))).collect(),
            template: None,
        }
    }

    /// The log: the requests of Pods, and of a controller every ten minutes.
    pub(super) fn log(&self) -> Vec<LoggedRequest> {
        let mut log = Vec::new();
        for workload in &self.workloads {
            for pod in &workload.pods {
                let mut random = Random::new(pod.seed);
                let requests = pod.ages(3607, &self.outages, 0..self.end);
                for (time, age) in requests {
                    // The API server caches the result of a token for ten seconds.
                    let excess = (age - 3607 - random.within(0..10)).max(0);
                    let name = (pod.name.clone(), pod.uid.clone());
                    let user = format!("system:serviceaccount:shop:{}", workload.account);
                    log.push(LoggedRequest {
                        time,
                        user,
                        pod: self.names_pods.then_some(name),
                        excess,
                        verb: "list",
                    });
                }
            }
        }
        let controller = "system:serviceaccount:kube-system:controller".to_owned();
        let pod = self.names_pods.then(|| ("controller".to_owned(), "controller".to_owned()));
        log.extend((0..=self.end / 600).map(|slot| LoggedRequest {
            time: slot * 600,
            user: controller.clone(),
            pod: pod.clone(),
            excess: 0,
            verb: "watch",
        }));
        log
    }
}

impl LoggedRequest {
    pub(super) fn time(&self) -> i64 {
        self.time
    }

    /// The same as a write.
    pub(super) fn as_write(&self) -> Self {
        Self { verb: "update", ..self.clone() }
    }

    pub(super) fn event(&self) -> AuditEvent<'_> {
        let staleness = match u64::try_from(self.excess) {
            Ok(excess @ 1..) => Staleness::Stale(excess),
            _ => Staleness::Fresh,
        };
        AuditEvent {
            id: "a",
            time: Some(at(self.time)),
            logged: Some(at(self.time)),
            verb: self.verb,
            user: &self.user,
            pod: self.pod.as_ref().map(|(name, uid)| LoggedPod { name, uid }),
            code: Some(200),
            staleness,
            ..AuditEvent::default()
        }
    }
}

/// A workload of any kind with any client.
fn workload(index: usize, end: i64, reload: Reload, random: &mut Random) -> ModelWorkload {
    let is_cron_job = random.one_in(6);
    let kind = if is_cron_job { "CronJob" } else { "Deployment" };
    let label = format!("w{index}");
    let slowest = (!random.one_in(8)).then(|| random.within(120..600));
    let mut pods = Vec::new();
    if is_cron_job {
        let (interval, length) = (random.within(3600..43_200), random.within(60..10_800));
        for run in 0..=end / interval {
            let name = format!("{label}-{}-{run:0>5}", 28_900_000 + run);
            let created = run * interval + random.within(0..30);
            pods.push(pod(&name, created, created + length, reload, slowest, random));
        }
    } else {
        for replica in 0..random.within(1..4) {
            let is_standby = random.one_in(5);
            let slowest = slowest.filter(|_| !is_standby);
            let created = random.within(-200_000..end);
            let name = |hash: &str| format!("{label}-{hash}-{replica:0>5}");
            if random.one_in(3) {
                // The Pod that it replaced.
                let gone = pod(&name("5d4f8c7b9"), created - 180_000, created, reload, slowest, random);
                pods.push(gone);
            }
            pods.push(pod(&name("7c9d5b6f4"), created, end + HORIZON, reload, slowest, random));
        }
    }
    let name = WorkloadName { namespace: "shop".into(), kind: kind.into(), name: label.clone() };
    ModelWorkload { name, account: label, reload, pods }
}

/// A Pod whose container starts again at times.
fn pod(
    name: &str,
    created: i64,
    end: i64,
    reload: Reload,
    slowest: Option<i64>,
    random: &mut Random,
) -> ModelPod {
    let mut starts = vec![created + random.within(1..60)];
    if random.one_in(4) {
        starts.extend((0..random.within(1..4)).map(|_| created + random.within(100..200_000)));
        starts.sort_unstable();
    }
    starts.retain(|start| *start < end);
    let ends: Vec<i64> = starts.iter().skip(1).copied().chain([end]).collect();
    let runs = starts.iter().zip(ends).map(|(start, end)| Run::new(*start, end, reload, slowest, random));
    let runs = runs.collect();
    let (node, seed) = (usize::from(random.one_in(5)), random.within(0..1 << 40).unsigned_abs());
    ModelPod { uid: format!("uid-{name}"), name: name.to_owned(), node, created, end, runs, seed }
}
