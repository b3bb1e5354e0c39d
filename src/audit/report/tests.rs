//! Workloads and Namespaces in a report.

use super::*;
use crate::audit::event::AuditEvent;
use crate::audit::inventory::{
    AdmissionEffect, KnownPod, KnownTemplate, KnownWorkload, PodAdmission, PodLife,
};
use crate::audit::reason::VerdictReason;
use crate::audit::testing::{at, pod, reads, request, token, workload};
use crate::policy::Mode;
use crate::policy::diagnostics::Code;

fn report<'a>(inventory: &Inventory, events: impl IntoIterator<Item = AuditEvent<'a>>) -> AuditReport {
    let mut evidence = Evidence::new(inventory);
    events.into_iter().for_each(|event| evidence.add(&event));
    AuditReport::new(inventory, &evidence, AuditOptions::default())
}

/// A workload whose template gets a token of this class.
fn known(kind: &str, name: &str, class: TokenClass) -> KnownWorkload {
    let template = KnownTemplate { tokens: [token(class)].into(), ..KnownTemplate::default() };
    KnownWorkload { name: workload(kind, name), template: Some(template), ..KnownWorkload::default() }
}

fn named<'r>(report: &'r AuditReport, name: &str) -> &'r WorkloadReport {
    report.workloads.iter().find(|workload| workload.name.name == name).unwrap()
}

fn opted_in() -> BTreeMap<String, KnownNamespace> {
    [("shop".to_owned(), KnownNamespace { opted_in: true, dry_run: false, changed: Some(at(9)) })].into()
}

#[test]
fn a_workload_without_pods_has_the_tokens_of_its_template() {
    let workloads =
        vec![known("Deployment", "zero", TokenClass::Year), known("CronJob", "nightly", TokenClass::Year)];
    let inventory = Inventory { workloads, ..Inventory::default() };
    let report = report(&inventory, reads(24));
    for name in ["zero", "nightly"] {
        let found = named(&report, name);
        assert_eq!(
            (found.pods, found.is_predicted, found.judgement.verdict),
            (0, true, Verdict::Unknown),
            "{name}"
        );
        assert_eq!(found.tokens, [TokenCount { token: token(TokenClass::Year), pods: 0 }]);
    }
    assert!(report.by_token().is_empty());
}

#[test]
fn pods_that_ended_hold_no_token() {
    let life = PodLife { started: Some(at(0)), ended: Some(at(60)) };
    let ended =
        |uid: &str, kind: &str, name: &str| KnownPod { workload: workload(kind, name), life, ..pod(uid) };
    let pods =
        vec![ended("1", "Job", "once"), ended("2", "Deployment", "web"), ended("3", "CronJob", "nightly")];
    let report = report(&Inventory { pods, ..Inventory::default() }, reads(24));
    assert_eq!(named(&report, "once").judgement.verdict, Verdict::Nothing);
    for name in ["web", "nightly"] {
        let found = named(&report, name);
        assert_eq!((found.pods, found.is_predicted, found.tokens.len()), (0, true, 1), "{name}");
    }
}

#[test]
fn replicas_with_other_tokens_are_counted_apart() {
    let bounded = KnownPod { tokens: [token(TokenClass::Bounded)].into(), ..pod("3") };
    let report = report(&Inventory { pods: vec![pod("1"), pod("2"), bounded], ..Inventory::default() }, []);
    let counts: Vec<_> =
        named(&report, "web").tokens.iter().map(|count| (count.token.class, count.pods)).collect();
    assert_eq!(counts, [(TokenClass::Year, 2), (TokenClass::Bounded, 1)]);
    assert_eq!(report.by_token(), [(TokenClass::Year, 2), (TokenClass::Bounded, 1)].into());
}

#[test]
fn the_worst_workloads_come_first() {
    let of = |uid: &str, name: &str| KnownPod { workload: workload("Deployment", name), ..pod(uid) };
    let pods = vec![of("1", "b"), of("2", "a"), of("3", "c")];
    let events = [request("1", 9000, 0), request("2", 9000, 0), request("3", 9000, 5393)];
    let report = report(&Inventory { pods, ..Inventory::default() }, events);
    let names: Vec<_> = report.workloads.iter().map(|workload| workload.name.name.as_str()).collect();
    assert_eq!(names, ["c", "a", "b"]);
    assert_eq!(report.by_verdict(), [(Verdict::FixFirst, 1), (Verdict::Replace, 2)].into());
}

