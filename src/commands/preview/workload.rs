//! Objects that make Pods, and the Pods they make.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::{Map, Value};

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
        let namespace = written(object, "/metadata/namespace").unwrap_or(default_namespace);
        Some(Self { object: object.clone(), namespace, kind })
    }

    /// The kind, such as `Deployment`.
    pub(super) fn kind(&self) -> &'static str {
        self.kind.name
    }

    /// How people name it: `deployment/web (namespace shop)`.
    pub(super) fn title(&self) -> String {
        format!("{}/{} (namespace {})", self.kind.name.to_lowercase(), self.name(), self.namespace)
    }

    /// Where the object stands: `deploy.yaml:12`.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.object.document.file, self.object.line(Pointer::root()))
    }

    fn name(&self) -> &'a str {
        let generated = || written(&self.object, "/metadata/generateName");
        written(&self.object, "/metadata/name").or_else(generated).unwrap_or("unnamed")
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

    /// The Pod as its author wrote it, with annotations to try.
    pub(super) fn pod(&self, annotations: &[(&str, &str)]) -> Value {
        let written = self.template().resolve(self.object.value).ok().and_then(Value::as_object);
        let mut pod =
            Map::from_iter([("apiVersion".to_owned(), "v1".into()), ("kind".to_owned(), "Pod".into())]);
        pod.extend(written.cloned().unwrap_or_default());
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

/// A name in an object; one that is no string, and therefore refused, goes by what stands in the file.
fn written<'a>(object: &Object<'a>, name: &'static str) -> Option<&'a str> {
    match object.value.pointer(name)? {
        Value::Null => None,
        Value::String(name) => Some(name.as_str()).filter(|name| !name.is_empty()),
        _ => object.document.text(&object.pointer.concat(Pointer::from_static(name))).or(Some("?")),
    }
}

/// Adds annotations to a Pod, a Pod template or a Namespace.
pub(super) fn annotate(object: &mut Map<String, Value>, annotations: &[(&str, &str)]) {
    if annotations.is_empty() {
        return;
    }
    let Some(metadata) = map_in(object, "metadata") else { return };
    if let Some(existing) = map_in(metadata, "annotations") {
        existing.extend(annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
    }
}

/// A map within an object, created where it is absent or `null`.
fn map_in<'a>(object: &'a mut Map<String, Value>, field: &str) -> Option<&'a mut Map<String, Value>> {
    let value = object.entry(field).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
