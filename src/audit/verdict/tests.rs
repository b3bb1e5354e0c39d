//! Each rule of the verdicts, and which one comes first.

use time::OffsetDateTime;

use super::*;
use crate::audit::event::AuditEvent;

const DAY: Duration = Duration::from_hours(24);

fn token(class: TokenClass) -> HeldToken {
    HeldToken {
        class,
        seconds: Some(3600),
        audience: None,
        path: "/t/token".to_owned(),
        is_sub_path: false,
        containers: vec!["app".to_owned()],
    }
}

/// The use with a state.
fn used(state: UseState) -> WorkloadUse {
    WorkloadUse { state: Some(state), ..WorkloadUse::default() }
}

fn stale(trend: AgeTrend) -> WorkloadUse {
    WorkloadUse { trend: Some(trend), ..used(UseState::Stale) }
}

/// The coverage of a log with reads at these hours.
fn coverage(hours: impl IntoIterator<Item = u64>, verb: &str) -> Coverage {
    let mut coverage = Coverage::default();
    for hour in hours {
        let time = Some(OffsetDateTime::UNIX_EPOCH + Duration::from_hours(500_000 + hour));
        coverage.add(&AuditEvent { time, verb, user: "system:serviceaccount:a:b", ..AuditEvent::default() });
    }
    coverage
}

/// A workload with a token of a year in a Namespace that did not opt in.
struct Case {
    tokens: Vec<HeldToken>,
    admission: AdmissionState,
    usage: WorkloadUse,
    is_used_elsewhere: bool,
    coverage: Coverage,
}

impl Case {
    fn new(usage: WorkloadUse) -> Self {
        Self {
            tokens: vec![token(TokenClass::Year)],
            admission: AdmissionState::NotOptedIn,
            usage,
            is_used_elsewhere: false,
            coverage: coverage(0..=24, "list"),
        }
    }

    fn judge(&self) -> Judgement {
        let Self { tokens, admission, usage, is_used_elsewhere, coverage } = self;
        Judgement::of(&VerdictFacts {
            tokens,
            admission,
            usage,
            is_used_elsewhere: *is_used_elsewhere,
            coverage,
            min_window: DAY,
        })
    }

    fn expect(&self, verdict: Verdict, reasons: &[VerdictReason]) {
        let judgement = self.judge();
        assert_eq!((judgement.verdict, judgement.reasons.as_slice()), (verdict, reasons));
    }
}

fn all_states() -> Vec<WorkloadUse> {
    let states = [UseState::Denied, UseState::Young, UseState::Reloads, UseState::Quiet, UseState::Unknown];
    let trends = [AgeTrend::LevelsOff(9000), AgeTrend::Undecided, AgeTrend::FollowsUptime];
    states.map(used).into_iter().chain(trends.map(stale)).collect()
}

#[test]
fn without_a_token_nothing_is_to_be_done() {
    for usage in all_states() {
        let case = Case { tokens: Vec::new(), ..Case::new(usage) };
        case.expect(Verdict::Nothing, &[VerdictReason::NoToken]);
    }
}

#[test]
fn refused_requests_come_before_the_settings() {
    for admission in [AdmissionState::NotOptedIn, AdmissionState::Followed] {
        let case = Case { admission, ..Case::new(used(UseState::Denied)) };
        case.expect(Verdict::FixFirst, &[VerdictReason::Denied]);
    }
}

#[test]
fn in_a_namespace_that_opted_in_the_settings_decide() {
    let usages = || all_states().into_iter().filter(|usage| usage.state != Some(UseState::Denied));
    for usage in usages() {
        let case = Case { admission: AdmissionState::Followed, ..Case::new(usage) };
        case.expect(Verdict::Done, &[VerdictReason::FollowsSettings]);
    }
    for usage in usages() {
        let admission = AdmissionState::Differs([Deviation::Missed, Deviation::Older].into());
        let reasons = [Deviation::Older, Deviation::Missed].map(VerdictReason::Deviates);
        Case { admission, ..Case::new(usage) }.expect(Verdict::Restart, &reasons);
    }
}

