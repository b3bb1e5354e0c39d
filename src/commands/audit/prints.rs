//! What an audit needs: rights, an audit policy, and the query that fetches a small log from a managed cluster.

/// The provider of a managed cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Provider {
    /// Amazon EKS
    Eks,
    /// Google GKE
    Gke,
    /// Azure AKS
    Aks,
}

/// The role with every right that an audit uses.
pub(super) const RBAC: &str = include_str!("rbac.yaml");

/// The audit policy with which API servers log the evidence.
pub(super) const POLICY: &str = include_str!("policy.yaml");

/// The command that fetches the log.
pub(super) fn query(provider: Provider) -> &'static str {
    match provider {
        Provider::Eks => include_str!("query-eks.sh"),
        Provider::Gke => include_str!("query-gke.sh"),
        Provider::Aks => include_str!("query-aks.sh"),
    }
}
