//! The report: every workload with its tokens, their use and a verdict, and every Namespace.

mod commands;
mod namespace;
mod workload;

use std::collections::BTreeMap;
use std::time::Duration;

use super::coverage::CoverageReport;
use super::evidence::Evidence;
use super::inventory::{Inventory, KnownNamespace, TokenClass, WorkloadName};
use super::usage::{Members, UsageRules};
use super::verdict::Verdict;

pub use namespace::NamespaceReport;
pub use workload::{TokenCount, WorkloadReport};

/// The options of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuditOptions {
    /// The shortest time of a log in which silence is evidence.
    pub min_window: Duration,
}

impl Default for AuditOptions {
    /// A day.
    fn default() -> Self {
        Self { min_window: Duration::from_hours(24) }
    }
}

/// The report. It depends on the inventory and the log alone, and not on the present time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditReport {
    /// The coverage of the log.
    pub coverage: CoverageReport,
    /// The workloads, the worst verdict first, then by Namespace, name and kind.
    pub workloads: Vec<WorkloadReport>,
    /// The Namespaces with workloads, by name.
    pub namespaces: Vec<NamespaceReport>,
}

impl AuditReport {
    /// Judges every workload of a cluster by the evidence of a log about it.
    pub fn new(inventory: &Inventory, evidence: &Evidence<'_>, options: AuditOptions) -> Self {
        let coverage = CoverageReport::new(&evidence.coverage, inventory.servers, options.min_window);
        let rules = UsageRules::new(evidence, &coverage, options.min_window);
        let mut workloads: Vec<WorkloadReport> = members(inventory, evidence)
            .values()
            .map(|members| {
                let namespace = namespace_of(inventory, &members.name.namespace);
                WorkloadReport::new(members, namespace, &rules, evidence, &coverage)
            })
            .collect();
        workloads.sort_unstable_by(|one, other| one.rank().cmp(&other.rank()));
        let namespaces = NamespaceReport::of_all(&workloads, |name| namespace_of(inventory, name));
        Self { coverage, workloads, namespaces }
    }

    /// Workloads by verdict.
    pub fn by_verdict(&self) -> BTreeMap<Verdict, usize> {
        let mut counts = BTreeMap::new();
        for workload in &self.workloads {
            *counts.entry(workload.judgement.verdict).or_default() += 1;
        }
        counts
    }

    /// Pods by the classes of their tokens. A Pod with tokens of several classes counts once for each.
    pub fn by_token(&self) -> BTreeMap<TokenClass, usize> {
        let mut counts = BTreeMap::new();
        for (class, pods) in self.workloads.iter().flat_map(|workload| &workload.pods_by_class) {
            *counts.entry(*class).or_default() += pods;
        }
        counts
    }
}

fn namespace_of(inventory: &Inventory, name: &str) -> KnownNamespace {
    inventory.namespaces.get(name).copied().unwrap_or_default()
}

/// The workloads with their Pods.
fn members<'e>(
    inventory: &'e Inventory,
    evidence: &'e Evidence<'e>,
) -> BTreeMap<&'e WorkloadName, Members<'e>> {
    let mut members: BTreeMap<&WorkloadName, Members<'_>> = BTreeMap::new();
    for known in &inventory.workloads {
        let name = &known.name;
        members.insert(name, Members { name, pods: Vec::new(), known: Some(known) });
    }
    for (pod, tally) in evidence.pods() {
        let name = &pod.workload;
        let workload = members.entry(name).or_insert_with(|| Members { name, pods: Vec::new(), known: None });
        workload.pods.push((pod, tally));
    }
    members
}

#[cfg(test)]
mod tests;
