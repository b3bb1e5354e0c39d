//! The rules of each state, at their boundaries.

use super::*;
use crate::audit::event::{AuditEvent, LoggedPod, Staleness};
use crate::audit::inventory::{Inventory, PodLife};
use crate::audit::log::LogCounts;
use crate::audit::report::AuditOptions;
use crate::audit::testing::{at, pod, reads, request, token, workload};

mod silence;

/// The use of the first workload of an inventory.
fn use_in<'a>(inventory: &Inventory, events: impl IntoIterator<Item = AuditEvent<'a>>) -> WorkloadUse {
    let mut evidence = Evidence::new(inventory);
    events.into_iter().for_each(|event| evidence.add(&event));
    evidence.add_counts(&LogCounts::default());
    let coverage =
        CoverageReport::new(&evidence.coverage, inventory.servers, AuditOptions::default().min_window);
    let rules = UsageRules::new(&evidence, &coverage, AuditOptions::default().min_window);
    let known = inventory.workloads.first();
    let name = known.map_or_else(|| &inventory.pods[0].workload, |known| &known.name);
    let pods = evidence.pods().filter(|(pod, _)| pod.workload == *name).collect();
    rules.of(&Members { name, pods, known })
}

fn use_of<'a>(pods: Vec<KnownPod>, events: impl IntoIterator<Item = AuditEvent<'a>>) -> WorkloadUse {
    use_in(&Inventory { pods, ..Inventory::default() }, events)
}

fn state_of<'a>(pods: Vec<KnownPod>, events: impl IntoIterator<Item = AuditEvent<'a>>) -> UseState {
    use_of(pods, events).state
}

fn one() -> Vec<KnownPod> {
    vec![pod("1")]
}

/// A Pod that was created and started then.
fn pod_since(uid: &str, seconds: i64) -> KnownPod {
    let life = PodLife { started: Some(at(seconds)), ended: None };
    KnownPod { created: at(seconds), life, ..pod(uid) }
}

fn without_pod(event: AuditEvent<'_>) -> AuditEvent<'_> {
    AuditEvent { pod: None, ..event }
}

/// Reads in a log that names no Pods.
fn nameless_reads(hours: i64) -> impl Iterator<Item = AuditEvent<'static>> {
    reads(hours).into_iter().map(without_pod)
}

#[test]
fn without_a_log_nothing_is_known() {
    let found = use_of(one(), []);
    assert_eq!((found.state, found.missing), (UseState::Unknown, vec![VerdictReason::NoLog]));
}

#[test]
fn a_request_after_an_hour_shows_that_the_token_is_reloaded() {
    for (seconds, expected) in [(0, UseState::Young), (3607, UseState::Young), (3608, UseState::Reloads)] {
        let found = use_of(one(), [request("1", seconds, 0)]);
        assert_eq!((found.state, found.uptime), (expected, Some(seconds)));
    }
}

#[test]
fn only_a_token_of_a_year_shows_it() {
    let pods = vec![KnownPod { tokens: [token(TokenClass::Audience)].into(), ..pod("1") }];
    let found = use_of(pods, [request("1", 9000, 0)]);
    assert_eq!((found.state, found.missing), (UseState::Unknown, vec![VerdictReason::NeverStale]));
}

#[test]
fn only_an_event_with_annotations_shows_it() {
    let event = AuditEvent { staleness: Staleness::Unknown, ..request("1", 9000, 0) };
    let found = use_of(one(), [event]);
    assert_eq!((found.state, found.missing), (UseState::Unknown, vec![VerdictReason::NoAnnotations]));
    assert_eq!(state_of(one(), [event, request("1", 4000, 0)]), UseState::Reloads);
}

#[test]
fn a_request_without_a_time_is_use_and_no_more() {
    let event = AuditEvent { time: None, ..request("1", 0, 0) };
    let found = use_of(one(), reads(25).into_iter().chain([event]));
    assert_eq!((found.state, found.missing), (UseState::Unknown, vec![VerdictReason::NoTimes]));
}

