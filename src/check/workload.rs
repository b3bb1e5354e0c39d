//! Checks of the Deployment and its Pods.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::configuration::APPLY;
use super::entry::{CheckEntry, CheckGroup, CheckOutcome};
use super::installation::{Installation, is_terminating, items, name, number, text};
use super::part::Part;
use crate::clock;
use crate::policy::Defaults;

/// A restart is reported for this long.
const RECENT: Duration = Duration::HOUR;

/// The reasons of a container that waits for its image, its volumes and the containers before it, as each does for a
/// moment.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Ends a rollout whose Pods cannot start.
const UNDO: &str = "kubectl -n boundtoken rollout undo deployment boundtoken";

/// The default of `--max-connections`.
const MAX_CONNECTIONS: u64 = 512;

pub(super) const CHECKS: &[CheckEntry] = &[
    CheckEntry {
        id: "replicas-deployment",
        group: CheckGroup::Replicas,
        title: "the Deployment exists",
        meaning: "Without replicas, Pods in labelled Namespaces are refused.",
        remedy: APPLY,
        field: "",
        needs: &[Part::Deployment],
        judge: deployment,
    },
    CheckEntry {
        id: "replicas-ready",
        group: CheckGroup::Replicas,
        title: "each replica is ready",
        meaning: "While no replica is ready, Pods in labelled Namespaces are refused. With one, the next failure \
                  refuses them.",
        remedy: "kubectl -n boundtoken describe pods -l app.kubernetes.io/name=boundtoken",
        field: "",
        needs: &[Part::Deployment, Part::Pods],
        judge: ready,
    },
    CheckEntry {
        id: "replicas-nodes",
        group: CheckGroup::Replicas,
        title: "the ready replicas are on different Nodes",
        meaning: "If the Node with every replica is lost, Pods in labelled Namespaces are refused until others \
                  have started. A cluster of one Node is not reported.",
        remedy: "kubectl -n boundtoken rollout restart deployment boundtoken",
        field: "",
        needs: &[Part::Pods, Part::Nodes],
        judge: nodes,
    },
    CheckEntry {
        id: "replicas-image",
        group: CheckGroup::Replicas,
        title: "each replica runs the image of the Deployment",
        meaning: "Otherwise a rollout is in progress. If a Pod with the new image cannot start, the command of the \
                  finding ends the rollout.",
        remedy: "kubectl -n boundtoken rollout status deployment boundtoken --timeout=3m",
        field: "",
        needs: &[Part::Deployment, Part::Pods],
        judge: image,
    },
    CheckEntry {
        id: "replicas-version",
        group: CheckGroup::Replicas,
        title: "the image has the version of this command",
        meaning: "The checks compare with the manifests of this command. It applies where the tag of the image \
                  is a version.",
        remedy: APPLY,
        field: "",
        needs: &[Part::Deployment],
        judge: version,
    },
    CheckEntry {
        id: "replicas-restarts",
        group: CheckGroup::Replicas,
        title: "no replica restarted within the last hour",
        meaning: "Otherwise a container exited, or was killed because it needed too much memory or did not \
                  answer its probe.",
        remedy: "kubectl -n boundtoken logs -l app.kubernetes.io/name=boundtoken --previous --prefix",
        field: "",
        needs: &[Part::Pods],
        judge: restarts,
    },
];

/// The cluster-wide defaults of the Deployment.
pub(super) fn defaults(installation: &Installation) -> Arc<Defaults> {
    let [mode, audience, ttl] =
        [("default-mode", "replace"), ("default-audience", ""), ("default-ttl", "1h")]
            .map(|(name, default)| flag(installation, name).unwrap_or(default));
    Arc::new(Defaults::parse(mode, audience, ttl, Vec::new()).unwrap_or_default())
}

/// The maximum number of connections of a replica.
pub(super) fn max_connections(installation: &Installation) -> u64 {
    let given = flag(installation, "max-connections").and_then(|limit| limit.parse().ok());
    given.unwrap_or(MAX_CONNECTIONS)
}

/// The value of a flag of the Deployment, from its arguments and its environment.
fn flag<'i>(installation: &'i Installation, name: &str) -> Option<&'i str> {
    let deployment = installation.known(Part::Deployment)?;
    let containers = items(deployment, "/spec/template/spec/containers");
    let variable = format!("BOUNDTOKEN_{}", name.to_uppercase().replace('-', "_"));
    let argument = format!("--{name}=");
    let mut variables = containers.iter().flat_map(|container| items(container, "/env"));
    let mut arguments = containers.iter().flat_map(|container| items(container, "/args"));
    let given = arguments.find_map(|word| word.as_str()?.strip_prefix(&argument));
    given.or_else(|| {
        variables.find(|entry| text(entry, "/name") == variable).map(|entry| text(entry, "/value"))
    })
}

/// The Pods that are not being deleted.
fn pods(installation: &Installation) -> impl Iterator<Item = &Value> {
    installation.list(Part::Pods).iter().filter(|pod| !is_terminating(pod))
}

/// The Pods that are ready.
pub(super) fn ready_pods(installation: &Installation) -> impl Iterator<Item = &Value> {
    pods(installation).filter(|pod| is_ready(pod))
}

/// Whether a Pod is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    let mut conditions = items(pod, "/status/conditions").iter();
    conditions.any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True")
}

/// The Pods of which a container runs.
pub(super) fn running_pods(installation: &Installation) -> impl Iterator<Item = &Value> {
    pods(installation).filter(|pod| {
        let mut containers = items(pod, "/status/containerStatuses").iter();
        containers.any(|status| status.pointer("/state/running").is_some())
    })
}

