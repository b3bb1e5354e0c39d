//! When the silence of a workload is evidence.

use super::*;

#[test]
fn silence_is_evidence_after_a_day_of_reads() {
    assert_eq!(state_of(one(), reads(24)), UseState::Quiet);
    assert_eq!(state_of(one(), reads(23)), UseState::Unknown);
    let holed =
        reads(30).into_iter().filter(|event| !(Some(at(7000))..Some(at(11_000))).contains(&event.logged));
    assert_eq!(state_of(one(), holed), UseState::Unknown);
    let writes = reads(48).into_iter().map(|event| AuditEvent { verb: "update", ..event });
    assert_eq!(state_of(one(), writes), UseState::Unknown);
    let inventory = Inventory { pods: one(), servers: Some(2), ..Inventory::default() };
    assert_eq!(use_in(&inventory, reads(24)).state, UseState::Unknown, "of one of two API servers");
}

#[test]
fn the_window_is_that_of_the_log_and_not_of_a_pod() {
    assert_eq!(state_of(vec![pod_since("1", 40_000)], reads(24)), UseState::Quiet);
}

#[test]
fn a_workload_that_is_newer_than_the_window_is_not_silent() {
    let known = |created| KnownWorkload {
        name: workload("Deployment", "web"),
        created: Some(at(created)),
        ..KnownWorkload::default()
    };
    let found = |created| {
        use_in(&Inventory { pods: one(), workloads: vec![known(created)], ..Inventory::default() }, reads(24))
    };
    assert_eq!(found(0).state, UseState::Quiet);
    assert_eq!(found(1).missing, [VerdictReason::NewWorkload(at(1))]);
}

#[test]
fn a_pod_is_silent_after_an_hour_in_the_log_or_after_its_end() {
    let found = |created, ended| {
        let life = PodLife { started: Some(at(created)), ended };
        use_of(vec![KnownPod { life, created: at(created), ..pod("1") }], reads(24))
    };
    assert_eq!(found(82_800, None).state, UseState::Quiet);
    assert_eq!(found(82_801, None).missing, [VerdictReason::NewPods(at(82_801))]);
    assert_eq!(found(86_000, Some(at(86_060))).state, UseState::Quiet, "a Job from its start to its end");
    assert_eq!(found(86_000, Some(at(86_401))).missing, [VerdictReason::NewPods(at(86_000))]);
    let pods = vec![pod_since("1", 86_000), pod_since("2", 40_000)];
    assert_eq!(state_of(pods, reads(24)), UseState::Quiet, "a Pod of an hour beside a new one");
}

#[test]
fn a_pod_that_never_ran_in_the_time_of_the_log_is_not_silent() {
    let with = |started, ended| {
        let life = PodLife { started, ended };
        use_of(vec![KnownPod { life, created: at(-9000), ..pod("1") }], reads(24))
    };
    for (started, ended, expected) in [
        (None, None, UseState::Unknown),
        (Some(at(-9000)), Some(at(-1)), UseState::Unknown),
        (Some(at(-9000)), Some(at(0)), UseState::Quiet),
        (Some(at(86_401)), None, UseState::Unknown),
        (Some(at(86_400)), None, UseState::Quiet),
    ] {
        let found = with(started, ended);
        assert_eq!(found.state, expected, "{started:?} {ended:?}");
        assert_eq!(found.missing.contains(&VerdictReason::NotInLog), expected == UseState::Unknown);
    }
    let pending = KnownPod { life: PodLife::default(), ..pod("2") };
    assert_eq!(state_of(vec![pod("1"), pending], reads(24)), UseState::Quiet, "another Pod ran");
}

#[test]
fn requests_before_a_restart_are_no_silence() {
    let mut restarted = pod("1");
    restarted.life.started = Some(at(10));
    assert_eq!(state_of(vec![restarted], reads(48).into_iter().chain([request("1", 5, 0)])), UseState::Young);
}

/// A `CronJob` whose Jobs were created at these times, with the Pods of some.
fn cron_job(runs: &[i64], pods: Vec<KnownPod>) -> Inventory {
    let known = KnownWorkload {
        name: workload("CronJob", "nightly"),
        account: Some("nightly".to_owned()),
        runs: runs.iter().map(|seconds| (format!("nightly-{seconds}"), at(*seconds))).collect(),
        ..KnownWorkload::default()
    };
    Inventory { pods, workloads: vec![known], ..Inventory::default() }
}

/// A Pod of a run, which ended after a minute.
fn run(uid: &str, job: &str, seconds: i64) -> KnownPod {
    let life = PodLife { started: Some(at(seconds)), ended: Some(at(seconds + 60)) };
    let (workload, job, account) =
        (workload("CronJob", "nightly"), Some(job.to_owned()), "nightly".to_owned());
    KnownPod { workload, job, account, life, created: at(seconds), ..pod(uid) }
}

#[test]
fn a_cron_job_is_silent_after_two_runs() {
    let state = |inventory: &Inventory| use_in(inventory, reads(24)).state;
    assert_eq!(state(&cron_job(&[600, 80_000], Vec::new())), UseState::Quiet, "between runs");
    assert_eq!(state(&cron_job(&[], vec![run("1", "a", 600), run("2", "b", 80_000)])), UseState::Quiet);
    let retried = cron_job(&[], vec![run("1", "a", 600), run("2", "a", 700)]);
    assert_eq!(use_in(&retried, reads(24)).missing, [VerdictReason::FewRuns(1)], "two Pods of one run");
    assert_eq!(use_in(&cron_job(&[-1, 80_000], Vec::new()), reads(24)).missing, [VerdictReason::FewRuns(1)]);
    assert_eq!(use_in(&cron_job(&[], Vec::new()), reads(24)).missing, [VerdictReason::FewRuns(0)]);
}

#[test]
fn a_cron_job_is_silent_after_two_runs_in_a_log_without_pods_too() {
    let state =
        |runs: &[i64]| use_in(&cron_job(runs, vec![run("1", "nightly-600", 600)]), nameless_reads(24)).state;
    assert_eq!(state(&[600]), UseState::Unknown);
    assert_eq!(state(&[600, 80_000]), UseState::Quiet);
}

#[test]
fn requests_of_earlier_runs_are_found_by_the_name_of_their_pod() {
    let name = "nightly-28912345-abcde";
    let event = AuditEvent { pod: Some(LoggedPod { name, uid: "gone" }), ..request("gone", 60, 0) };
    let found = use_in(&cron_job(&[600, 80_000], Vec::new()), reads(24).into_iter().chain([event]));
    assert_eq!((found.state, found.is_from_gone_pods), (UseState::Young, true));
}
