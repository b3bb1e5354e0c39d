//! Objects that create Pods, and the Pods they create.

use std::borrow::Cow;

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::{Map, Value};

use super::overrides::{annotate, map_in};
use super::place::{CheckedObject, Location, field, name};
use super::templates;
use crate::manifest::{Node, Object};
use crate::workload_kinds::{KINDS, WorkloadKind};

/// The known kind, or its `apiVersion`, that an object of another kind probably means. The kinds of other API
/// groups with a domain are not misspelled: several have a `Job` or a `Deployment` of their own.
pub(super) fn similar_kind(object: &Object<'_>) -> Option<String> {
    let (kind, group) = (object.kind(), object.group());
    if !is_of_kubernetes(group) {
        return None;
    }
    let is_same = |known: &&WorkloadKind| {
        kind.eq_ignore_ascii_case(known.name)
            || kind.strip_suffix('s').is_some_and(|singular| singular.eq_ignore_ascii_case(known.name))
    };
    let known = KINDS.iter().find(is_same)?;
    match known.group() {
        _ if known.name != kind => Some(known.name.to_owned()),
        same if same == group => None,
        "" => Some("apiVersion v1".to_owned()),
        other => Some(format!("apiVersion {other}/v1")),
    }
}

/// Whether an API group is one of Kubernetes itself: all others have a domain of their own.
pub(super) fn is_of_kubernetes(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

/// A Pod, or a Pod template of an object.
pub(super) struct Workload<'a> {
    /// The object.
    pub(super) object: Object<'a>,
    /// Namespace of its Pods.
    pub(super) namespace: &'a str,
    /// The kind; `None` if it is not one of Kubernetes itself.
    kind: Option<&'static WorkloadKind>,
    template: Cow<'static, Pointer>,
    /// Whether the object has several Pod templates.
    is_one_of_several: bool,
}

impl<'a> Workload<'a> {
    /// The Pod templates of an object, in the order of the file: one in a kind that Kubernetes creates Pods from,
    /// and any number in other kinds.
    pub(super) fn all(object: &Object<'a>, default_namespace: &'a str) -> Vec<Self> {
        let kind = KINDS.iter().find(|kind| kind.name == object.kind() && kind.group() == object.group());
        let templates: Vec<Cow<'static, Pointer>> = match kind {
            Some(kind) => vec![Cow::Borrowed(Pointer::from_static(kind.template))],
            None => templates::find(object.value).into_iter().map(Cow::Owned).collect(),
        };
        let is_one_of_several = templates.len() > 1;
        let namespace = name(object, "/metadata/namespace").unwrap_or(default_namespace);
        let workload =
            |template| Self { object: object.clone(), namespace, kind, template, is_one_of_several };
        templates.into_iter().map(workload).collect()
    }

    /// The kind, such as `Deployment`.
    pub(super) fn kind(&self) -> &'a str {
        self.object.kind()
    }

    /// Whether Kubernetes itself creates Pods from the template. If not, the template was found by its structure.
    pub(super) fn is_known(&self) -> bool {
        self.kind.is_some()
    }

    /// The name in messages: `deployment/web (namespace shop)`.
    pub(super) fn title(&self) -> String {
        let (kind, name, namespace) = (self.kind().to_lowercase(), self.name(), self.namespace);
        format!("{kind}/{name}{} (namespace {namespace})", self.which())
    }

    /// The name of its Pods in messages: `Pod of deployment/web (namespace shop)`.
    pub(super) fn pod_title(&self) -> String {
        if self.template.is_root() { self.title() } else { format!("Pod of {}", self.title()) }
    }

    /// The name as kubectl prints it with `-o name`: `deployment.apps/web`.
    pub(super) fn resource_name(&self) -> String {
        let kind = self.kind().to_lowercase();
        match self.object.group() {
            "" => format!("{kind}/{}", self.name()),
            group => format!("{kind}.{group}/{}", self.name()),
        }
    }

    /// The name without the kind: `shop/web`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}{}", self.namespace, self.name(), self.which())
    }

    /// Which of several Pod templates this is, for the end of a name.
    fn which(&self) -> String {
        if self.is_one_of_several { format!(" {}", field(&self.template)) } else { String::new() }
    }

    /// The location of the object, or of one of its Pod templates: `deploy.yaml:12`.
    pub(super) fn location(&self) -> Location {
        let part = if self.is_one_of_several { self.template() } else { Pointer::root() };
        Location::of(&self.object, part)
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
    pub(super) fn template(&self) -> &Pointer {
        &self.template
    }

    /// The pointers to metadata of the object whose annotations never reach a Pod.
    pub(super) fn misplaced(&self) -> impl Iterator<Item = &'static Pointer> {
        let misplaced = self.kind.map_or(["/metadata"].as_slice(), |kind| kind.misplaced);
        misplaced.iter().map(|pointer| Pointer::from_static(pointer))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_kubernetes_have_no_other_domain() {
        for group in ["", "apps", "networking.k8s.io", "gateway.networking.k8s.io"] {
            assert!(is_of_kubernetes(group), "{group}");
        }
        for group in ["argoproj.io", "jobset.x-k8s.io", "serving.knative.dev", "k8s.io.example.com"] {
            assert!(!is_of_kubernetes(group), "{group}");
        }
    }
}
