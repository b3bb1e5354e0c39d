//! Makes the document from a report on a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use super::{
    AuditDocument, ClusterSection, Counts, CoverageSection, DOCUMENT_VERSION, ErrorSection, HoleSection,
    NamespaceSection, ReasonSection, ServerHoleSection, SummarySection, TokenSection, UseSection,
    WorkloadSection,
};
use crate::audit::coverage::CoverageReport;
use crate::audit::evidence::coverage::{Hole, ServerHole};
use crate::audit::inventory::{ExtendedLifetime, HeldToken, TokenClass};
use crate::audit::reason::Reason;
use crate::audit::report::{AuditReport, NamespaceReport, TokenCount, WorkloadReport};
use crate::audit::snapshot::{ReadFailure, Snapshot};
use crate::audit::usage::WorkloadUse;
use crate::audit::verdict::Verdict;
use crate::clock;
use crate::policy::Mode;

impl AuditDocument {
    /// The document of a report on a snapshot.
    pub fn new(
        snapshot: &Snapshot,
        report: &AuditReport,
        extended: &ExtendedLifetime,
        api_audiences: &[String],
    ) -> Self {
        let workloads = report.workloads.iter().map(|workload| WorkloadSection::new(workload, snapshot));
        let workloads: Vec<WorkloadSection> = workloads.collect();
        let namespaces = report.namespaces.iter().map(|namespace| NamespaceSection::new(namespace, snapshot));
        let summary = SummarySection {
            workloads: report.workloads.len(),
            pods: report.workloads.iter().map(|workload| workload.pods).sum(),
            by_verdict: verdicts(&report.by_verdict()),
            by_token: by_token(&report.workloads),
        };
        Self {
            schema_version: DOCUMENT_VERSION,
            cluster: ClusterSection::new(snapshot, extended, api_audiences),
            coverage: CoverageSection::from(&report.coverage),
            summary,
            namespaces: namespaces.collect(),
            workloads,
            errors: snapshot.errors.iter().map(ErrorSection::from).collect(),
        }
    }
}

impl ClusterSection {
    fn new(snapshot: &Snapshot, extended: &ExtendedLifetime, api_audiences: &[String]) -> Self {
        let server = &snapshot.server;
        Self {
            context: server.context.clone(),
            address: Some(server.address.clone()).filter(|address| !address.is_empty()),
            read: snapshot.read.map(clock::text),
            server_version: server.version.clone(),
            extended_lifetime_seconds: extended.lifetime.map_or(0, |lifetime| lifetime.as_secs()),
            extended_lifetime_from: extended.source.as_str(),
            api_audiences: api_audiences.to_vec(),
            stale_tokens_total: server.stale_tokens,
            valid_tokens_total: server.valid_tokens,
        }
    }
}

impl From<&CoverageReport> for CoverageSection {
    fn from(coverage: &CoverageReport) -> Self {
        Self {
            files: coverage.files,
            bytes: coverage.counts.bytes,
            events: coverage.counts.events,
            malformed: coverage.counts.malformed,
            truncated: coverage.counts.truncated,
            from: coverage.from().map(clock::text),
            to: coverage.to().map(clock::text),
            holes: coverage.holes().iter().map(HoleSection::from).collect(),
            server_holes: coverage.server_holes.iter().map(ServerHoleSection::from).collect(),
            reads: coverage.has_reads,
            pod_exact: coverage.is_pod_exact,
            starts: coverage.has_starts,
            servers_seen: coverage.servers_seen,
            servers: coverage.servers,
            missing: coverage
                .missing
                .iter()
                .map(|reason| format!("{}: {reason}", reason.code().name()))
                .collect(),
        }
    }
}

impl From<&Hole> for HoleSection {
    fn from(hole: &Hole) -> Self {
        Self { from: clock::text(hole.from), to: clock::text(hole.to) }
    }
}

impl From<&ServerHole> for ServerHoleSection {
    fn from(ServerHole { server, hole }: &ServerHole) -> Self {
        Self { server: server.clone(), from: clock::text(hole.from), to: clock::text(hole.to) }
    }
}

