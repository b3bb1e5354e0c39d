//! The parts of a cluster that are read, and the right that each needs.

use crate::cluster::reader::Listed;

const CORE: &str = "/api/v1";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const MONITORING: &str = "/apis/monitoring.coreos.com/v1";

/// A part of the cluster.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// `/version`.
    Version,
    /// The kinds of the API group `admissionregistration.k8s.io` in version v1.
    Kinds,
    /// The metrics of the API server, as a string.
    Metrics,
    /// The Pods of kube-apiserver, where the control plane consists of Pods.
    ApiServers,
    /// The Nodes, metadata only.
    Nodes,
    /// The Namespaces, metadata only.
    Namespaces,
    /// Every `MutatingWebhookConfiguration`.
    Configurations,
    /// The Namespace of the installation.
    Namespace,
    /// The Deployment.
    Deployment,
    /// The Pods of the Deployment.
    Pods,
    /// The Service.
    Service,
    /// The `EndpointSlices` of the Service.
    Endpoints,
    /// The `PodDisruptionBudget`.
    Disruption,
    /// The `NetworkPolicies` in the Namespace of the installation.
    NetworkPolicies,
    /// The rights of the ServiceAccount, one review each.
    Rights,
    /// Every `MutatingAdmissionPolicy`.
    MutatingPolicies,
    /// Every `ClusterPolicy` of Kyverno.
    KyvernoPolicies,
    /// Every `ValidatingAdmissionPolicy`.
    Guards,
    /// Every `ValidatingAdmissionPolicyBinding`.
    GuardBindings,
    /// The `PodMonitors` in the Namespace of the installation.
    PodMonitors,
    /// The `PrometheusRules` in the Namespace of the installation.
    AlertRules,
    /// The numbers of Pods in each Namespace that opted in: all, and those that its settings would change.
    HeldTokens,
    /// What each running replica answers: its certificates, `/readyz?verbose` and `/metrics`.
    Replies,
    /// The answer to a Pod in a Namespace that opted in.
    ProbeInside,
    /// The answer to a Pod in another Namespace.
    ProbeOutside,
}

