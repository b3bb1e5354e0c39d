//! The rules of each state, at their boundaries.

use time::OffsetDateTime;

use super::*;
use crate::audit::event::{AuditEvent, LoggedPod, Staleness};

const DAY: Duration = Duration::from_hours(24);
const USER: &str = "system:serviceaccount:shop:web";

/// The moment at which every Pod begins.
fn start() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn pod(uid: &str, workload: &str) -> KnownPod {
    KnownPod {
        uid: uid.to_owned(),
        namespace: "shop".to_owned(),
        account: "web".to_owned(),
        workload: name("Deployment", workload),
        node: Some("node".to_owned()),
        addresses: vec![format!("10.0.0.{uid}")],
        created: start(),
        started: start(),
        holds_year: true,
        holds_legacy: false,
    }
}

fn name(kind: &str, name: &str) -> WorkloadName {
    WorkloadName { namespace: "shop".to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

fn at(seconds: i64) -> OffsetDateTime {
    start() + time::Duration::seconds(seconds)
}

/// A request of a Pod, with a token that is stale by `excess` seconds.
fn request(uid: &str, seconds: i64, excess: u64) -> AuditEvent<'_> {
    AuditEvent {
        id: "request",
        time: Some(at(seconds)),
        verb: "list",
        user: USER,
        pod: Some(LoggedPod { name: "web-5d4f8c7b9-abcde", uid }),
        staleness: if excess == 0 { Staleness::Fresh } else { Staleness::Stale(excess) },
        ..AuditEvent::default()
    }
}

/// The reads of a controller, twice an hour for as many hours.
fn reads(hours: i64) -> Vec<AuditEvent<'static>> {
    let read = |half: i64| AuditEvent {
        id: "read",
        time: Some(at(half * 1800)),
        verb: "watch",
        user: "system:serviceaccount:kube-system:controller",
        pod: Some(LoggedPod { name: "controller-0", uid: "controller" }),
        staleness: Staleness::Fresh,
        ..AuditEvent::default()
    };
    (0..=2 * hours).map(read).collect()
}

fn use_of<'a>(pods: Vec<KnownPod>, events: impl IntoIterator<Item = AuditEvent<'a>>) -> WorkloadUse {
    let workload = pods[0].workload.clone();
    let mut evidence = Evidence::new(pods);
    events.into_iter().for_each(|event| evidence.add(&event));
    of_workloads(&evidence, DAY).remove(&workload).unwrap()
}

fn state_of<'a>(pods: Vec<KnownPod>, events: impl IntoIterator<Item = AuditEvent<'a>>) -> UseState {
    use_of(pods, events).state.unwrap()
}

fn one() -> Vec<KnownPod> {
    vec![pod("1", "web")]
}

#[test]
fn without_a_log_nothing_is_known() {
    assert_eq!(state_of(one(), []), UseState::Unknown);
}

#[test]
fn a_request_after_an_hour_shows_that_the_token_is_reloaded() {
    for (seconds, expected) in [(0, UseState::Young), (3607, UseState::Young), (3608, UseState::Reloads)] {
        assert_eq!(state_of(one(), [request("1", seconds, 0)]), expected, "{seconds}");
    }
}

#[test]
fn only_a_token_of_a_year_shows_it() {
    let pods = vec![KnownPod { holds_year: false, ..pod("1", "web") }];
    assert_eq!(state_of(pods, [request("1", 9000, 0)]), UseState::Unknown);
}

#[test]
fn only_an_event_with_annotations_shows_it() {
    let event = AuditEvent { staleness: Staleness::Unknown, ..request("1", 9000, 0) };
    assert_eq!(state_of(one(), [event]), UseState::Unknown);
    assert_eq!(state_of(one(), [event, request("1", 4000, 0)]), UseState::Reloads);
}

#[test]
fn a_request_without_a_time_is_use_and_no_more() {
    let event = AuditEvent { time: None, ..request("1", 0, 0) };
    assert_eq!(state_of(one(), reads(25).into_iter().chain([event])), UseState::Unknown);
}