impl NamespaceSection {
    fn new(namespace: &NamespaceReport, snapshot: &Snapshot) -> Self {
        Self {
            name: namespace.name.clone(),
            opted_in: snapshot.knows_namespace(&namespace.name).then_some(namespace.opted_in),
            ready: namespace.is_ready,
            workloads: namespace.workloads,
            by_verdict: verdicts(&namespace.by_verdict),
            next: namespace.next.clone(),
        }
    }
}

impl WorkloadSection {
    fn new(workload: &WorkloadReport, snapshot: &Snapshot) -> Self {
        let name = &workload.name;
        Self {
            namespace: name.namespace.clone(),
            kind: name.kind.clone(),
            name: name.name.clone(),
            service_account: workload.account.clone(),
            pods: workload.pods,
            predicted: workload.is_predicted,
            opted_in: snapshot.knows_namespace(&name.namespace).then_some(workload.opted_in),
            mode: workload.mode.map(Mode::as_str),
            tokens: workload.tokens.iter().map(TokenSection::from).collect(),
            pods_by_class: classes(&workload.pods_by_class),
            tokens_incomplete: workload.has_unread_secret
                || workload.is_predicted && snapshot.lacks("serviceaccounts", &name.namespace),
            usage: UseSection::from(&workload.usage),
            verdict: workload.judgement.verdict.as_str(),
            min_ttl_seconds: workload.judgement.min_ttl,
            reasons: workload.judgement.reasons.iter().map(ReasonSection::from).collect(),
            next: workload.next.clone(),
        }
    }
}

impl From<&TokenCount> for TokenSection {
    fn from(TokenCount { token, pods }: &TokenCount) -> Self {
        let HeldToken { class, seconds, audience, path, is_sub_path, containers } = token.clone();
        Self {
            class: class.as_str(),
            seconds,
            audience,
            path,
            containers,
            sub_path: is_sub_path,
            pods: *pods,
        }
    }
}

impl From<&WorkloadUse> for UseSection {
    fn from(usage: &WorkloadUse) -> Self {
        let time = |time: OffsetDateTime| clock::text(time);
        Self {
            state: usage.state.as_str(),
            requests: usage.requests,
            first: usage.span.map(|(first, _)| time(first)),
            last: usage.span.map(|(_, last)| time(last)),
            oldest_token_seconds: usage.oldest_token,
            user_agents: usage.user_agents.clone(),
        }
    }
}

impl From<&Reason> for ReasonSection {
    fn from(reason: &Reason) -> Self {
        let audit_id = reason.sample.as_ref().map(|sample| sample.id.clone());
        Self { code: reason.code().name(), text: reason.text(), audit_id }
    }
}

impl From<&ReadFailure> for ErrorSection {
    fn from(failure: &ReadFailure) -> Self {
        let ReadFailure { resource, namespace, reason, needs } = failure.clone();
        let cells: &[&str] = match &*resource {
            "namespaces" => &["MODE", "VERDICT"],
            "pods" => &["PODS", "TOKEN", "USE"],
            "secrets" | "serviceaccounts" => &["TOKEN"],
            "replicasets" | "jobs" => &["WORKLOAD"],
            "deployments" | "statefulsets" | "daemonsets" | "cronjobs" => &["WORKLOAD", "TOKEN"],
            "/metrics" => &["LIFETIME"],
            "/.well-known/openid-configuration" => &["AUDIENCE"],
            _ => &[],
        };
        Self { resource, namespace, reason, needs, cells }
    }
}

fn verdicts(counts: &BTreeMap<Verdict, usize>) -> Counts {
    Counts(counts.iter().map(|(verdict, count)| (verdict.as_str(), *count)).collect())
}

/// Workloads by the class of a token that they hold.
fn by_token(workloads: &[WorkloadReport]) -> Counts {
    let mut counts: BTreeMap<TokenClass, usize> = BTreeMap::new();
    for workload in workloads {
        let held: BTreeSet<TokenClass> = workload.tokens.iter().map(|count| count.token.class).collect();
        for class in held {
            *counts.entry(class).or_default() += 1;
        }
    }
    classes(&counts)
}

fn classes(counts: &BTreeMap<TokenClass, usize>) -> Counts {
    Counts(counts.iter().map(|(class, count)| (class.as_str(), *count)).collect())
}
