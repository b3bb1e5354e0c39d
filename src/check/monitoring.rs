//! Checks of the monitoring, if it is installed.

use serde_json::Value;

use super::NAME;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, items, name, text};
use super::part::Part;
use super::shipped::{ShippedFile, shipped};

const APPLY_MONITORING: &str = "kubectl apply -k manifests/monitoring";

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "monitoring-pod-monitor",
        group: CheckGroup::Monitoring,
        title: "a PodMonitor scrapes the replicas",
        meaning: "Without it, alerts on the metrics of boundtoken cannot fire.",
        remedy: APPLY_MONITORING,
        field: "",
        needs: &[Part::PodMonitors, Part::AlertRules],
        judge: pod_monitor,
    },
    CheckEntry {
        id: "monitoring-alerts",
        group: CheckGroup::Monitoring,
        title: "the PrometheusRule has each alert",
        meaning: "Otherwise alerts of this version are missing.",
        remedy: APPLY_MONITORING,
        field: "",
        needs: &[Part::PodMonitors, Part::AlertRules],
        judge: alerts,
    },
    CheckEntry {
        id: "monitoring-network-policy",
        group: CheckGroup::Monitoring,
        title: "a NetworkPolicy lets Prometheus reach the admin port",
        meaning: "The NetworkPolicy of the base closes the admin port, so Prometheus may scrape nothing. It \
                  applies where no other NetworkPolicy is in the Namespace.",
        remedy: APPLY_MONITORING,
        field: "",
        needs: &[Part::PodMonitors, Part::NetworkPolicies],
        judge: network_policy,
    },
];

/// Our object in a list.
fn ours(installation: &Installation, part: Part) -> Option<&Value> {
    installation.list(part).iter().find(|object| name(object) == NAME)
}

fn pod_monitor(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    match (ours(installation, Part::PodMonitors), ours(installation, Part::AlertRules)) {
        (Some(monitor), _) => {
            let mut endpoints = items(monitor, "/spec/podMetricsEndpoints").iter();
            let is_scraped = endpoints.any(|endpoint| text(endpoint, "/port") == "admin");
            vec![if is_scraped {
                CheckOutcome::ok()
            } else {
                CheckOutcome::warning("PodMonitor boundtoken does not scrape the port admin")
            }]
        }
        (None, Some(_)) => vec![CheckOutcome::warning("PodMonitor boundtoken does not exist")],
        (None, None) => Vec::new(),
    }
}

/// The names of the alerts in a `PrometheusRule`.
fn names(rule: &Value) -> Vec<&str> {
    let rules = items(rule, "/spec/groups").iter().flat_map(|group| items(group, "/rules"));
    rules.map(|rule| text(rule, "/alert")).filter(|alert| !alert.is_empty()).collect()
}

fn alerts(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(rule) = ours(installation, Part::AlertRules) else {
        let monitor = ours(installation, Part::PodMonitors);
        let absent = |_: &Value| CheckOutcome::warning("PrometheusRule boundtoken does not exist");
        return monitor.map(absent).into_iter().collect();
    };
    let manifest = shipped(ShippedFile::AlertRules);
    let live = names(rule);
    let missing: Vec<&str> = names(&manifest).into_iter().filter(|alert| !live.contains(alert)).collect();
    vec![if missing.is_empty() {
        CheckOutcome::ok().with_value(format!("{} alerts", live.len()))
    } else {
        CheckOutcome::warning("PrometheusRule boundtoken lacks alerts").with_value(missing.join(", "))
    }]
}

fn network_policy(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let policies = installation.list(Part::NetworkPolicies);
    if ours(installation, Part::PodMonitors).is_none() || ours(installation, Part::NetworkPolicies).is_none()
    {
        return Vec::new();
    }
    vec![if policies.len() > 1 {
        CheckOutcome::ok()
    } else {
        CheckOutcome::warning("only NetworkPolicy boundtoken is there, which closes the admin port")
    }]
}
