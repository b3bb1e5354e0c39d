//! Checks of the way to the replicas, by Service, endpoints and `NetworkPolicy`, and of the `PodDisruptionBudget`.

use serde_json::Value;

use super::configuration::APPLY;
use super::difference::difference;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, items, name};
use super::part::Part;
use super::shipped::{ShippedFile, shipped};
use super::workload::ready_pods;

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "replicas-service",
        group: CheckGroup::Replicas,
        title: "the Service leads to the replicas",
        meaning: "The API server calls boundtoken by this Service. Without it, or with another selector or port, \
                  it reaches no replica and refuses Pods in labelled Namespaces.",
        remedy: APPLY,
        field: "",
        needs: &[Part::Service],
        judge: service,
    },
    CheckEntry {
        id: "replicas-endpoints",
        group: CheckGroup::Replicas,
        title: "each ready replica is an endpoint of the Service",
        meaning: "Otherwise the API server does not call the replicas that are missing. It applies where \
                  replicas are ready and the Service is as shipped.",
        remedy: "kubectl -n boundtoken get endpointslices -l kubernetes.io/service-name=boundtoken -o yaml",
        field: "",
        needs: &[Part::Endpoints, Part::Pods, Part::Service],
        judge: endpoints,
    },
    CheckEntry {
        id: "replicas-disruption",
        group: CheckGroup::Replicas,
        title: "a PodDisruptionBudget keeps a replica while Nodes are drained",
        meaning: "Without it, a drain may evict every replica at once.",
        remedy: APPLY,
        field: "",
        needs: &[Part::Disruption],
        judge: disruption,
    },
    CheckEntry {
        id: "replicas-network-policy",
        group: CheckGroup::Replicas,
        title: "the NetworkPolicy opens the webhook port",
        meaning: "If another policy selects the replicas, the API server does not reach them; without any, the \
                  admin port is open to each Pod.",
        remedy: APPLY,
        field: "",
        needs: &[Part::NetworkPolicies],
        judge: network_policy,
    },
];

/// The fields of a Service that lead requests to Pods.
const SERVICE_FIELDS: [&str; 4] =
    ["/spec/selector", "/spec/ports/0/name", "/spec/ports/0/port", "/spec/ports/0/targetPort"];

/// Compares fields of an object with the shipped one.
fn compared(live: &Value, file: ShippedFile, fields: &[&str], resource: &str) -> CheckOutcome {
    match difference(live, &shipped(file), fields) {
        None => CheckOutcome::ok(),
        Some(difference) => {
            let sentence = format!("{} of {resource} boundtoken is not as shipped", difference.fields);
            let outcome = if matches!(file, ShippedFile::Disruption) {
                CheckOutcome::warning(sentence)
            } else {
                CheckOutcome::error(sentence)
            };
            outcome.with_command(difference.command(resource)).with_value(difference.live)
        }
    }
}

fn service(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    vec![match installation.known(Part::Service) {
        Some(service) => compared(service, ShippedFile::Service, &SERVICE_FIELDS, "service"),
        None => CheckOutcome::error("Service boundtoken does not exist in Namespace boundtoken"),
    }]
}

fn endpoints(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let is_as_shipped = installation.known(Part::Service).is_some_and(|service| {
        difference(service, &shipped(ShippedFile::Service), &SERVICE_FIELDS).is_none()
    });
    let ready = ready_pods(installation).count();
    if ready == 0 || !is_as_shipped {
        return Vec::new();
    }
    let endpoints = installation.list(Part::Endpoints).iter().flat_map(|slice| items(slice, "/endpoints"));
    let is_ready =
        |endpoint: &&Value| endpoint.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false);
    let targets = endpoints.filter(is_ready).filter_map(|endpoint| endpoint.pointer("/targetRef/name"));
    let targets: Vec<&str> = targets.filter_map(Value::as_str).collect();
    let missing: Vec<&str> =
        ready_pods(installation).map(name).filter(|name| !targets.contains(name)).collect();
    vec![if missing.is_empty() {
        CheckOutcome::ok().with_value(format!("{} endpoints", targets.len()))
    } else {
        CheckOutcome::error("a ready replica is no endpoint of the Service").with_value(missing.join(", "))
    }]
}

fn disruption(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    const FIELDS: [&str; 4] =
        ["/spec/minAvailable", "/spec/maxUnavailable", "/spec/selector", "/spec/unhealthyPodEvictionPolicy"];
    vec![match installation.known(Part::Disruption) {
        Some(budget) => compared(budget, ShippedFile::Disruption, &FIELDS, "poddisruptionbudget"),
        None => CheckOutcome::warning("PodDisruptionBudget boundtoken does not exist"),
    }]
}

fn network_policy(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    // Clusters whose API server has another port add it to the egress.
    const FIELDS: [&str; 2] = ["/spec/podSelector", "/spec/ingress"];
    let policies = installation.list(Part::NetworkPolicies);
    let ours = policies.iter().find(|policy| name(policy) == super::NAME);
    vec![match ours {
        Some(policy) => compared(policy, ShippedFile::NetworkPolicy, &FIELDS, "networkpolicy"),
        None if policies.is_empty() => CheckOutcome::warning("NetworkPolicy boundtoken does not exist"),
        None => {
            let names: Vec<&str> = policies.iter().map(name).collect();
            CheckOutcome::error("NetworkPolicy boundtoken does not exist, and others may select the replicas")
                .with_value(names.join(", "))
        }
    }]
}
