//! A workload with its tokens, their use and a verdict.

use std::collections::{BTreeMap, BTreeSet};

use super::commands;
use crate::audit::coverage::CoverageReport;
use crate::audit::evidence::Evidence;
use crate::audit::inventory::{HeldToken, KnownNamespace, KnownPod, KnownTemplate, TokenClass, WorkloadName};
use crate::audit::usage::{Members, UsageRules, WorkloadUse};
use crate::audit::verdict::{AdmissionState, Judgement, Verdict, VerdictFacts};
use crate::policy::Mode;

/// A workload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WorkloadReport {
    /// Its name.
    pub name: WorkloadName,
    /// Its service account; empty if it is not known.
    pub account: String,
    /// Its Pods, without those that ended.
    pub pods: usize,
    /// Whether its tokens are those that its template would get, because it has no such Pod.
    pub is_predicted: bool,
    /// Whether its Namespace opted in.
    pub opted_in: bool,
    /// The mode in force; `None` if the webhook is not called.
    pub mode: Option<Mode>,
    /// Its tokens, each with the number of its Pods that hold it; 0 if predicted.
    pub tokens: Vec<TokenCount>,
    /// Whether a container has a Secret of which it is not known whether it holds a token.
    pub has_unread_secret: bool,
    /// Pods by the classes of their tokens.
    pub pods_by_class: BTreeMap<TokenClass, usize>,
    /// How it uses them.
    pub usage: WorkloadUse,
    /// The verdict.
    pub judgement: Judgement,
    /// Shell commands that do what the verdict asks for.
    pub next: Vec<String>,
}

/// A token, and how many Pods hold it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenCount {
    /// The token.
    pub token: HeldToken,
    /// Pods with it.
    pub pods: usize,
}

/// Kinds of workloads that run once: where their Pods ended, none follows.
const RUN_ONCE: [&str; 2] = ["Job", "Pod"];

impl WorkloadReport {
    pub(super) fn new<'e>(
        members: &Members<'e>,
        namespace: KnownNamespace,
        rules: &UsageRules<'e>,
        evidence: &Evidence<'_>,
        coverage: &CoverageReport,
    ) -> Self {
        let live = live(members);
        let (tokens, pods_by_class) = tokens(members, &live);
        let usage = rules.of(members);
        let template = members.template();
        let account = members.account().unwrap_or_default();
        let held: Vec<HeldToken> = tokens.iter().map(|count| count.token.clone()).collect();
        let has_unread_secret = has_unread_secret(&live, template);
        let judgement = Judgement::of(&VerdictFacts {
            tokens: &held,
            has_unread_secret,
            admission: &AdmissionState::of(namespace, live.iter().copied(), template),
            usage: &usage,
            elsewhere: &elsewhere(members, evidence, account),
            coverage,
        });
        Self {
            name: members.name.clone(),
            account: account.to_owned(),
            pods: live.len(),
            is_predicted: live.is_empty(),
            opted_in: namespace.opted_in,
            mode: mode(&live, template).filter(|_| namespace.opted_in),
            tokens,
            has_unread_secret,
            pods_by_class,
            usage,
            next: commands::of_workload(members.name, &judgement),
            judgement,
        }
    }

    /// The order of workloads: the worst verdict first, then by Namespace, name and kind.
    pub(super) fn rank(&self) -> (Verdict, &str, &str, &str) {
        let WorkloadName { namespace, kind, name } = &self.name;
        (self.judgement.verdict, namespace, name, kind)
    }
}

/// The Pods that have not ended.
fn live<'e>(members: &Members<'e>) -> Vec<&'e KnownPod> {
    members.pods.iter().map(|(pod, _)| *pod).filter(|pod| pod.life.ended.is_none()).collect()
}

/// Whether a container of the Pods, or of the next Pod if there is none, has a Secret that may hold a token.
fn has_unread_secret(live: &[&KnownPod], template: Option<&KnownTemplate>) -> bool {
    match template {
        Some(template) if live.is_empty() => template.has_unread_secret,
        _ => live.iter().any(|pod| pod.has_unread_secret),
    }
}

/// The mode of the youngest Pod, or of the next one.
fn mode(live: &[&KnownPod], template: Option<&KnownTemplate>) -> Option<Mode> {
    let youngest = live.iter().max_by_key(|pod| pod.created);
    youngest
        .and_then(|pod| pod.admission.mode)
        .or_else(|| template.and_then(|template| template.admission.mode))
}

/// The tokens of the Pods that run; without any, those that the next Pod would get.
fn tokens(members: &Members<'_>, live: &[&KnownPod]) -> (Vec<TokenCount>, BTreeMap<TokenClass, usize>) {
    let mut counts: BTreeMap<&HeldToken, usize> = BTreeMap::new();
    let mut by_class: BTreeMap<TokenClass, usize> = BTreeMap::new();
    for pod in live {
        let distinct: BTreeSet<&HeldToken> = pod.tokens.iter().collect();
        let classes: BTreeSet<TokenClass> = distinct.iter().map(|token| token.class).collect();
        for token in distinct {
            *counts.entry(token).or_default() += 1;
        }
        for class in classes {
            *by_class.entry(class).or_default() += 1;
        }
    }
    let template = members.template().map(|template| &template.tokens);
    let last = members.pods.iter().map(|(pod, _)| *pod).max_by_key(|pod| pod.created);
    let last = last.filter(|_| !RUN_ONCE.contains(&members.name.kind.as_str())).map(|pod| &pod.tokens);
    if let Some(predicted) = template.or(last).filter(|_| live.is_empty()) {
        counts.extend(predicted.iter().map(|token| (token, 0)));
    }
    let tokens = counts.into_iter().map(|(token, pods)| TokenCount { token: token.clone(), pods });
    (tokens.collect(), by_class)
}

/// Signs that a token is shown to another service.
fn elsewhere(members: &Members<'_>, evidence: &Evidence<'_>, account: &str) -> BTreeSet<String> {
    let template = members.template();
    let of_pods = members.pods.iter().flat_map(|(pod, _)| &pod.elsewhere);
    let of_template = template.into_iter().flat_map(|template| &template.elsewhere);
    let reviews = evidence.reviews_tokens(&members.name.namespace, account).then(|| "TokenReview".to_owned());
    of_pods.chain(of_template).cloned().chain(reviews).collect()
}
