//! A Namespace with the verdicts of its workloads.

use std::collections::BTreeMap;

use super::commands;
use super::workload::WorkloadReport;
use crate::audit::inventory::KnownNamespace;
use crate::audit::verdict::Verdict;
use crate::namespaces::EXCLUDED_NAMESPACES;

/// The verdicts on the workloads of a Namespace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamespaceReport {
    /// `metadata.name`.
    pub name: String,
    /// Whether it opted in.
    pub opted_in: bool,
    /// Whether it can be labelled: no workload breaks, needs a longer lifetime, or is unknown, but for those with the mode
    /// `off`.
    pub is_ready: bool,
    /// The number of workloads.
    pub workloads: usize,
    /// Workloads by verdict.
    pub by_verdict: BTreeMap<Verdict, usize>,
    /// Shell commands that do what the verdicts ask for, in order.
    pub next: Vec<String>,
}

impl NamespaceReport {
    /// The Namespaces of workloads, which have the order of the report.
    pub(super) fn of_all(
        workloads: &[WorkloadReport],
        namespace_of: impl Fn(&str) -> KnownNamespace,
    ) -> Vec<Self> {
        let mut namespaces: BTreeMap<&str, Vec<&WorkloadReport>> = BTreeMap::new();
        for workload in workloads {
            namespaces.entry(&workload.name.namespace).or_default().push(workload);
        }
        let reports =
            namespaces.into_iter().map(|(name, workloads)| Self::of(name, namespace_of(name), &workloads));
        reports.collect()
    }

    fn of(name: &str, namespace: KnownNamespace, workloads: &[&WorkloadReport]) -> Self {
        let mut by_verdict: BTreeMap<Verdict, usize> = BTreeMap::new();
        for workload in workloads {
            *by_verdict.entry(workload.judgement.verdict).or_default() += 1;
        }
        let mut blocking =
            workloads.iter().map(|workload| &workload.judgement).filter(|found| found.blocks());
        let is_ready = blocking.clone().next().is_none();
        let has_to_wait = blocking.any(|found| found.verdict != Verdict::ReplaceFrom);
        let mut next: Vec<String> =
            workloads.iter().flat_map(|workload| workload.next.iter().cloned()).collect();
        // The webhook is never called for some Namespaces, whatever their label.
        if !namespace.opted_in && !has_to_wait && !EXCLUDED_NAMESPACES.contains(&name) {
            next.extend(commands::label(name));
        }
        Self {
            name: name.to_owned(),
            opted_in: namespace.opted_in,
            is_ready,
            workloads: workloads.len(),
            by_verdict,
            next,
        }
    }
}
