//! The Pods, workloads and Namespaces of a cluster, as far as they matter for the verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use time::OffsetDateTime;

use super::admission::PodAdmission;
use super::life::PodLife;
use super::tokens::{HeldToken, TokenClass};

/// What was read from a cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inventory {
    /// Every Pod.
    pub pods: Vec<KnownPod>,
    /// The workloads that were listed, with Pods and without.
    pub workloads: Vec<KnownWorkload>,
    /// The Namespaces by name. One that is absent did not opt in.
    pub namespaces: BTreeMap<String, KnownNamespace>,
    /// The number of API servers: mirror Pods of kube-apiserver. `None` if it is not known, as on managed clusters.
    pub servers: Option<usize>,
}

/// A workload in its Namespace.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkloadName {
    /// `metadata.namespace`.
    pub namespace: String,
    /// The kind, such as `Deployment`; `Pod` for a Pod without a controller.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
}

/// A Pod of the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownPod {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.name`.
    pub name: String,
    /// The workload at the top of its owners.
    pub workload: WorkloadName,
    /// The name of the Job that created it: a run of a `CronJob`.
    pub job: Option<String>,
    /// The service account.
    pub account: String,
    /// `spec.nodeName`.
    pub node: Option<String>,
    /// `status.podIPs`; empty with `hostNetwork`, where other Pods have the same addresses.
    pub addresses: Vec<String>,
    /// `metadata.creationTimestamp`.
    pub created: OffsetDateTime,
    /// The time in which it can use its tokens.
    pub life: PodLife,
    /// The tokens in its containers. Replicas may share them.
    pub tokens: Arc<[HeldToken]>,
    /// Whether a container has a Secret of which it is not known whether it holds a token.
    pub has_unread_secret: bool,
    /// What the webhook would do with it under the settings of its Namespace, whether that opted in or not.
    pub admission: PodAdmission,
    /// Signs that a token is shown to another service: names of annotations and environment variables.
    pub elsewhere: BTreeSet<String>,
}

impl KnownPod {
    /// Whether a container holds a token of this class.
    pub fn holds(&self, class: TokenClass) -> bool {
        self.tokens.iter().any(|token| token.class == class)
    }
}

/// A workload that was listed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KnownWorkload {
    /// Its name.
    pub name: WorkloadName,
    /// The service account of its Pod template, if that is known.
    pub account: Option<String>,
    /// `metadata.creationTimestamp`, if it is known.
    pub created: Option<OffsetDateTime>,
    /// The Jobs of a `CronJob` by name, with their creation: its runs, also those whose Pods are gone.
    pub runs: BTreeMap<String, OffsetDateTime>,
    /// A Pod as its template would create it now, if that is known.
    pub template: Option<KnownTemplate>,
}

/// A Pod that a template would create.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KnownTemplate {
    /// The tokens that its containers would hold.
    pub tokens: Arc<[HeldToken]>,
    /// As of [`KnownPod::has_unread_secret`].
    pub has_unread_secret: bool,
    /// What the webhook would do with it under the settings of its Namespace, whether that opted in or not.
    pub admission: PodAdmission,
    /// Signs as of [`KnownPod::elsewhere`].
    pub elsewhere: BTreeSet<String>,
}

/// A Namespace.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KnownNamespace {
    /// Whether it has the label that opts in, and the webhook is called for it.
    pub opted_in: bool,
    /// Whether its settings have `dry-run`, so that the webhook changes nothing.
    pub dry_run: bool,
    /// The time at which the label and the settings changed last, if it is known.
    pub changed: Option<OffsetDateTime>,
}

impl KnownNamespace {
    /// Whether the webhook changes Pods of the Namespace.
    pub fn is_in_force(self) -> bool {
        self.opted_in && !self.dry_run
    }
}