#[test]
fn a_namespace_is_ready_without_a_blocking_verdict() {
    let reloads =
        report(&Inventory { pods: vec![pod("1")], ..Inventory::default() }, [request("1", 90_000, 0)]);
    let namespace = &reloads.namespaces[0];
    assert!(namespace.is_ready && !namespace.opted_in);
    assert_eq!(namespace.next, ["kubectl label namespace shop boundtoken.dev/webhook=enabled"]);
    let unknown = report(&Inventory { pods: vec![pod("1")], ..Inventory::default() }, []);
    assert!(!unknown.namespaces[0].is_ready && unknown.namespaces[0].next.is_empty());
}

#[test]
fn a_namespace_that_the_webhook_leaves_out_gets_no_label() {
    let mut kept = pod("1");
    kept.workload.namespace = "kube-system".to_owned();
    let request = AuditEvent { user: "system:serviceaccount:kube-system:web", ..request("1", 90_000, 0) };
    let report = report(&Inventory { pods: vec![kept], ..Inventory::default() }, [request]);
    let [namespace] = &report.namespaces[..] else { panic!("{report:?}") };
    assert_eq!((namespace.name.as_str(), namespace.is_ready), ("kube-system", true));
    assert!(namespace.next.is_empty(), "{:?}", namespace.next);
}

#[test]
fn a_workload_with_the_mode_off_does_not_keep_its_namespace_from_the_label() {
    let off = PodAdmission { mode: Some(Mode::Off), ..PodAdmission::default() };
    let excluded = |uid| KnownPod { admission: off.clone(), ..pod(uid) };
    let template = |admission| {
        let template = KnownTemplate { admission, ..KnownTemplate::default() };
        let name = workload("Deployment", "web");
        KnownWorkload { name, template: Some(template), ..KnownWorkload::default() }
    };
    let replaced = PodAdmission { mode: Some(Mode::Replace), ..PodAdmission::default() };
    let effect = AdmissionEffect::Refused(vec![Code::LifetimeForbidden]);
    let refused = PodAdmission { effect, ..off.clone() };
    for (pods, of_template, is_excluded) in [
        (vec![excluded("1")], off.clone(), true),
        (vec![excluded("1"), pod("2")], off.clone(), false),
        (vec![excluded("1")], replaced, false),
        (vec![excluded("1")], refused, false),
    ] {
        let workloads = vec![template(of_template)];
        let report =
            report(&Inventory { pods, workloads, ..Inventory::default() }, [request("1", 90_000, 86_393)]);
        let (judgement, namespace) = (&named(&report, "web").judgement, &report.namespaces[0]);
        assert_eq!(judgement.verdict, Verdict::FixFirst);
        assert_eq!(
            judgement.reasons.iter().any(|reason| reason.kind == VerdictReason::Excluded),
            is_excluded
        );
        assert_eq!((namespace.is_ready, namespace.next.len()), (is_excluded, usize::from(is_excluded)));
    }
}

#[test]
fn a_late_client_gets_its_lifetime_before_the_label() {
    let pods = vec![pod("1")];
    let report = report(&Inventory { pods, ..Inventory::default() }, [request("1", 90_000, 9000)]);
    let namespace = &report.namespaces[0];
    assert!(!namespace.is_ready);
    assert!(
        namespace.next[0].contains("boundtoken.dev/ttl") && namespace.next[1].contains("label namespace")
    );
}

#[test]
fn a_pod_that_was_missed_is_restarted_with_a_command() {
    let admission = PodAdmission { effect: AdmissionEffect::Patched, mode: Some(Mode::Replace) };
    let missed = KnownPod { admission, created: at(10), ..pod("1") };
    let inventory = Inventory { pods: vec![missed], namespaces: opted_in(), ..Inventory::default() };
    let report = report(&inventory, []);
    let found = named(&report, "web");
    assert_eq!(
        (found.judgement.verdict, found.mode, found.opted_in),
        (Verdict::Restart, Some(Mode::Replace), true)
    );
    assert_eq!(report.namespaces[0].next, ["kubectl -n shop rollout restart deployment/web"]);
}

#[test]
fn settings_under_dry_run_are_not_in_force() {
    let mut namespaces = opted_in();
    namespaces.get_mut("shop").unwrap().dry_run = true;
    let report = report(&Inventory { pods: vec![pod("1")], namespaces, ..Inventory::default() }, []);
    let found = named(&report, "web");
    assert_eq!((found.judgement.verdict, found.opted_in), (Verdict::Unknown, true));
}