/// The image of the container of boundtoken in the specification of a Pod.
fn image_of<'v>(object: &'v Value, containers: &str) -> &'v str {
    let containers = items(object, containers);
    let ours = containers.iter().find(|container| text(container, "/name") == super::NAME);
    ours.or_else(|| containers.first()).map_or("", |container| text(container, "/image"))
}

fn deployment(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    vec![match installation.known(Part::Deployment) {
        Some(deployment) => {
            CheckOutcome::ok().with_value(image_of(deployment, "/spec/template/spec/containers"))
        }
        None => CheckOutcome::error("Deployment boundtoken does not exist in Namespace boundtoken"),
    }]
}

fn ready(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(deployment) = installation.known(Part::Deployment) else { return Vec::new() };
    let wanted = number(deployment, "/spec/replicas");
    let ready = number(deployment, "/status/readyReplicas");
    let reasons: BTreeSet<String> = pods(installation).filter_map(waiting).collect();
    let mut value = format!("{ready} of {wanted}");
    for reason in reasons {
        value = value + "; " + &reason;
    }
    vec![match (wanted, ready) {
        (0, _) => CheckOutcome::error("the Deployment is scaled to zero")
            .with_command("kubectl -n boundtoken scale deployment boundtoken --replicas=2"),
        (_, 0) => CheckOutcome::error("no replica is ready").with_value(value),
        (wanted, ready) if ready < wanted => {
            CheckOutcome::warning("a replica is not ready").with_value(value)
        }
        _ => CheckOutcome::ok().with_value(value),
    }]
}

/// Why a Pod does not run: the reason of its container, or of its scheduling.
fn waiting(pod: &Value) -> Option<String> {
    let containers = items(pod, "/status/containerStatuses").iter();
    let mut reasons = containers.map(|status| {
        ["/state/waiting/reason", "/state/terminated/reason"].map(|reason| text(status, reason)).concat()
    });
    let of_container = reasons.find(|reason| !reason.is_empty());
    let unscheduled = || {
        let mut conditions = items(pod, "/status/conditions").iter();
        let condition = conditions.find(|condition| {
            text(condition, "/type") == "PodScheduled" && text(condition, "/status") == "False"
        })?;
        Some(format!("{}: {}", text(condition, "/reason"), text(condition, "/message")))
    };
    of_container.or_else(unscheduled)
}

fn nodes(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let ready = ready_pods(installation).count();
    if ready < 2 {
        return Vec::new();
    }
    let nodes: BTreeSet<&str> = ready_pods(installation).map(|pod| text(pod, "/spec/nodeName")).collect();
    let value = format!("{ready} replicas on {} Nodes", nodes.len());
    let is_spread = nodes.len() > 1 || installation.list(Part::Nodes).len() < 2;
    let outcome = if is_spread {
        CheckOutcome::ok()
    } else {
        CheckOutcome::warning("every ready replica is on the same Node")
    };
    vec![outcome.with_value(value)]
}

fn image(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(deployment) = installation.known(Part::Deployment) else { return Vec::new() };
    let expected = image_of(deployment, "/spec/template/spec/containers");
    let images: BTreeSet<&str> = pods(installation).map(|pod| image_of(pod, "/spec/containers")).collect();
    let others: Vec<&str> = images.into_iter().filter(|image| *image != expected).collect();
    if others.is_empty() {
        return vec![CheckOutcome::ok().with_value(expected)];
    }
    let sentence = format!("replicas run another image than {expected}, that of the Deployment");
    let outcome = CheckOutcome::warning(sentence);
    let new = pods(installation).filter(|pod| image_of(pod, "/spec/containers") == expected);
    vec![match new.filter_map(waiting).find(|reason| !STARTING.contains(&reason.as_str())) {
        Some(reason) => outcome.with_value(format!("{}; {reason}", others.join(", "))).with_command(UNDO),
        None => outcome.with_value(others.join(", ")),
    }]
}

fn version(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let Some(deployment) = installation.known(Part::Deployment) else { return Vec::new() };
    let image = image_of(deployment, "/spec/template/spec/containers");
    let Some(tag) = tag(image) else { return Vec::new() };
    let own = env!("CARGO_PKG_VERSION");
    vec![if tag == own {
        CheckOutcome::ok().with_value(tag)
    } else {
        CheckOutcome::warning(format!("this command has version {own}")).with_value(tag)
    }]
}

/// The version in the tag of an image; `None` if it has a digest, no tag, or one that is no version.
fn tag(image: &str) -> Option<&str> {
    let last = image.rsplit('/').next()?;
    let (_, tag) = last.split_once(':').filter(|_| !last.contains('@'))?;
    let version = tag.strip_prefix('v').unwrap_or(tag);
    let mut numbers = version.split('.');
    let is_version = numbers.clone().count() == 3 && numbers.all(|number| number.parse::<u32>().is_ok());
    is_version.then_some(version)
}

fn restarts(_: &CheckEntry, installation: &Installation) -> Vec<CheckOutcome> {
    let since = installation.now.saturating_sub(RECENT);
    let mut recent = Vec::new();
    for pod in pods(installation) {
        for status in items(pod, "/status/containerStatuses") {
            let ended = clock::parse(text(status, "/lastState/terminated/finishedAt"));
            if ended.is_some_and(|ended: OffsetDateTime| ended > since) {
                let reason = text(status, "/lastState/terminated/reason");
                recent.push(format!("{}: {reason}", name(pod)));
            }
        }
    }
    if recent.is_empty() {
        return vec![CheckOutcome::ok()];
    }
    vec![CheckOutcome::warning("a replica restarted within the last hour").with_value(recent.join(", "))]
}
