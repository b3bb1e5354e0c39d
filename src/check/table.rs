//! The table of all checks.

use super::entry::CheckEntry;
use super::{
    bundle, cluster, configuration, guard, monitoring, namespaces, neighbours, proof, replicas, rights,
    workload,
};

/// Every check, in the order of the output.
pub fn all() -> impl Iterator<Item = &'static CheckEntry> + Clone {
    let groups: [&'static [CheckEntry]; 11] = [
        cluster::CHECKS,
        configuration::CHECKS,
        bundle::CHECKS,
        workload::CHECKS,
        replicas::CHECKS,
        rights::CHECKS,
        namespaces::CHECKS,
        neighbours::CHECKS,
        proof::CHECKS,
        guard::CHECKS,
        monitoring::CHECKS,
    ];
    groups.into_iter().flatten()
}
