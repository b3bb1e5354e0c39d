//! `--explain`: the story of one workload.

use std::fmt::Write as _;

use super::lifetime::age;
use crate::audit::document::{AuditDocument, ReasonSection, TokenSection, WorkloadSection};
use crate::printable::printable;

/// The workloads of this name, `KIND/NAME` or `NAMESPACE/KIND/NAME`, each explained; `None` if there is none.
pub(super) fn explain(document: &AuditDocument, name: &str) -> Option<String> {
    let found = document.workloads.iter().filter(|workload| workload.is_named(name));
    let stories: Vec<String> = found.map(story).collect();
    (!stories.is_empty()).then(|| stories.join("\n"))
}

impl WorkloadSection {
    fn is_named(&self, name: &str) -> bool {
        let with_kind = |given: &str| {
            given
                .rsplit_once('/')
                .is_some_and(|(kind, name)| kind.eq_ignore_ascii_case(&self.kind) && name == self.name)
        };
        let in_namespace = || name.split_once('/').filter(|(namespace, _)| *namespace == self.namespace);
        name == self.name || with_kind(name) || in_namespace().is_some_and(|(_, rest)| with_kind(rest))
    }
}

fn story(workload: &WorkloadSection) -> String {
    let mut lines = vec![title(workload), "It holds:".to_owned()];
    lines.extend(workload.tokens.iter().map(|token| format!("  {}", held(token))));
    if workload.tokens.is_empty() {
        lines.push("  no token".to_owned());
    }
    lines.push("Audit log:".to_owned());
    lines.extend(seen(workload).iter().map(|line| format!("  {line}")));
    let verdict = match workload.min_ttl_seconds.and_then(|ttl| u64::try_from(ttl).ok()) {
        Some(ttl) => format!("Verdict: {} {}", workload.verdict, age(ttl)),
        None => format!("Verdict: {}", workload.verdict),
    };
    lines.push(verdict);
    lines.extend(workload.reasons.iter().map(|reason| format!("  {}", because(reason))));
    if !workload.next.is_empty() {
        lines.push("Next:".to_owned());
        lines.extend(workload.next.iter().map(|command| format!("  {command}")));
    }
    lines.iter().fold(String::new(), |text, line| text + &printable(line) + "\n")
}

fn title(workload: &WorkloadSection) -> String {
    let pods = match workload.pods {
        0 => "no Pod; this is what the next one would hold".to_owned(),
        1 => "1 Pod".to_owned(),
        count => format!("{count} Pods"),
    };
    let account = &workload.service_account;
    format!("{} in namespace {}, service account {account}, {pods}", workload.title(), workload.namespace)
}

fn held(token: &TokenSection) -> String {
    let audience = token.audience.as_deref().unwrap_or("the API server");
    let lifetime =
        token.seconds.map_or_else(|| "never expires".to_owned(), |seconds| format!("lives {}", age(seconds)));
    let sub_path = if token.sub_path { ", mounted with subPath" } else { "" };
    let containers = token.containers.join(", ");
    format!("{}: for {audience}, {lifetime}, at {} in {containers}{sub_path}", token.class, token.path)
}

fn seen(workload: &WorkloadSection) -> Vec<String> {
    let usage = &workload.usage;
    let mut lines = vec![match (&usage.first, &usage.last) {
        (Some(first), Some(last)) => {
            format!("{}: {} requests from {first} to {last}", usage.state, usage.requests)
        }
        _ => format!("{}: {} requests", usage.state, usage.requests),
    }];
    if let Some(oldest) = usage.oldest_token_seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        lines.push(format!("oldest token: {}", age(oldest)));
    }
    lines.extend(usage.user_agents.iter().map(|client| format!("client: {client}")));
    lines
}

fn because(reason: &ReasonSection) -> String {
    let mut text = format!("{}: {}", reason.code, reason.text);
    if let Some(id) = &reason.audit_id {
        // Writing to a String cannot fail.
        let _ = write!(text, " (auditID {id})");
    }
    text
}
