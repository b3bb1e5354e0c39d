//! Each rule of the verdicts, and which one comes first.

use super::*;
use crate::audit::evidence::coverage::LogWindow;
use crate::audit::evidence::sample::{Aged, Sample};
use crate::audit::inventory::PodAdmission;
use crate::audit::testing::{at, pod, token};

fn sample(id: &str) -> Sample {
    Sample { time: None, id: id.to_owned() }
}

/// The use with a state, shown by a request after two days.
fn used(state: UseState) -> WorkloadUse {
    WorkloadUse { state, uptime: Some(172_800), sample: Some(sample("shown")), ..WorkloadUse::default() }
}

fn stale(trend: AgeTrend) -> WorkloadUse {
    WorkloadUse { trend: Some(trend), oldest_token: Some(9000), ..used(UseState::Stale) }
}

/// A workload with a token of a year in a Namespace that did not opt in.
struct Case {
    tokens: Vec<HeldToken>,
    has_unread_secret: bool,
    admission: AdmissionState,
    usage: WorkloadUse,
    elsewhere: BTreeSet<String>,
    coverage: CoverageReport,
}

impl Case {
    fn new(usage: WorkloadUse) -> Self {
        let window = LogWindow { from: at(0), to: at(90_000), holes: Vec::new() };
        Self {
            tokens: vec![token(TokenClass::Year)],
            has_unread_secret: false,
            admission: AdmissionState::default(),
            usage,
            elsewhere: BTreeSet::new(),
            coverage: CoverageReport { window: Some(window), has_starts: true, ..CoverageReport::default() },
        }
    }

    fn judge(&self) -> Judgement {
        let Self { tokens, has_unread_secret, admission, usage, elsewhere, coverage } = self;
        let has_unread_secret = *has_unread_secret;
        Judgement::of(&VerdictFacts { tokens, has_unread_secret, admission, usage, elsewhere, coverage })
    }

    fn expect(&self, verdict: Verdict, reasons: &[VerdictReason]) {
        let judgement = self.judge();
        let kinds: Vec<_> = judgement.reasons.iter().map(|reason| reason.kind.clone()).collect();
        assert_eq!((judgement.verdict, kinds.as_slice()), (verdict, reasons));
    }
}

fn in_force() -> AdmissionState {
    AdmissionState { is_in_force: true, ..AdmissionState::default() }
}

fn all_uses() -> Vec<WorkloadUse> {
    let states = [UseState::Denied, UseState::Young, UseState::Reloads, UseState::Quiet, UseState::Unknown];
    let trends = [AgeTrend::LevelsOff(9000), AgeTrend::Undecided, AgeTrend::FollowsUptime];
    states.map(used).into_iter().chain(trends.map(stale)).collect()
}

#[test]
fn without_a_token_nothing_is_to_be_done() {
    for usage in all_uses() {
        let case = Case { tokens: Vec::new(), ..Case::new(usage) };
        case.expect(Verdict::Nothing, &[VerdictReason::NoToken]);
    }
}

#[test]
fn a_secret_that_could_not_be_read_may_hold_a_token() {
    for usage in all_uses() {
        let is_denied = usage.state == UseState::Denied;
        for admission in [AdmissionState::default(), in_force()] {
            let usage = usage.clone();
            let case = Case { tokens: Vec::new(), has_unread_secret: true, admission, ..Case::new(usage) };
            let expected = if is_denied { Verdict::FixFirst } else { Verdict::Unknown };
            assert_eq!(case.judge().verdict, expected);
            assert!(is_denied || case.judge().reasons[0].kind == VerdictReason::SecretsUnread);
        }
    }
    let silent = Case { has_unread_secret: true, ..Case::new(used(UseState::Quiet)) };
    silent.expect(Verdict::Unknown, &[VerdictReason::SecretsUnread]);
    let reloads = Case { has_unread_secret: true, ..Case::new(used(UseState::Reloads)) };
    reloads.expect(Verdict::Replace, &[VerdictReason::Reloads(172_800)]);
}

#[test]
fn refused_requests_come_before_the_settings() {
    for admission in [AdmissionState::default(), in_force()] {
        let usage = WorkloadUse { denied: 3, ..used(UseState::Denied) };
        Case { admission, ..Case::new(usage) }.expect(Verdict::FixFirst, &[VerdictReason::Denied(3)]);
    }
}