#[test]
fn one_stale_request_outweighs_others() {
    let events = [request("1", 9000, 0), request("1", 9001, 1), request("1", 20_000, 0)];
    let found = use_of(one(), events);
    assert_eq!((found.state, found.oldest_token), (Some(UseState::Stale), Some(3608)));
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
    assert_eq!((found.state, found.sample.as_deref()), (Some(UseState::Denied), Some("denied")));
    let before = AuditEvent { time: Some(at(-1)), ..denied };
    assert_eq!(state_of(one(), [before]), UseState::Unknown, "before the Pod was created");
    let other = AuditEvent { source_ip: "10.0.0.2", ..denied };
    assert_eq!(state_of(one(), [other]), UseState::Unknown, "from another address");
    let host = vec![KnownPod { addresses: Vec::new(), ..pod("1", "web") }];
    assert_eq!(state_of(host, [denied]), UseState::Unknown, "from the address of a node");
}

#[test]
fn silence_is_evidence_after_a_day_of_reads() {
    assert_eq!(state_of(one(), reads(24)), UseState::Quiet);
    assert_eq!(state_of(one(), reads(23)), UseState::Unknown);
    let holed =
        reads(30).into_iter().filter(|event| !(Some(at(7000))..Some(at(11_000))).contains(&event.time));
    assert_eq!(state_of(one(), holed), UseState::Unknown);
    let younger = vec![KnownPod { created: at(1), ..pod("1", "web") }];
    assert_eq!(state_of(younger, reads(24)), UseState::Unknown);
}

#[test]
fn a_log_without_reads_never_shows_silence() {
    let writes = reads(48).into_iter().map(|event| AuditEvent { verb: "update", ..event });
    assert_eq!(state_of(one(), writes), UseState::Unknown);
}

#[test]
fn requests_before_a_restart_are_no_silence() {
    let pods = vec![KnownPod { started: at(10), ..pod("1", "web") }];
    assert_eq!(state_of(pods, reads(48).into_iter().chain([request("1", 5, 0)])), UseState::Unknown);
}

#[test]
fn a_standby_beside_a_pod_that_reloads_takes_nothing_away() {
    let pods = || vec![pod("1", "web"), pod("2", "web")];
    let reloads = request("1", 90_000, 0);
    assert_eq!(state_of(pods(), reads(48).into_iter().chain([reloads])), UseState::Reloads);
    let young = request("2", 60, 0);
    assert_eq!(state_of(pods(), [reloads, young]), UseState::Reloads);
    assert_eq!(state_of(pods(), [reloads, request("2", 9000, 1)]), UseState::Stale);
    assert_eq!(state_of(pods(), reads(48).into_iter().chain([young])), UseState::Young);
}

#[test]
fn a_cron_job_is_silent_after_two_runs() {
    let run = |uid: &str, seconds| KnownPod {
        workload: name("CronJob", "nightly"),
        created: at(seconds),
        ..pod(uid, "")
    };
    assert_eq!(state_of(vec![run("1", 600), run("2", 80_000)], reads(24)), UseState::Quiet);
    assert_eq!(state_of(vec![run("1", 600)], reads(24)), UseState::Unknown);
    assert_eq!(state_of(vec![run("1", -1), run("2", 80_000)], reads(24)), UseState::Unknown);
}

#[test]
fn a_late_kubelet_makes_no_pod_stale() {
    let pods = |nodes: [&str; 3]| {
        let of = |(uid, node): (&str, &str)| KnownPod { node: Some(node.to_owned()), ..pod(uid, uid) };
        ["1", "2", "3"].into_iter().zip(nodes).map(of).collect::<Vec<_>>()
    };
    let events = |excess: u64| {
        ["1", "2", "3"]
            .into_iter()
            .flat_map(move |uid| [request(uid, 0, 0), request(uid, 9000, excess), request(uid, 20_000, 0)])
    };
    assert_eq!(state_of(pods(["a", "a", "a"]), events(720)), UseState::Reloads);
    assert_eq!(state_of(pods(["a", "a", "b"]), events(720)), UseState::Stale, "two Pods of the node");
    assert_eq!(
        state_of(pods(["a", "a", "a"]), events(721)),
        UseState::Stale,
        "longer than a renewal is late"
    );
    let slow = (1..8).flat_map(|renewal| {
        ["1", "2", "3"].map(|uid| request(uid, renewal * 2886, if renewal % 2 == 0 { 300 } else { 0 }))
    });
    assert_eq!(state_of(pods(["a", "a", "a"]), slow), UseState::Stale, "at every other renewal");
}

