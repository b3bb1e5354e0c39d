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
        self.entry().name
    }

    /// The right that the part needs, in the words of `kubectl auth can-i`.
    pub const fn needs(self) -> &'static str {
        self.entry().needs
    }

    pub(super) const fn request(self) -> PartRequest {
        self.entry().request
    }

    const fn entry(self) -> PartEntry {
        match self {
            Self::Version => object("version", "get /version", "/version"),
            Self::Kinds => object("kinds", "get /apis/admissionregistration.k8s.io/v1", ADMISSION),
            Self::Metrics => entry("metrics", "get /metrics", PartRequest::Text("/metrics")),
            Self::ApiServers => entry(
                "apiServers",
                "list pods in Namespace kube-system",
                PartRequest::List(
                    listed(CORE, "pods", false),
                    Some("kube-system"),
                    "&labelSelector=component%3Dkube-apiserver",
                ),
            ),
            Self::Nodes => all("nodes", "list nodes", listed(CORE, "nodes", true)),
            Self::Namespaces => all("namespaces", "list namespaces", listed(CORE, "namespaces", true)),
            Self::Configurations => all(
                "configurations",
                "list mutatingwebhookconfigurations.admissionregistration.k8s.io",
                listed(ADMISSION, "mutatingwebhookconfigurations", false),
            ),
            Self::Namespace => {
                object("namespace", "get namespaces/boundtoken", "/api/v1/namespaces/boundtoken")
            }
            Self::Deployment => object(
                "deployment",
                "get deployments.apps/boundtoken in Namespace boundtoken",
                "/apis/apps/v1/namespaces/boundtoken/deployments/boundtoken",
            ),
            Self::Pods => ours(
                "pods",
                "list pods in Namespace boundtoken",
                listed(CORE, "pods", false),
                "&labelSelector=app.kubernetes.io%2Fname%3Dboundtoken",
            ),
            Self::Service => object(
                "service",
                "get services/boundtoken in Namespace boundtoken",
                "/api/v1/namespaces/boundtoken/services/boundtoken",
            ),
            Self::Endpoints => ours(
                "endpoints",
                "list endpointslices.discovery.k8s.io in Namespace boundtoken",
                listed("/apis/discovery.k8s.io/v1", "endpointslices", false),
                "&labelSelector=kubernetes.io%2Fservice-name%3Dboundtoken",
            ),
            Self::Disruption => object(
                "disruption",
                "get poddisruptionbudgets.policy/boundtoken in Namespace boundtoken",
                "/apis/policy/v1/namespaces/boundtoken/poddisruptionbudgets/boundtoken",
            ),
            Self::NetworkPolicies => ours(
                "networkPolicies",
                "list networkpolicies.networking.k8s.io in Namespace boundtoken",
                listed("/apis/networking.k8s.io/v1", "networkpolicies", false),
                "",
            ),
            Self::Rights => answers("rights", "create subjectaccessreviews.authorization.k8s.io"),
            Self::MutatingPolicies => entry(
                "mutatingPolicies",
                "list mutatingadmissionpolicies.admissionregistration.k8s.io",
                PartRequest::FirstOf(&MUTATING_POLICIES),
            ),
            Self::KyvernoPolicies => all(
                "kyvernoPolicies",
                "list clusterpolicies.kyverno.io",
                listed("/apis/kyverno.io/v1", "clusterpolicies", false),
            ),
            Self::Guards => all(
                "guards",
                "list validatingadmissionpolicies.admissionregistration.k8s.io",
                listed(ADMISSION, "validatingadmissionpolicies", false),
            ),
            Self::GuardBindings => all(
                "guardBindings",
                "list validatingadmissionpolicybindings.admissionregistration.k8s.io",
                listed(ADMISSION, "validatingadmissionpolicybindings", false),
            ),
            Self::PodMonitors => ours(
                "podMonitors",
                "list podmonitors.monitoring.coreos.com in Namespace boundtoken",
                listed(MONITORING, "podmonitors", false),
                "",
            ),
            Self::AlertRules => ours(
                "alertRules",
                "list prometheusrules.monitoring.coreos.com in Namespace boundtoken",
                listed(MONITORING, "prometheusrules", false),
                "",
            ),
            Self::HeldTokens => answers("heldTokens", "list pods in each Namespace that opted in"),
            // From Kubernetes 1.35 on, a websocket needs both rights.
            Self::Replies => answers("replies", "get and create pods/portforward in Namespace boundtoken"),
            Self::ProbeInside => answers("probeInside", "create pods in a Namespace that opted in"),
            Self::ProbeOutside => answers("probeOutside", "create pods in a Namespace that did not opt in"),
        }
    }
}

/// What is known of a part.
struct PartEntry {
    name: &'static str,
    needs: &'static str,
    request: PartRequest,
}

const fn entry(name: &'static str, needs: &'static str, request: PartRequest) -> PartEntry {
    PartEntry { name, needs, request }
}

const fn object(name: &'static str, needs: &'static str, path: &'static str) -> PartEntry {
    entry(name, needs, PartRequest::Object(path))
}

/// Every object of a kind.
const fn all(name: &'static str, needs: &'static str, kind: Listed) -> PartEntry {
    entry(name, needs, PartRequest::List(kind, None, ""))
}

/// The objects of a kind in the Namespace of the installation, with a selector.
const fn ours(name: &'static str, needs: &'static str, kind: Listed, selector: &'static str) -> PartEntry {
    entry(name, needs, PartRequest::List(kind, Some(super::NAME), selector))
}

const fn answers(name: &'static str, needs: &'static str) -> PartEntry {
    entry(name, needs, PartRequest::Answers)
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