#[test]
fn in_a_namespace_that_opted_in_the_settings_decide() {
    let usages = || all_uses().into_iter().filter(|usage| usage.state != UseState::Denied);
    for usage in usages() {
        let case = Case { admission: in_force(), ..Case::new(usage) };
        case.expect(Verdict::Done, &[VerdictReason::FollowsSettings]);
    }
    for usage in usages() {
        let admission = AdmissionState { missed: 2, older: 1, ..in_force() };
        let reasons = [VerdictReason::Older(1), VerdictReason::Missed(2)];
        Case { admission, ..Case::new(usage) }.expect(Verdict::Restart, &reasons);
    }
}

#[test]
fn a_pod_that_would_be_refused_is_not_restarted_or_labelled() {
    let refusal = || VerdictReason::Refused(vec![Code::Range]);
    for usage in all_uses().into_iter().filter(|usage| usage.state != UseState::Denied) {
        let admission = AdmissionState { refused: [Code::Range].into(), older: 1, ..in_force() };
        Case { admission, ..Case::new(usage) }.expect(Verdict::FixFirst, &[refusal()]);
    }
    let admission = AdmissionState { refused: [Code::Range].into(), ..AdmissionState::default() };
    Case { admission, ..Case::new(used(UseState::Reloads)) }.expect(Verdict::FixFirst, &[refusal()]);
}

#[test]
fn a_log_that_hides_refused_requests_is_named_after_the_rollout() {
    let mut case = Case { admission: in_force(), ..Case::new(used(UseState::Unknown)) };
    case.coverage.has_starts = false;
    case.expect(Verdict::Done, &[VerdictReason::FollowsSettings, VerdictReason::RefusalsHidden]);
    case.coverage.window = None;
    case.expect(Verdict::Done, &[VerdictReason::FollowsSettings]);
}

#[test]
fn a_pod_is_older_than_the_settings_or_missed() {
    let state = |changed: Option<i64>, effect| {
        let namespace = KnownNamespace { opted_in: true, dry_run: false, changed: changed.map(at) };
        let pod = KnownPod { admission: PodAdmission { effect, mode: None }, ..pod("1") };
        AdmissionState::of(namespace, [&pod], None)
    };
    assert_eq!(state(None, AdmissionEffect::Unchanged), in_force());
    let patched = |changed| state(changed, AdmissionEffect::Patched);
    assert_eq!(patched(None), AdmissionState { older_or_missed: 1, ..in_force() });
    assert_eq!(patched(Some(1)), AdmissionState { older: 1, ..in_force() });
    assert_eq!(patched(Some(0)), AdmissionState { missed: 1, ..in_force() });
    assert_eq!(patched(Some(-1)), AdmissionState { missed: 1, ..in_force() });
    let refused = AdmissionEffect::Refused(vec![Code::Mode]);
    assert_eq!(state(None, refused), AdmissionState { refused: [Code::Mode].into(), ..in_force() });
}

#[test]
fn a_template_that_would_be_refused_counts_and_one_that_would_change_does_not() {
    let of = |effect| {
        let admission = PodAdmission { effect, mode: None };
        let template = KnownTemplate { admission, ..KnownTemplate::default() };
        AdmissionState::of(
            KnownNamespace { opted_in: true, ..KnownNamespace::default() },
            [],
            Some(&template),
        )
    };
    assert_eq!(of(AdmissionEffect::Patched), in_force());
    let refused = of(AdmissionEffect::Refused(vec![Code::Mode]));
    assert_eq!(refused, AdmissionState { refused: [Code::Mode].into(), ..in_force() });
}

#[test]
fn a_token_with_sub_path_is_to_be_fixed_whatever_the_log_shows() {
    let reason = [VerdictReason::SubPath("/t/token".to_owned())];
    for state in [UseState::Young, UseState::Quiet, UseState::Unknown, UseState::Reloads] {
        for class in [TokenClass::Year, TokenClass::Bounded, TokenClass::Audience] {
            let tokens = vec![HeldToken { is_sub_path: true, ..token(class) }];
            Case { tokens, ..Case::new(used(state)) }.expect(Verdict::FixFirst, &reason);
        }
    }
    let tokens = vec![HeldToken { is_sub_path: true, ..token(TokenClass::Legacy) }];
    let never_expires = Case { tokens, ..Case::new(used(UseState::Unknown)) };
    never_expires.expect(Verdict::Replace, &[VerdictReason::NoYearToken]);
}