#[test]
fn one_stale_request_outweighs_others() {
    let events = [request("1", 9000, 0), request("1", 9001, 1), request("1", 20_000, 0)];
    let found = use_of(one(), events);
    assert_eq!((found.state, found.oldest_token), (UseState::Stale, Some(3608)));
}

#[test]
fn a_stale_request_before_a_restart_counts() {
    let mut restarted = pod("1");
    restarted.life.started = Some(at(50_000));
    let found = use_of(vec![restarted], [request("1", 40_000, 5000), request("1", 60_000, 0)]);
    assert_eq!((found.state, found.trend), (UseState::Stale, Some(AgeTrend::Undecided)));
}

#[test]
fn a_request_from_before_the_pod_does_not_count() {
    assert_eq!(use_of(one(), [request("1", -1, 5000)]).requests, 0);
}

#[test]
fn a_refused_request_outweighs_everything() {
    let denied = AuditEvent {
        id: "denied",
        time: Some(at(5)),
        source_ip: "10.0.0.1",
        code: Some(401),
        ..AuditEvent::default()
    };
    let found = use_of(one(), [request("1", 9000, 99), denied]);
    assert_eq!((found.state, found.denied), (UseState::Denied, 1));
    assert_eq!(found.sample.map(|sample| sample.id).as_deref(), Some("denied"));
    let before = AuditEvent { time: Some(at(-1)), ..denied };
    assert_eq!(state_of(one(), [before]), UseState::Unknown, "before the Pod was created");
    let other = AuditEvent { source_ip: "10.0.0.2", ..denied };
    assert_eq!(state_of(one(), [other]), UseState::Unknown, "from another address");
    let host = vec![KnownPod { addresses: Vec::new(), ..pod("1") }];
    assert_eq!(state_of(host, [denied]), UseState::Unknown, "from the address of a node");
}

#[test]
fn a_standby_beside_a_pod_that_reloads_takes_nothing_away() {
    let pods = || vec![pod("1"), pod("2")];
    let reloads = request("1", 90_000, 0);
    assert_eq!(state_of(pods(), reads(48).into_iter().chain([reloads])), UseState::Reloads);
    let young = request("2", 60, 0);
    assert_eq!(state_of(pods(), [reloads, young]), UseState::Reloads);
    assert_eq!(state_of(pods(), [reloads, request("2", 9000, 1)]), UseState::Stale);
    assert_eq!(state_of(pods(), reads(48).into_iter().chain([young])), UseState::Young);
}

#[test]
fn a_late_kubelet_makes_no_pod_stale() {
    let pods = |nodes: [&str; 3]| {
        let of = |(uid, node): (&str, &str)| KnownPod { node: Some(node.to_owned()), ..pod(uid) };
        ["1", "2", "3"].into_iter().zip(nodes).map(of).collect::<Vec<_>>()
    };
    let events = |excess: u64| {
        ["1", "2", "3"]
            .into_iter()
            .flat_map(move |uid| [request(uid, 0, 0), request(uid, 9000, excess), request(uid, 20_000, 0)])
    };
    let explained = use_of(pods(["a", "a", "a"]), events(720));
    assert_eq!((explained.state, explained.late.map(|late| late.seconds)), (UseState::Reloads, Some(4327)));
    assert_eq!(state_of(pods(["a", "a", "b"]), events(720)), UseState::Stale, "two Pods of the node");
    assert_eq!(
        state_of(pods(["a", "a", "a"]), events(721)),
        UseState::Stale,
        "longer than a renewal is late"
    );
    let slow = events(720).chain([request("1", 30_000, 100)]);
    assert_eq!(state_of(pods(["a", "a", "a"]), slow), UseState::Stale, "alone, later");
    let only_late = ["1", "2", "3"].into_iter().map(|uid| request(uid, 9000, 720));
    let found = use_of(pods(["a", "a", "a"]), only_late);
    assert_eq!((found.state, found.missing), (UseState::Unknown, vec![VerdictReason::LateKubelet(4327)]));
}