#[test]
fn a_token_with_sub_path_is_to_be_fixed_whatever_the_log_shows() {
    for state in [UseState::Young, UseState::Reloads, UseState::Quiet, UseState::Unknown] {
        for class in [TokenClass::Year, TokenClass::Bounded, TokenClass::Audience] {
            let tokens = vec![HeldToken { is_sub_path: true, ..token(class) }];
            Case { tokens, ..Case::new(used(state)) }.expect(Verdict::FixFirst, &[VerdictReason::SubPath]);
        }
    }
    let tokens = vec![HeldToken { is_sub_path: true, seconds: None, ..token(TokenClass::Legacy) }];
    let never_expires = Case { tokens, ..Case::new(used(UseState::Unknown)) };
    never_expires.expect(Verdict::Replace, &[VerdictReason::NoYearToken]);
}

#[test]
fn the_trend_of_a_stale_token_decides() {
    let judge = |trend| Case::new(stale(trend)).judge();
    let levels_off = judge(AgeTrend::LevelsOff(18_720));
    assert_eq!((levels_off.verdict, levels_off.min_ttl), (Verdict::ReplaceFrom, Some(22 * 3600)));
    assert_eq!(levels_off.reasons, [VerdictReason::ReloadsLate]);
    let follows = judge(AgeTrend::FollowsUptime);
    assert_eq!((follows.verdict, follows.min_ttl), (Verdict::FixFirst, None));
    assert_eq!(follows.reasons, [VerdictReason::NeverReloads]);
    Case::new(stale(AgeTrend::Undecided)).expect(Verdict::FixFirst, &[VerdictReason::StaleUndecided]);
    Case::new(used(UseState::Stale)).expect(Verdict::FixFirst, &[VerdictReason::StaleUndecided]);
}

#[test]
fn a_client_that_reloads_survives_an_hour() {
    Case::new(used(UseState::Reloads)).expect(Verdict::Replace, &[VerdictReason::Reloads]);
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
    let elsewhere = Case { is_used_elsewhere: true, ..quiet() };
    elsewhere.expect(Verdict::Unknown, &[VerdictReason::UsedElsewhere]);
    let tokens = vec![token(TokenClass::Year), token(TokenClass::Audience)];
    Case { tokens, ..quiet() }.expect(Verdict::Unknown, &[VerdictReason::OtherAudience]);
}

#[test]
fn the_missing_evidence_is_named() {
    let unknown = |coverage| Case { coverage, ..Case::new(used(UseState::Unknown)) };
    unknown(Coverage::default()).expect(Verdict::Unknown, &[VerdictReason::NoLog]);
    unknown(coverage(0..=24, "update")).expect(Verdict::Unknown, &[VerdictReason::NoReads]);
    unknown(coverage(0..=23, "get")).expect(Verdict::Unknown, &[VerdictReason::ShortWindow]);
    unknown(coverage([0, 24], "get")).expect(Verdict::Unknown, &[VerdictReason::Holes]);
    unknown(coverage(0..=24, "watch")).expect(Verdict::Unknown, &[VerdictReason::Inconclusive]);
    Case::new(used(UseState::Young)).expect(Verdict::Unknown, &[VerdictReason::Young]);
    let shared = WorkloadUse { is_shared: true, ..used(UseState::Unknown) };
    Case::new(shared).expect(Verdict::Unknown, &[VerdictReason::SharedAccount]);
}

#[test]
fn evidence_of_pods_that_are_gone_is_marked() {
    let young = WorkloadUse { is_from_gone_pods: true, ..used(UseState::Young) };
    Case::new(young).expect(Verdict::Unknown, &[VerdictReason::Young, VerdictReason::GonePods]);
}

#[test]
fn a_namespace_is_ready_without_a_blocking_verdict() {
    let ready = |verdicts: &[Verdict]| NamespaceSummary::of(verdicts.iter().copied()).is_ready();
    assert!(ready(&[]));
    let harmless = [Verdict::Nothing, Verdict::Done, Verdict::Restart, Verdict::Replace, Verdict::Disable];
    assert!(ready(&harmless));
    for verdict in [Verdict::FixFirst, Verdict::ReplaceFrom, Verdict::Unknown] {
        assert!(!ready(&[&harmless[..], &[verdict]].concat()), "{}", verdict.as_str());
    }
    let summary = NamespaceSummary::of([Verdict::Replace, Verdict::Done, Verdict::Replace]);
    assert_eq!(summary.by_verdict.get(&Verdict::Replace), Some(&2));
}