#[test]
fn the_mode_off_is_named_where_a_workload_would_have_to_wait() {
    for usage in all_uses() {
        let is_denied = usage.state == UseState::Denied;
        let admission = AdmissionState { is_off: true, ..AdmissionState::default() };
        let judgement = Case { admission, ..Case::new(usage.clone()) }.judge();
        assert_eq!(judgement.verdict, Case::new(usage).judge().verdict);
        let is_named = judgement.reasons.iter().any(|reason| reason.kind == VerdictReason::Excluded);
        assert_eq!(is_named, judgement.verdict.blocks() && !is_denied, "{judgement:?}");
        assert_eq!(judgement.blocks(), is_denied);
    }
}

#[test]
fn the_trend_of_a_stale_token_decides() {
    let levels_off = Case::new(stale(AgeTrend::LevelsOff(18_720)));
    assert_eq!(levels_off.judge().min_ttl, Some(22 * 3600));
    let late = VerdictReason::ReloadsLate { age: 18_720, min_ttl: 22 * 3600 };
    levels_off.expect(Verdict::ReplaceFrom, &[late]);
    let never = VerdictReason::NeverReloads { age: 9000, uptime: 172_800 };
    Case::new(stale(AgeTrend::FollowsUptime)).expect(Verdict::FixFirst, &[never]);
    let undecided = [VerdictReason::StaleUndecided(9000)];
    Case::new(stale(AgeTrend::Undecided)).expect(Verdict::FixFirst, &undecided);
}

#[test]
fn a_client_that_reloads_survives_an_hour() {
    Case::new(used(UseState::Reloads)).expect(Verdict::Replace, &[VerdictReason::Reloads(172_800)]);
    let short = WorkloadUse { uptime: Some(86_399), ..used(UseState::Reloads) };
    let reasons = [VerdictReason::Reloads(86_399), VerdictReason::ShortRecord(86_399)];
    Case::new(short).expect(Verdict::Replace, &reasons);
}

#[test]
fn each_reason_names_the_request_that_shows_it() {
    let late = Aged { seconds: 4000, uptime: None, sample: sample("late") };
    let judgement = Case::new(WorkloadUse { late: Some(late), ..used(UseState::Reloads) }).judge();
    let samples: Vec<_> =
        judgement.reasons.iter().map(|reason| reason.sample.as_ref().unwrap().id.as_str()).collect();
    assert_eq!(samples, ["shown", "late"]);
    assert_eq!(judgement.reasons[1].kind, VerdictReason::LateKubelet(4000));
}

#[test]
fn without_a_token_of_a_year_no_evidence_is_needed() {
    for state in [UseState::Young, UseState::Quiet, UseState::Unknown] {
        let tokens = vec![token(TokenClass::Bounded), token(TokenClass::Legacy)];
        Case { tokens, ..Case::new(used(state)) }.expect(Verdict::Replace, &[VerdictReason::NoYearToken]);
    }
}

#[test]
fn silence_disables_unless_the_token_may_be_used_elsewhere() {
    let quiet = || Case::new(used(UseState::Quiet));
    quiet().expect(Verdict::Disable, &[VerdictReason::NoRequest]);
    let signs = vec!["VAULT_ADDR".to_owned()];
    let elsewhere = Case { elsewhere: signs.iter().cloned().collect(), ..quiet() };
    elsewhere.expect(Verdict::Unknown, &[VerdictReason::UsedElsewhere(signs)]);
    let other = HeldToken { audience: Some("vault".to_owned()), ..token(TokenClass::Audience) };
    let tokens = vec![token(TokenClass::Year), other];
    Case { tokens, ..quiet() }.expect(Verdict::Unknown, &[VerdictReason::OtherAudience("vault".to_owned())]);
}

#[test]
fn the_missing_evidence_is_named() {
    let missing = vec![VerdictReason::NoReads, VerdictReason::NotInLog];
    let unknown = WorkloadUse { missing: missing.clone(), ..used(UseState::Unknown) };
    Case::new(unknown).expect(Verdict::Unknown, &missing);
    Case::new(used(UseState::Young)).expect(Verdict::Unknown, &[VerdictReason::Young(Some(172_800))]);
}

#[test]
fn evidence_of_pods_that_are_gone_is_marked() {
    let gone = |usage| WorkloadUse { is_from_gone_pods: true, uptime: None, ..usage };
    let reasons = [VerdictReason::Young(None), VerdictReason::GonePods];
    Case::new(gone(used(UseState::Young))).expect(Verdict::Unknown, &reasons);
    let admission = || AdmissionState { older: 1, ..in_force() };
    let restart = Case { admission: admission(), ..Case::new(gone(used(UseState::Young))) };
    restart.expect(Verdict::Restart, &[VerdictReason::Older(1)]);
}
