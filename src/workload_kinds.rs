//! The kinds of Kubernetes that create Pods, and Pods themselves.

/// A kind with a Pod template.
#[derive(Debug)]
pub(crate) struct WorkloadKind {
    /// The path of its API group and version, such as `/apis/apps/v1`.
    pub(crate) path: &'static str,
    /// The kind, such as `Deployment`.
    pub(crate) name: &'static str,
    /// The plural name in paths, such as `deployments`.
    pub(crate) resource: &'static str,
    /// The pointer to the Pod template; the root for a Pod.
    pub(crate) template: &'static str,
    /// Metadata that is often annotated by mistake: its annotations never reach a Pod.
    pub(crate) misplaced: &'static [&'static str],
    /// The place of its objects above Pods.
    pub(crate) place: OwnerPlace,
}

/// The place of an object above the Pods that follow from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OwnerPlace {
    /// It is written by people, and there need not be a Pod of it at any time.
    Top,
    /// It is mostly created by a controller, from an object at the top.
    Between,
    /// It is a Pod, or a kind that hardly occurs.
    Other,
}

const CORE: &str = "/api/v1";
const APPS: &str = "/apis/apps/v1";
const BATCH: &str = "/apis/batch/v1";

const METADATA: &[&str] = &["/metadata"];
const TEMPLATE: &str = "/spec/template";

/// Every kind, those of a group together.
pub(crate) const KINDS: [WorkloadKind; 9] = [
    WorkloadKind {
        path: CORE,
        name: "Pod",
        resource: "pods",
        template: "",
        misplaced: &[],
        place: OwnerPlace::Other,
    },
    WorkloadKind {
        path: CORE,
        name: "PodTemplate",
        resource: "podtemplates",
        template: "/template",
        misplaced: METADATA,
        place: OwnerPlace::Other,
    },
    WorkloadKind {
        path: CORE,
        name: "ReplicationController",
        resource: "replicationcontrollers",
        template: TEMPLATE,
        misplaced: METADATA,
        place: OwnerPlace::Other,
    },
    WorkloadKind {
        path: APPS,
        name: "Deployment",
        resource: "deployments",
        template: TEMPLATE,
        misplaced: METADATA,
        place: OwnerPlace::Top,
    },
    WorkloadKind {
        path: APPS,
        name: "StatefulSet",
        resource: "statefulsets",
        template: TEMPLATE,
        misplaced: METADATA,
        place: OwnerPlace::Top,
    },
    WorkloadKind {
        path: APPS,
        name: "DaemonSet",
        resource: "daemonsets",
        template: TEMPLATE,
        misplaced: METADATA,
        place: OwnerPlace::Top,
    },
    WorkloadKind {
        path: APPS,
        name: "ReplicaSet",
        resource: "replicasets",
        template: TEMPLATE,
        misplaced: METADATA,
        place: OwnerPlace::Between,
    },
    WorkloadKind {
        path: BATCH,
        name: "CronJob",
        resource: "cronjobs",
        template: "/spec/jobTemplate/spec/template",
        misplaced: &["/metadata", "/spec/jobTemplate/metadata"],
        place: OwnerPlace::Top,
    },
    WorkloadKind {
        path: BATCH,
        name: "Job",
        resource: "jobs",
        template: TEMPLATE,
        misplaced: METADATA,
        place: OwnerPlace::Between,
    },
];

/// The kinds with a place above Pods.
pub(crate) fn at(place: OwnerPlace) -> impl Iterator<Item = &'static WorkloadKind> {
    KINDS.iter().filter(move |kind| kind.place == place)
}

impl WorkloadKind {
    /// The API group; empty for the core group.
    pub(crate) fn group(&self) -> &'static str {
        let versioned = self.path.strip_prefix("/apis/").and_then(|path| path.split_once('/'));
        versioned.map_or("", |(group, _)| group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_group_and_its_plural_name() {
        for kind in &KINDS {
            let version = match kind.group() {
                "" => CORE.to_owned(),
                group => format!("/apis/{group}/v1"),
            };
            assert_eq!(kind.path, version);
            assert_eq!(kind.resource, format!("{}s", kind.name.to_lowercase()));
        }
    }
}
