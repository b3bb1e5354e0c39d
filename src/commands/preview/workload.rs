//! Objects that create Pods, and the Pods they create.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::{Map, Value};

use super::overrides::{annotate, map_in};
use super::place::{CheckedObject, Location, name};
use crate::manifest::{Node, Object};

/// A kind that creates Pods.
struct Kind {
    group: &'static str,
    name: &'static str,
    /// The pointer to the Pod template; the root for a Pod.
    template: &'static str,
    /// Metadata that is often annotated by mistake: its annotations never reach a Pod.
    misplaced: &'static [&'static str],
}

const TEMPLATE: &str = "/spec/template";

const KINDS: [Kind; 8] = [
    Kind { group: "", name: "Pod", template: "", misplaced: &[] },
    Kind { group: "", name: "ReplicationController", template: TEMPLATE, misplaced: &["/metadata"] },
    Kind { group: "apps", name: "DaemonSet", template: TEMPLATE, misplaced: &["/metadata"] },
    Kind { group: "apps", name: "Deployment", template: TEMPLATE, misplaced: &["/metadata"] },
    Kind { group: "apps", name: "ReplicaSet", template: TEMPLATE, misplaced: &["/metadata"] },
    Kind { group: "apps", name: "StatefulSet", template: TEMPLATE, misplaced: &["/metadata"] },
    Kind {
        group: "batch",
        name: "CronJob",
        template: "/spec/jobTemplate/spec/template",
        misplaced: &["/metadata", "/spec/jobTemplate/metadata"],
    },
    Kind { group: "batch", name: "Job", template: TEMPLATE, misplaced: &["/metadata"] },
];

/// An object that creates Pods.
pub(super) struct Workload<'a> {
    /// The object.
    pub(super) object: Object<'a>,
    /// Namespace of its Pods.
    pub(super) namespace: &'a str,
    kind: &'static Kind,
}

impl<'a> Workload<'a> {
    /// Returns the workload, or `None` if the object creates no Pods.
    pub(super) fn new(object: &Object<'a>, default_namespace: &'a str) -> Option<Self> {
        let kind = KINDS.iter().find(|kind| kind.name == object.kind() && kind.group == object.group())?;
        let namespace = name(object, "/metadata/namespace").unwrap_or(default_namespace);
        Some(Self { object: object.clone(), namespace, kind })
    }

    /// The kind, such as `Deployment`.
    pub(super) fn kind(&self) -> &'static str {
        self.kind.name
    }

    /// The name in messages: `deployment/web (namespace shop)`.
    pub(super) fn title(&self) -> String {
        format!("{}/{} (namespace {})", self.kind.name.to_lowercase(), self.name(), self.namespace)
    }

    /// The location of the object: `deploy.yaml:12`.
    pub(super) fn location(&self) -> Location {
        Location::of(&self.object, Pointer::root())
    }

    /// The object with the Namespace of its Pods, for findings.
    pub(super) fn checked(&self) -> CheckedObject<'_, 'a> {
        CheckedObject::in_namespace(&self.object, self.namespace)
    }

    fn name(&self) -> &'a str {
        let generated = || name(&self.object, "/metadata/generateName");
        name(&self.object, "/metadata/name").or_else(generated).unwrap_or("unnamed")
    }

    /// The pointer to the annotations of the Pod or its template.
    pub(super) fn annotations(&self) -> PointerBuf {
        self.template().concat(Pointer::from_static("/metadata/annotations"))
    }

    /// The pointer to the Pod or its template.
    pub(super) fn template(&self) -> &'static Pointer {
        Pointer::from_static(self.kind.template)
    }

    /// The pointers to metadata of the object whose annotations never reach a Pod.
    pub(super) fn misplaced(&self) -> impl Iterator<Item = &'static Pointer> {
        self.kind.misplaced.iter().map(|pointer| Pointer::from_static(pointer))
    }

    /// The Pod as written, with additional annotations.
    pub(super) fn pod(&self, annotations: &[(&str, &str)]) -> Value {
        let mut pod =
            Map::from_iter([("apiVersion".to_owned(), "v1".into()), ("kind".to_owned(), "Pod".into())]);
        if let Some(Value::Object(written)) = self.object.get(self.template()).map(Node::to_value) {
            pod.extend(written);
        }
        annotate(&mut pod, annotations);
        if let Some(metadata) = map_in(&mut pod, "metadata") {
            metadata.insert("namespace".to_owned(), self.namespace.into());
            if !self.template().is_root() {
                metadata.insert("generateName".to_owned(), format!("{}-", self.name()).into());
            }
        }
        pod.into()
    }
}