/// How a part is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum PartRequest {
    /// One JSON document.
    Object(&'static str),
    /// One text.
    Text(&'static str),
    /// A list, perhaps in one Namespace, with a selector.
    List(Listed, Option<&'static str>, &'static str),
    /// A list in the first version of its API group that the API server has.
    FirstOf(&'static [Listed]),
    /// By several requests, which depend on other parts.
    Answers,
}

impl Part {
    /// Every part, in the order in which they are read.
    pub const ALL: [Self; 25] = [
        Self::Version,
        Self::Kinds,
        Self::Metrics,
        Self::ApiServers,
        Self::Nodes,
        Self::Namespaces,
        Self::Configurations,
        Self::Namespace,
        Self::Deployment,
        Self::Pods,
        Self::Service,
        Self::Endpoints,
        Self::Disruption,
        Self::NetworkPolicies,
        Self::Rights,
        Self::MutatingPolicies,
        Self::KyvernoPolicies,
        Self::Guards,
        Self::GuardBindings,
        Self::PodMonitors,
        Self::AlertRules,
        Self::HeldTokens,
        Self::Replies,
        Self::ProbeInside,
        Self::ProbeOutside,
    ];

    /// The name in recorded installations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Kinds => "kinds",
            Self::Metrics => "metrics",
            Self::ApiServers => "apiServers",
            Self::Nodes => "nodes",
            Self::Namespaces => "namespaces",
            Self::Configurations => "configurations",
            Self::Namespace => "namespace",
            Self::Deployment => "deployment",
            Self::Pods => "pods",
            Self::Service => "service",
            Self::Endpoints => "endpoints",
            Self::Disruption => "disruption",
            Self::NetworkPolicies => "networkPolicies",
            Self::Rights => "rights",
            Self::MutatingPolicies => "mutatingPolicies",
            Self::KyvernoPolicies => "kyvernoPolicies",
            Self::Guards => "guards",
            Self::GuardBindings => "guardBindings",
            Self::PodMonitors => "podMonitors",
            Self::AlertRules => "alertRules",
            Self::HeldTokens => "heldTokens",
            Self::Replies => "replies",
            Self::ProbeInside => "probeInside",
            Self::ProbeOutside => "probeOutside",
        }
    }

    /// The right that the part needs, in the words of `kubectl auth can-i`.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Version => "get /version",
            Self::Kinds => "get /apis/admissionregistration.k8s.io/v1",
            Self::Metrics => "get /metrics",
            Self::ApiServers => "list pods in Namespace kube-system",
            Self::Nodes => "list nodes",
            Self::Namespaces => "list namespaces",
            Self::Configurations => "list mutatingwebhookconfigurations.admissionregistration.k8s.io",
            Self::Namespace => "get namespaces/boundtoken",
            Self::Deployment => "get deployments.apps/boundtoken in Namespace boundtoken",
            Self::Pods => "list pods in Namespace boundtoken",
            Self::Service => "get services/boundtoken in Namespace boundtoken",
            Self::Endpoints => "list endpointslices.discovery.k8s.io in Namespace boundtoken",
            Self::Disruption => "get poddisruptionbudgets.policy/boundtoken in Namespace boundtoken",
            Self::NetworkPolicies => "list networkpolicies.networking.k8s.io in Namespace boundtoken",
            Self::Rights => "create subjectaccessreviews.authorization.k8s.io",
            Self::MutatingPolicies => "list mutatingadmissionpolicies.admissionregistration.k8s.io",
            Self::KyvernoPolicies => "list clusterpolicies.kyverno.io",
            Self::Guards => "list validatingadmissionpolicies.admissionregistration.k8s.io",
            Self::GuardBindings => "list validatingadmissionpolicybindings.admissionregistration.k8s.io",
            Self::PodMonitors => "list podmonitors.monitoring.coreos.com in Namespace boundtoken",
            Self::AlertRules => "list prometheusrules.monitoring.coreos.com in Namespace boundtoken",
            Self::HeldTokens => "list pods in each Namespace that opted in",
            // From Kubernetes 1.35 on, a websocket needs both rights.
            Self::Replies => "get and create pods/portforward in Namespace boundtoken",
            Self::ProbeInside => "create pods in a Namespace that opted in",
            Self::ProbeOutside => "create pods in a Namespace that did not opt in",
        }
    }

    pub(super) const fn request(self) -> PartRequest {
        const OURS: Option<&str> = Some(super::NAME);
        match self {
            Self::Version => PartRequest::Object("/version"),
            Self::Kinds => PartRequest::Object(ADMISSION),
            Self::Metrics => PartRequest::Text("/metrics"),
            Self::ApiServers => PartRequest::List(
                listed(CORE, "pods", false),
                Some("kube-system"),
                "&labelSelector=component%3Dkube-apiserver",
            ),
            Self::Nodes => PartRequest::List(listed(CORE, "nodes", true), None, ""),
            Self::Namespaces => PartRequest::List(listed(CORE, "namespaces", true), None, ""),
            Self::Configurations => {
                PartRequest::List(listed(ADMISSION, "mutatingwebhookconfigurations", false), None, "")
            }
            Self::Namespace => PartRequest::Object("/api/v1/namespaces/boundtoken"),
            Self::Deployment => {
                PartRequest::Object("/apis/apps/v1/namespaces/boundtoken/deployments/boundtoken")
            }
            Self::Pods => PartRequest::List(
                listed(CORE, "pods", false),
                OURS,
                "&labelSelector=app.kubernetes.io%2Fname%3Dboundtoken",
            ),
            Self::Service => PartRequest::Object("/api/v1/namespaces/boundtoken/services/boundtoken"),
            Self::Endpoints => PartRequest::List(
                listed("/apis/discovery.k8s.io/v1", "endpointslices", false),
                OURS,
                "&labelSelector=kubernetes.io%2Fservice-name%3Dboundtoken",
            ),
            Self::Disruption => {
                PartRequest::Object("/apis/policy/v1/namespaces/boundtoken/poddisruptionbudgets/boundtoken")
            }
            Self::NetworkPolicies => {
                PartRequest::List(listed("/apis/networking.k8s.io/v1", "networkpolicies", false), OURS, "")
            }
            Self::HeldTokens | Self::Replies | Self::Rights | Self::ProbeInside | Self::ProbeOutside => {
                PartRequest::Answers
            }
            Self::MutatingPolicies => PartRequest::FirstOf(&MUTATING_POLICIES),
            Self::KyvernoPolicies => {
                PartRequest::List(listed("/apis/kyverno.io/v1", "clusterpolicies", false), None, "")
            }
            Self::Guards => {
                PartRequest::List(listed(ADMISSION, "validatingadmissionpolicies", false), None, "")
            }
            Self::GuardBindings => {
                PartRequest::List(listed(ADMISSION, "validatingadmissionpolicybindings", false), None, "")
            }
            Self::PodMonitors => PartRequest::List(listed(MONITORING, "podmonitors", false), OURS, ""),
            Self::AlertRules => PartRequest::List(listed(MONITORING, "prometheusrules", false), OURS, ""),
        }
    }
}

/// The versions of `MutatingAdmissionPolicy`: v1 from Kubernetes 1.36 on, v1beta1 from 1.34 and v1alpha1 from 1.32, both
/// behind a feature gate (`pkg/features/kube_features.go`).
const MUTATING_POLICIES: [Listed; 3] = [
    listed(ADMISSION, "mutatingadmissionpolicies", false),
    listed("/apis/admissionregistration.k8s.io/v1beta1", "mutatingadmissionpolicies", false),
    listed("/apis/admissionregistration.k8s.io/v1alpha1", "mutatingadmissionpolicies", false),
];

const fn listed(group: &'static str, name: &'static str, metadata_only: bool) -> Listed {
    Listed { group, name, metadata_only }
}
