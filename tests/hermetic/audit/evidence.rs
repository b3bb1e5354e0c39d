//! The evidence of a log that a real API server wrote, and its independence of files.

use std::time::Duration;

use boundtoken::audit::event::AuditEvent;
use boundtoken::audit::evidence::{Evidence, KnownPod, WorkloadName};
use boundtoken::audit::log::read;
use proptest::prelude::*;
use time::OffsetDateTime;

use super::file;

/// The time of the first event of the log.
fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_995_504).unwrap()
}

/// The Pod of the log, whose containers started that many seconds before its first event.
fn pods(uptime: u64) -> Vec<KnownPod> {
    let started = start() - Duration::from_secs(uptime);
    vec![KnownPod {
        uid: "04567670-eccd-4d30-85ec-912e9f7e2054".into(),
        namespace: "default".into(),
        account: "default".into(),
        workload: WorkloadName { namespace: "default".into(), kind: "Pod".into(), name: "old".into() },
        node: None,
        addresses: vec!["127.0.0.1".into()],
        created: started,
        started,
        holds_year: true,
        holds_legacy: false,
    }]
}

fn evidence<'a>(logs: impl IntoIterator<Item = &'a [u8]>) -> Evidence {
    let mut evidence = Evidence::new(pods(7000));
    for log in logs {
        read(log, &mut |event: &AuditEvent<'_>| evidence.add(event)).unwrap();
    }
    evidence
}

#[test]
fn a_real_log_shows_the_age_of_each_token() {
    let log = file("kube-apiserver.jsonl");
    let evidence = evidence([&*log]);
    let (_, tally) = evidence.pods().next().unwrap();
    // Three probes, a fresh token, two watches: each counts once, whatever its stages.
    let logged = String::from_utf8(log).unwrap();
    let requests =
        logged.lines().filter(|line| line.contains("pod-uid") && line.contains("ResponseComplete"));
    assert_eq!(tally.requests.count(), requests.count() as u64);
    let stale = tally.stale.as_ref().unwrap();
    assert_eq!(stale.oldest.seconds, 3607 + 3620);
    assert!(tally.longest_fresh.is_some() && tally.user_agents.contains("fresh/1"));
    assert_eq!((tally.denied.count(), tally.denied_id.is_some()), (1, true));
    let account = evidence.account("default", "default").unwrap();
    assert!(account.user_agents.iter().eq(["legacy/1"]), "{:?}", account.user_agents);
    let coverage = &evidence.coverage;
    assert!(coverage.has_reads && coverage.names_pods && coverage.has_starts);
    assert_eq!(coverage.from().map(OffsetDateTime::unix_timestamp), Some(start().unix_timestamp()));
    assert!(!coverage.would_show(start(), Duration::from_hours(24)));
}

#[test]
fn a_log_of_google_cloud_names_no_pods() {
    let coverage = evidence([&*file("gke.json")]).coverage;
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
        let whole = format!("{:?}", evidence([&*log]));
        prop_assert_eq!(whole, format!("{:?}", evidence(files.iter().map(Vec::as_slice))));
    }
}