#[test]
fn requests_without_a_pod_belong_to_the_only_workload_of_the_account() {
    let without_pod = |seconds, excess| AuditEvent { pod: None, ..request("", seconds, excess) };
    let reads = || reads(48).into_iter().map(|event| AuditEvent { pod: None, ..event });
    assert_eq!(state_of(one(), [without_pod(9000, 0)]), UseState::Reloads);
    assert_eq!(state_of(one(), reads()), UseState::Quiet);
    let shared = use_of(vec![pod("1", "web"), pod("2", "other")], reads().chain([without_pod(9000, 0)]));
    assert_eq!((shared.state, shared.is_shared), (Some(UseState::Unknown), true));
}

#[test]
fn requests_without_a_pod_count_from_the_latest_start() {
    let younger = KnownPod { started: at(6000), ..pod("2", "web") };
    let without_pod = AuditEvent { pod: None, ..request("", 9000, 0) };
    assert_eq!(state_of(vec![pod("1", "web"), younger], [without_pod]), UseState::Young);
}

#[test]
fn a_token_of_a_secret_hides_silence() {
    let legacy = AuditEvent { pod: None, ..request("", 9000, 0) };
    let events = || reads(48).into_iter().chain([legacy]);
    assert_eq!(state_of(one(), events()), UseState::Quiet, "the Pod has no such token");
    let pods = vec![KnownPod { holds_legacy: true, ..pod("1", "web") }];
    assert_eq!(state_of(pods, events()), UseState::Unknown);
}

#[test]
fn pods_that_are_gone_show_use_and_nothing_better() {
    let gone = |excess| request("gone", 9000, excess);
    let events = |excess| reads(48).into_iter().chain([gone(excess)]);
    let found = use_of(one(), events(0));
    assert_eq!((found.state, found.is_from_gone_pods), (Some(UseState::Young), true));
    assert_eq!(state_of(one(), events(5)), UseState::Stale);
    let reloads = request("1", 9000, 0);
    assert_eq!(state_of(one(), events(5).chain([reloads])), UseState::Reloads);
}

#[test]
fn a_token_that_follows_the_uptime_is_never_read_again() {
    let trend = |uptime: i64, age: u64| use_of(one(), [request("1", uptime, age - 3607)]).trend.unwrap();
    assert_eq!(trend(7214, 6493), AgeTrend::FollowsUptime);
    assert_eq!(trend(7213, 7213), AgeTrend::Undecided, "too short an uptime");
    assert_eq!(trend(10_000, 9000), AgeTrend::FollowsUptime);
    assert_eq!(trend(10_000, 8999), AgeTrend::Undecided);
    assert_eq!(trend(10_000, 5001), AgeTrend::Undecided);
    assert_eq!(trend(10_000, 5000), AgeTrend::LevelsOff(5000));
}

#[test]
fn two_stale_tokens_show_that_the_age_levels_off() {
    let events = [request("1", 10_000, 4000), request("1", 12_000, 2000)];
    assert_eq!(use_of(one(), events).trend, Some(AgeTrend::LevelsOff(7607)));
    let same = [request("1", 10_000, 2000), request("1", 12_000, 4000)];
    assert_eq!(use_of(one(), same).trend, Some(AgeTrend::Undecided));
    let pods = || vec![pod("1", "web"), pod("2", "web")];
    let of_account = events.map(|event| AuditEvent { pod: None, ..event });
    assert_eq!(use_of(pods(), of_account).trend, Some(AgeTrend::Undecided), "each may be of another Pod");
    assert_eq!(use_of(one(), of_account).trend, Some(AgeTrend::LevelsOff(7607)));
}

#[test]
fn the_worst_trend_of_the_pods_counts() {
    let pods = vec![pod("1", "web"), pod("2", "web")];
    let events = [request("1", 20_000, 393), request("2", 20_000, 16_393)];
    assert_eq!(use_of(pods, events).trend, Some(AgeTrend::FollowsUptime));
}

#[test]
fn the_shortest_lifetime_leaves_room_for_the_interval() {
    let min_ttl = |age| AgeTrend::LevelsOff(age).min_ttl();
    // 5 h 12 min: an interval of 4.4 h.
    assert_eq!(min_ttl(18_720), Some(22 * 3600));
    assert_eq!(min_ttl(2886 + 720), Some(3600), "exactly an hour");
    assert_eq!(min_ttl(2886 + 721), Some(7200));
    // From an interval of 6 h on, the kubelet renews after a day.
    assert_eq!(min_ttl(2886 + 21_600), Some(30 * 3600));
    assert_eq!(min_ttl(2886 + 36_000), Some(34 * 3600));
    assert_eq!(AgeTrend::Undecided.min_ttl(), None);
    assert_eq!(AgeTrend::FollowsUptime.min_ttl(), None);
}
