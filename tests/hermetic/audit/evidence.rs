//! The evidence of a log that a real API server wrote, and its independence of files.

use std::collections::BTreeSet;
use std::time::Duration;

use boundtoken::audit::event::AuditEvent;
use boundtoken::audit::evidence::Evidence;
use boundtoken::audit::inventory::{
    HeldToken, Inventory, KnownPod, PodAdmission, PodLife, TokenClass, WorkloadName,
};
use boundtoken::audit::log::read;
use boundtoken::audit::report::{AuditOptions, AuditReport};
use proptest::prelude::*;
use time::OffsetDateTime;

use super::file;

/// The time of the first event of the log.
fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_995_504).unwrap()
}

/// The Pod of the log, whose containers started that many seconds before its first event.
fn inventory(uptime: u64) -> Inventory {
    let started = start() - Duration::from_secs(uptime);
    let pod = KnownPod {
        uid: "04567670-eccd-4d30-85ec-912e9f7e2054".into(),
        name: "old".into(),
        workload: WorkloadName { namespace: "default".into(), kind: "Pod".into(), name: "old".into() },
        job: None,
        account: "default".into(),
        node: None,
        addresses: vec!["127.0.0.1".into()],
        created: started,
        life: PodLife { started: Some(started), ended: None },
        tokens: [year()].into(),
        has_unread_secret: false,
        admission: PodAdmission::default(),
        elsewhere: BTreeSet::new(),
    };
    Inventory { pods: vec![pod], ..Inventory::default() }
}

pub(super) fn year() -> HeldToken {
    HeldToken {
        class: TokenClass::Year,
        seconds: Some(31_536_000),
        audience: None,
        path: "/var/run/secrets/kubernetes.io/serviceaccount/token".into(),
        is_sub_path: false,
        containers: vec!["app".into()],
    }
}

fn evidence<'a>(inventory: &Inventory, logs: impl IntoIterator<Item = &'a [u8]>) -> Evidence<'_> {
    let mut evidence = Evidence::new(inventory);
    for log in logs {
        let counts = read(log, &mut |event: &AuditEvent<'_>| evidence.add(event)).unwrap();
        evidence.add_counts(&counts);
    }
    evidence
}

#[test]
fn a_real_log_shows_the_age_of_each_token() {
    let log = file("kube-apiserver.jsonl");
    let inventory = inventory(7000);
    let evidence = evidence(&inventory, [&*log]);
    let (_, tally) = evidence.pods().next().unwrap();
    // Three probes, a fresh token, two watches: each counts once, whatever its stages.
    let logged = String::from_utf8(log).unwrap();
    let requests =
        logged.lines().filter(|line| line.contains("pod-uid") && line.contains("ResponseComplete"));
    assert_eq!(tally.requests.count(), requests.count() as u64);
    assert_eq!(tally.stale.oldest_seconds(), Some(3607 + 3620));
    assert!(tally.longest_fresh.is_some() && tally.user_agents.contains("fresh/1"));
    assert_eq!((tally.denied.count(), tally.first_denied.is_some()), (1, true));
    let account = evidence.account("default", "default").unwrap();
    assert!(account.user_agents.iter().eq(["legacy/1"]), "{:?}", account.user_agents);
    let coverage = &evidence.coverage;
    assert!(coverage.has_reads && coverage.names_pods && coverage.has_starts);
    let window = coverage.window().unwrap();
    assert_eq!(window.from.unix_timestamp(), start().unix_timestamp());
    assert!(window.length() < Duration::from_hours(24) && window.holes.is_empty());
}

#[test]
fn a_log_of_google_cloud_names_no_pods() {
    let coverage = evidence(&inventory(7000), [&*file("gke.json")]).coverage;
    assert!(coverage.has_reads && !coverage.names_pods);
}

proptest! {
    /// Any order of the lines, in any files, some of them twice, some compressed: the evidence is the same.
    #[test]
    fn files_order_and_overlap_change_nothing(
        order in Just((0..26_usize).collect::<Vec<_>>()).prop_shuffle(),
        again in proptest::collection::vec(0..26_usize, 0..9),
        cuts in proptest::collection::vec(0..35_usize, 0..4),
    ) {
        let log = file("kube-apiserver.jsonl");
        let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
        prop_assert_eq!(lines.len(), 26);
        let shuffled: Vec<&[u8]> = order.iter().chain(&again).map(|index| lines[*index]).collect();
        let files = shuffled.iter().zip(0..).fold(vec![Vec::new()], |mut files, (line, index)| {
            if cuts.contains(&index) {
                files.push(Vec::new());
            }
            files.last_mut().unwrap().extend_from_slice(line);
            files
        });
        let inventory = inventory(7000);
        let report = |evidence: Evidence<'_>| {
            let mut report = AuditReport::new(&inventory, &evidence, AuditOptions::default());
            // The numbers of files and records are those of the files.
            (report.coverage.files, report.coverage.counts) = Default::default();
            report
        };
        let whole = report(evidence(&inventory, [&*log]));
        prop_assert_eq!(whole, report(evidence(&inventory, files.iter().map(Vec::as_slice))));
    }
}
