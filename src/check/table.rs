//! The table of all checks.

use super::entry::CheckEntry;
use super::{
    bundle, cluster, configuration, guard, monitoring, namespaces, neighbours, proof, replicas, replies,
    rights, workload,
};

/// Every check, in the order of the output.
pub fn all() -> impl Iterator<Item = &'static CheckEntry> + Clone {
    let groups: [&'static [CheckEntry]; 12] = [
        cluster::CHECKS,
        configuration::CHECKS,
        bundle::CHECKS,
        workload::CHECKS,
        replicas::CHECKS,
        replies::CHECKS,
        rights::CHECKS,
        namespaces::CHECKS,
        neighbours::CHECKS,
        proof::CHECKS,
        guard::CHECKS,
        monitoring::CHECKS,
    ];
    groups.into_iter().flatten()
}
