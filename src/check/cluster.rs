//! Checks of the API server: is it reachable, is it tested, and how long do the tokens live that it issues.

use serde_json::Value;

use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Cell, Installation, items, text};
use super::part::Part;
use crate::audit::snapshot::ServerRecord;

/// The minor versions of Kubernetes against whose API servers the tests run, from the oldest on.
const TESTED: [u32; 2] = [33, 37];

/// The first minor version for which the manifests are valid.
const OLDEST: u32 = 27;

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "cluster-reachable",
        group: CheckGroup::Cluster,
        title: "the API server answers",
        meaning: "Without an answer nothing else can be checked.",
        remedy: "kubectl version",
        field: "",
        needs: &[],
        judge: reachable,
    },
    CheckEntry {
        id: "cluster-version",
        group: CheckGroup::Cluster,
        title: "this version of Kubernetes is within the tested range",
        meaning: "boundtoken is tested on v1.33, v1.35 and v1.37, and its manifests need v1.27 or later.",
        remedy: "kubectl version",
        field: "",
        needs: &[Part::Version],
        judge: version,
    },
    CheckEntry {
        id: "cluster-service-account-plugin",
        group: CheckGroup::Cluster,
        title: "the ServiceAccount admission plugin is on",
        meaning: "Without the plugin Pods get no token that boundtoken could change. kube-apiserver has it on by \
                  default. The check applies once the API server has admitted an object.",
        remedy: "kubectl -n kube-system get pods -l component=kube-apiserver -o yaml",
        field: "",
        needs: &[Part::Metrics],
        judge: plugin,
    },
    CheckEntry {
        id: "cluster-extended-lifetime",
        group: CheckGroup::Cluster,
        title: "the lifetime of a token that requests 3607 s is known",
        meaning: "The value is that lifetime, and what shows it: the flags of kube-apiserver, its metrics, or \
                  the default of Kubernetes.",
        remedy: "boundtoken audit",
        field: "",
        needs: &[Part::Version],
        judge: lifetime,
    },
    CheckEntry {
        id: "cluster-policies",
        group: CheckGroup::Cluster,
        title: "the API server has ValidatingAdmissionPolicies",
        meaning: "The guard needs them, in version v1 of Kubernetes 1.30 and later. The webhook does not.",
        remedy: "kubectl api-resources --api-group=admissionregistration.k8s.io",
        field: "",
        needs: &[Part::Kinds],
        judge: policies,
    },
];

fn reachable(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    vec![match installation.get(Part::Version) {
        Cell::Absent => CheckOutcome::error("the API server has no /version"),
        Cell::Failed(reason) => CheckOutcome::error(format!("the API server cannot be used: {reason}")),
        // Every user may read the version, unless an administrator took that right away.
        Cell::Known(_) | Cell::Forbidden(_) => CheckOutcome::ok(),
    }]
}

fn version(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(version) = installation.known(Part::Version) else { return Vec::new() };
    let git_version = text(version, "/gitVersion");
    let minor = git_version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or_default();
    let [first, .., last] = TESTED;
    let outcome = match minor {
        minor if minor < OLDEST => {
            CheckOutcome::error(format!("the manifests need Kubernetes v1.{OLDEST} or later"))
        }
        minor if (first..=last).contains(&minor) => CheckOutcome::ok(),
        _ => {
            CheckOutcome::warning(format!("boundtoken is tested on Kubernetes v1.{first} to v1.{last} only"))
        }
    };
    vec![outcome.with_value(git_version)]
}

/// The flags of kube-apiserver show that the plugin is off. Its metrics, which exist from its first use on, show that it
/// is on.
fn plugin(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let is_off = |word: &Value| {
        let flag = word.as_str().and_then(|word| word.strip_prefix("--disable-admission-plugins="));
        flag.is_some_and(|plugins| plugins.split(',').any(|plugin| plugin == "ServiceAccount"))
    };
    let mut containers =
        installation.list(Part::ApiServers).iter().flat_map(|pod| items(pod, "/spec/containers"));
    if containers
        .any(|container| ["/command", "/args"].iter().any(|words| items(container, words).iter().any(is_off)))
    {
        let sentence =
            "kube-apiserver runs with --disable-admission-plugins=ServiceAccount: Pods get no token";
        return vec![CheckOutcome::error(sentence)];
    }
    let metrics = installation.known(Part::Metrics).and_then(Value::as_str).unwrap_or_default();
    let is_used = metrics.lines().any(|line| {
        line.starts_with("apiserver_admission_controller_admission_duration_seconds_count{")
            && line.contains("name=\"ServiceAccount\"")
    });
    if is_used { vec![CheckOutcome::ok()] } else { Vec::new() }
}

fn lifetime(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let extended = server(installation).extended_lifetime(None);
    let lifetime = match extended.lifetime {
        Some(lifetime) => format!("{} s", lifetime.as_secs()),
        None => "not extended".to_owned(),
    };
    vec![CheckOutcome::ok().with_value(format!("{lifetime} ({})", extended.source.as_str()))]
}

/// What is known of the API server, as the audit reads it.
fn server(installation: &Installation) -> ServerRecord {
    let mut server = ServerRecord::default();
    if let Some(version) = installation.known(Part::Version) {
        server.read_version(&version.to_string());
    }
    for pod in installation.list(Part::ApiServers) {
        if let Ok(pod) = serde_json::value::to_raw_value(pod) {
            server.read_flags(&pod);
        }
    }
    if let Some(metrics) = installation.known(Part::Metrics).and_then(Value::as_str) {
        server.read_metrics(metrics);
    }
    server
}

fn policies(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(kinds) = installation.known(Part::Kinds) else { return Vec::new() };
    let has =
        |kind: &&str| items(kinds, "/resources").iter().any(|resource| text(resource, "/kind") == *kind);
    let found: Vec<&str> =
        ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"].into_iter().filter(has).collect();
    let outcome = if found.contains(&"ValidatingAdmissionPolicy") {
        CheckOutcome::ok()
    } else {
        CheckOutcome::warning("the guard cannot be installed: Kubernetes 1.30 or later is needed")
    };
    vec![outcome.with_value(found.join(", "))]
}