#[test]
fn requests_without_a_pod_belong_to_the_only_workload_of_the_account() {
    assert_eq!(state_of(one(), [without_pod(request("", 9000, 0))]), UseState::Reloads);
    assert_eq!(state_of(one(), nameless_reads(48)), UseState::Quiet);
    let other = KnownPod { workload: workload("Deployment", "other"), ..pod("2") };
    let shared = use_of(vec![pod("1"), other], nameless_reads(48).chain([without_pod(request("", 9000, 0))]));
    assert_eq!((shared.state, shared.missing), (UseState::Unknown, vec![VerdictReason::SharedAccount]));
}

#[test]
fn requests_without_a_pod_count_from_the_latest_start() {
    let events = [without_pod(request("", 9000, 0))];
    assert_eq!(state_of(vec![pod("1"), pod_since("2", 6000)], events), UseState::Young);
}

#[test]
fn a_token_of_an_older_pod_says_nothing_of_the_youngest() {
    let age = |age: u64| [without_pod(request("", 20_000, age - 3607))];
    let pods = || vec![pod("1"), pod_since("2", 10_000)];
    assert_eq!(use_of(pods(), age(10_000)).trend, Some(AgeTrend::FollowsUptime));
    assert_eq!(use_of(pods(), age(19_000)).trend, Some(AgeTrend::Undecided));
}

#[test]
fn a_token_of_a_secret_hides_silence() {
    let events = || reads(48).into_iter().chain([without_pod(request("", 9000, 0))]);
    assert_eq!(state_of(one(), events()), UseState::Quiet, "the Pod has no such token");
    let tokens = [token(TokenClass::Year), token(TokenClass::Legacy)].into();
    let found = use_of(vec![KnownPod { tokens, ..pod("1") }], events());
    assert_eq!((found.state, found.missing), (UseState::Unknown, vec![VerdictReason::SecretUsed(1)]));
}

#[test]
fn pods_that_are_gone_show_use_and_nothing_better() {
    let gone = |excess| request("gone", 9000, excess);
    let events = |excess| reads(48).into_iter().chain([gone(excess)]);
    let found = use_of(one(), events(0));
    assert_eq!((found.state, found.is_from_gone_pods), (UseState::Young, true));
    assert_eq!(found.sample.map(|sample| sample.id).as_deref(), Some("request"));
    assert_eq!(state_of(one(), events(5)), UseState::Stale);
}

#[test]
fn an_old_token_of_a_pod_that_is_gone_outweighs_a_short_record() {
    let gone = request("gone", 9000, 5);
    assert_eq!(state_of(one(), [gone, request("1", 60, 0)]), UseState::Stale, "young");
    assert_eq!(state_of(one(), [gone, request("1", 86_399, 0)]), UseState::Stale);
    assert_eq!(state_of(one(), [gone, request("1", 86_400, 0)]), UseState::Reloads);
    let fresh = request("gone", 9000, 0);
    assert_eq!(state_of(one(), [fresh, request("1", 9000, 0)]), UseState::Reloads);
}

#[test]
fn the_worst_trend_of_the_pods_counts() {
    let events = [request("1", 20_000, 393), request("2", 20_000, 16_393)];
    assert_eq!(use_of(vec![pod("1"), pod("2")], events).trend, Some(AgeTrend::FollowsUptime));
}

#[test]
fn two_stale_tokens_of_an_account_may_be_of_two_pods() {
    let events = [request("1", 10_000, 4000), request("1", 12_000, 2000)].map(without_pod);
    assert_eq!(use_of(vec![pod("1"), pod("2")], events).trend, Some(AgeTrend::Undecided));
    assert_eq!(use_of(one(), events).trend, Some(AgeTrend::LevelsOff(7607)));
}
