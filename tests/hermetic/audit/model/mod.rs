//! Verdicts against what would happen: clients in simulated time, in a cluster whose tokens live a year and in the same
//! cluster with tokens of an hour.

mod clients;
mod cluster;

use std::collections::BTreeMap;

use boundtoken::audit::evidence::Evidence;
use boundtoken::audit::inventory::Inventory;
use boundtoken::audit::log::LogCounts;
use boundtoken::audit::reason::VerdictReason;
use boundtoken::audit::report::{AuditOptions, AuditReport, WorkloadReport};
use boundtoken::audit::usage::{LONG_RECORD, UseState};
use boundtoken::audit::verdict::Verdict;

use clients::Reload;
use cluster::{Cluster, LoggedRequest, ModelWorkload};

/// Clusters that are tried, each with eight workloads; `PROPTEST_CASES` tries others.
fn seeds() -> std::ops::Range<u64> {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    0..cases.unwrap_or(130)
}

fn report<'l>(inventory: &Inventory, log: impl IntoIterator<Item = &'l LoggedRequest>) -> AuditReport {
    let mut evidence = Evidence::new(inventory);
    log.into_iter().for_each(|request| evidence.add(&request.event()));
    evidence.add_counts(&LogCounts::default());
    AuditReport::new(inventory, &evidence, AuditOptions::default())
}

/// Each workload of a cluster with its report.
fn judged<'c>(
    cluster: &'c Cluster,
    report: &'c AuditReport,
) -> impl Iterator<Item = (&'c ModelWorkload, &'c WorkloadReport)> {
    report
        .workloads
        .iter()
        .map(|found| (cluster.workloads.iter().find(|workload| workload.name == found.name).unwrap(), found))
}

fn is_short(found: &WorkloadReport) -> bool {
    found.judgement.reasons.iter().any(|reason| matches!(reason.kind, VerdictReason::ShortRecord(_)))
}

/// A record is long enough if a Pod that exists was seen for a day since its containers started, with a request every
/// ten minutes. Then no client that would break is called `replace`, and none that would survive `fix-first`. Without
/// the reason that the record is short, no client that would break is ever called `replace`.
#[test]
fn verdicts_agree_with_what_tokens_of_an_hour_would_do() {
    let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    let (mut outages, mut late) = (0, 0);
    for seed in seeds() {
        let cluster = Cluster::any(seed);
        let report = report(&cluster.inventory(), &cluster.log());
        for (workload, found) in judged(&cluster, &report) {
            let (breaks, survives) = (workload.breaks(), cluster.survives(workload));
            let verdict = found.judgement.verdict;
            let story =
                || format!("seed {seed}: {:?} {:?} {:#?}", workload.name.name, workload.reload, found);
            assert!(!breaks || verdict != Verdict::Replace || is_short(found), "{}", story());
            let is_long = workload.longest_record(cluster.end) >= LONG_RECORD.whole_seconds() + 600;
            assert!(!survives || !is_long || verdict != Verdict::FixFirst, "{}", story());
            assert!(verdict != Verdict::Disable || !workload.has_requests(cluster.end), "{}", story());
            *counts.entry((verdict.as_str(), survives)).or_default() += 1;
            late += usize::from(found.usage.late.is_some() && verdict == Verdict::Replace);
        }
        outages += usize::from(cluster.has_outage());
    }
    for expected in [
        ("replace", true),
        ("fix-first", false),
        ("replace-from", false),
        ("disable", true),
        ("unknown", true),
    ] {
        assert!(counts.get(&expected).is_some_and(|count| *count > 20), "{expected:?} of {counts:?}");
    }
    assert!(outages > 5 && late > 10, "{outages} outages, which explain {late} clients");
}

#[test]
fn order_repetition_and_files_change_no_report() {
    for seed in seeds().take(30) {
        let cluster = Cluster::any(seed);
        let (inventory, log) = (cluster.inventory(), cluster.log());
        let whole = report(&inventory, &log);
        let reversed = log.iter().rev().chain(log.iter().step_by(3));
        assert_eq!(report(&inventory, reversed), whole, "seed {seed}");
    }
}

#[test]
fn a_short_log_or_one_with_a_hole_or_without_reads_shows_no_silence() {
    let is_quiet =
        |report: &AuditReport| report.workloads.iter().any(|found| found.usage.state == UseState::Quiet);
    // Whether the coverage and every workload without requests name what is missing.
    let is_said = |report: &AuditReport, is_gap: fn(&VerdictReason) -> bool| {
        // A CronJob without Pods has no tokens here.
        let is_silent = |found: &&WorkloadReport| !found.tokens.is_empty() && found.usage.requests == 0;
        let silent = report.workloads.iter().filter(is_silent);
        let mut silent = silent.map(|found| &found.judgement.reasons);
        report.coverage.missing.iter().any(is_gap)
            && silent.all(|reasons| reasons.iter().any(|reason| is_gap(&reason.kind)))
    };
    let mut quiet = 0;
    for seed in seeds().take(60) {
        let cluster = Cluster::any(seed);
        let (inventory, log) = (cluster.inventory(), cluster.log());
        quiet += usize::from(is_quiet(&report(&inventory, &log)));
        let short = log.iter().filter(|request| request.time() < 1200);
        let short = report(&inventory, short);
        assert!(!is_quiet(&short), "seed {seed}");
        assert!(is_said(&short, |gap| matches!(gap, VerdictReason::ShortWindow(..))), "seed {seed}");
        let middle = cluster.end / 2;
        let holed = log.iter().filter(|request| !(middle..middle + 4300).contains(&request.time()));
        let holed = report(&inventory, holed);
        let is_said_of_hole = is_said(&holed, |gap| matches!(gap, VerdictReason::Holes(..)));
        assert!(cluster.end < 10_000 || !is_quiet(&holed) && is_said_of_hole, "seed {seed}");
        let writes: Vec<LoggedRequest> = log.iter().map(LoggedRequest::as_write).collect();
        let writes = report(&inventory, &writes);
        assert!(!is_quiet(&writes), "seed {seed}");
        assert!(is_said(&writes, |gap| matches!(gap, VerdictReason::NoReads)), "seed {seed}");
    }
    assert!(quiet > 10, "only {quiet} of the whole logs show silence");
}

/// A client in step with the kubelet is the limit of the method: it breaks with tokens of an hour, and a log of a day
/// and a half may not show it.
#[test]
fn a_client_in_step_with_the_kubelet_may_be_misjudged() {
    let is_misjudged = |interval: i64| {
        (0..60).any(|seed| {
            let cluster = Cluster::of_one(Reload::Every(interval), seed);
            let report = report(&cluster.inventory(), &cluster.log());
            let found = &report.workloads[0];
            cluster.workloads[0].breaks() && found.judgement.verdict == Verdict::Replace && !is_short(found)
        })
    };
    let step = i64::midpoint(clients::IN_STEP.start, clients::IN_STEP.end);
    assert!(is_misjudged(step));
    assert!(!is_misjudged(clients::IN_STEP.start - 60) && !is_misjudged(clients::IN_STEP.end + 60));
}
