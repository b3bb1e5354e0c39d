//! Objects that make Pods, and the Pods they make.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::{Map, Value, json};

use crate::manifest::Object;

/// A kind that makes Pods.
struct Kind {
    group: &'static str,
    name: &'static str,
    /// Where the Pod template stands; the object itself for a Pod.
    template: &'static str,
    /// Where people put annotations that never reach a Pod.
    astray: &'static [&'static str],
}

const TEMPLATE: &str = "/spec/template";

const KINDS: [Kind; 8] = [
    Kind { group: "", name: "Pod", template: "", astray: &[] },
    Kind { group: "", name: "ReplicationController", template: TEMPLATE, astray: &["/metadata"] },
    Kind { group: "apps", name: "DaemonSet", template: TEMPLATE, astray: &["/metadata"] },
    Kind { group: "apps", name: "Deployment", template: TEMPLATE, astray: &["/metadata"] },
    Kind { group: "apps", name: "ReplicaSet", template: TEMPLATE, astray: &["/metadata"] },
    Kind { group: "apps", name: "StatefulSet", template: TEMPLATE, astray: &["/metadata"] },
    Kind {
        group: "batch",
        name: "CronJob",
        template: "/spec/jobTemplate/spec/template",
        astray: &["/metadata", "/spec/jobTemplate/metadata"],
    },
    Kind { group: "batch", name: "Job", template: TEMPLATE, astray: &["/metadata"] },
];

/// An object that makes Pods.
pub(super) struct Workload<'a> {
    /// The object.
    pub(super) object: Object<'a>,
    /// Namespace of its Pods.
    pub(super) namespace: &'a str,
    kind: &'static Kind,
}

impl<'a> Workload<'a> {
    /// The workload that an object is, if it is one.
    pub(super) fn new(object: &Object<'a>, default_namespace: &'a str) -> Option<Self> {
        let kind = KINDS.iter().find(|kind| kind.name == object.kind() && kind.group == object.group())?;
        let namespace = object.text("/metadata/namespace").filter(|name| !name.is_empty());
        Some(Self { object: object.clone(), namespace: namespace.unwrap_or(default_namespace), kind })
    }

    /// The kind, such as `Deployment`.
    pub(super) fn kind(&self) -> &'static str {
        self.kind.name
    }

    /// How people name it: `deployment/web (namespace shop)`.
    pub(super) fn title(&self) -> String {
        format!("{}/{} (namespace {})", self.kind.name.to_lowercase(), self.name(), self.namespace)
    }

    fn name(&self) -> &'a str {
        let generated = || self.object.text("/metadata/generateName");
        self.object.text("/metadata/name").or_else(generated).unwrap_or("unnamed")
    }

    /// Where the annotations of the Pod stand in the object.
    pub(super) fn annotations(&self) -> PointerBuf {
        self.template().concat(Pointer::from_static("/metadata/annotations"))
    }

    /// Where the Pod or its template stands in the object.
    pub(super) fn template(&self) -> &'static Pointer {
        Pointer::from_static(self.kind.template)
    }

    /// Metadata of the object whose annotations never reach a Pod.
    pub(super) fn astray(&self) -> impl Iterator<Item = &'static Pointer> {
        self.kind.astray.iter().map(|pointer| Pointer::from_static(pointer))
    }

    /// The Pod as its author wrote it, with what is added to its annotations.
    pub(super) fn pod(&self, annotations: &[(&str, &str)]) -> Value {
        let written = self.object.value.pointer(self.kind.template).unwrap_or(&Value::Null);
        let mut metadata = written.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        metadata.insert("namespace".to_owned(), self.namespace.into());
        if !self.kind.template.is_empty() {
            metadata.insert("generateName".to_owned(), format!("{}-", self.name()).into());
        }
        annotate(&mut metadata, annotations);
        let spec = written.get("spec").cloned().unwrap_or_default();
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    }
}

/// Adds annotations to a `metadata`.
pub(super) fn annotate(metadata: &mut Map<String, Value>, annotations: &[(&str, &str)]) {
    if annotations.is_empty() {
        return;
    }
    let existing = metadata.entry("annotations").or_insert_with(|| json!({}));
    if existing.is_null() {
        *existing = json!({});
    }
    for (key, value) in annotations {
        if let Some(existing) = existing.as_object_mut() {
            existing.insert((*key).to_owned(), (*value).into());
        }
    }
}
