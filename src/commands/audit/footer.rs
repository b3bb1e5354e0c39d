//! The summary after the output: numbers, evidence, what is missing, and what to do next.

use std::fmt::Write as _;

use super::lifetime::age;
use crate::audit::document::{AuditDocument, Counts, CoverageSection, ErrorSection, NamespaceSection};
use crate::printable::printable;

/// Most namespaces that are printed.
const MAX_NAMESPACES: usize = 10;

/// The summary.
pub(super) fn footer(document: &AuditDocument) -> String {
    let mut text = String::new();
    for line in facts(document) {
        text.push_str(&printable(&line));
        text.push('\n');
    }
    for error in &document.errors {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", printable(&unreadable(error)));
    }
    next(&document.namespaces, &mut text);
    text
}

/// The numbers, the lifetime of extended tokens, the evidence, and what it lacks: a line each.
pub(super) fn facts(document: &AuditDocument) -> Vec<String> {
    let summary = &document.summary;
    let (workloads, pods) = (counted(summary.workloads, "workload"), counted(summary.pods, "Pod"));
    let mut lines = vec![
        format!("{workloads} with {pods}: {}", words(&summary.by_verdict)),
        lifetime(document),
        evidence(&document.coverage),
    ];
    if document.coverage.from.is_some() {
        lines.extend(document.coverage.missing.iter().map(|missing| format!("Missing: {missing}")));
    }
    lines
}

fn lifetime(document: &AuditDocument) -> String {
    let cluster = &document.cluster;
    let from = match cluster.extended_lifetime_from {
        "given" => "as given",
        "flags" => "from the flags of kube-apiserver",
        "metrics" => "from the metrics of the API server",
        "provider" => "from the documentation of the provider",
        _ => "assumed: neither flags nor metrics show it",
    };
    match cluster.extended_lifetime_seconds {
        0 => format!("Tokens that request 3607 s are not extended ({from})"),
        seconds => format!("Tokens that request 3607 s live {} ({from})", age(seconds)),
    }
}

fn evidence(coverage: &CoverageSection) -> String {
    let (Some(from), Some(to)) = (&coverage.from, &coverage.to) else {
        return "No audit log, so USE is unknown; `boundtoken audit --print-policy` and --print-query show how to get one".to_owned();
    };
    let mut text = format!(
        "{} in {} from {from} to {to}",
        counted(usize::try_from(coverage.events).unwrap_or(usize::MAX), "event"),
        counted(usize::try_from(coverage.files).unwrap_or(usize::MAX), "log")
    );
    for (count, what) in [(coverage.truncated, "truncated"), (coverage.malformed, "malformed")] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

/// What could not be read, and which right is missing.
pub(super) fn unreadable(error: &ErrorSection) -> String {
    let place = error.namespace.as_ref().map(|name| format!(" in namespace {name}")).unwrap_or_default();
    let cells =
        if error.cells.is_empty() { String::new() } else { format!(" for {}", error.cells.join(", ")) };
    format!("? {}{place}: {}; the right to {} is needed{cells}", error.resource, error.reason, error.needs)
}

/// The namespaces in which something is left to do: first those with commands, then those where a person has to act.
fn next(namespaces: &[NamespaceSection], text: &mut String) {
    let (ordered, others): (Vec<_>, Vec<_>) =
        namespaces.iter().partition(|namespace| !namespace.next.is_empty());
    let blocked = others.into_iter().filter(|namespace| !namespace.ready);
    let todo: Vec<&NamespaceSection> = ordered.into_iter().chain(blocked).collect();
    for namespace in todo.iter().take(MAX_NAMESPACES) {
        let ready = if namespace.ready { "ready" } else { "not ready" };
        let name = printable(&namespace.name);
        let _ = writeln!(text, "Namespace {name}, {ready}: {}", words(&namespace.by_verdict));
        for command in &namespace.next {
            let _ = writeln!(text, "  {}", printable(command));
        }
    }
    if todo.len() > MAX_NAMESPACES {
        let _ = writeln!(text, "{} more namespaces: see -o json", todo.len() - MAX_NAMESPACES);
    }
}

/// The numbers with their words: `1 fix-first, 2 done`.
pub(super) fn words(counts: &Counts) -> String {
    if counts.0.is_empty() {
        return "nothing".to_owned();
    }
    counts.0.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
