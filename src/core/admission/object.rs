//! The Pods and Namespaces in requests, reduced to the fields that matter.

use serde::Deserialize;

use crate::namespace::Namespace;
use crate::pod::text::{Text, nullable, object};
use crate::pod::view::PodSpec;
use crate::policy::{Entries, Evaluation, NamespaceSettings, evaluate};

/// A kind of object in admission requests.
pub trait ReviewedObject {
    /// The kind, as `kubectl` prints it.
    const KIND: &'static str;
    /// The resource, of the core group in version `v1`.
    const RESOURCE: &'static str;
    /// The operations that are evaluated; others are allowed unchanged.
    const OPERATIONS: &'static [&'static str];

    /// `metadata.generateName`, the prefix of a generated name.
    fn generate_name(&self) -> &str;
}

impl ReviewedObject for Pod<'_> {
    const KIND: &'static str = "Pod";
    const RESOURCE: &'static str = "pods";
    const OPERATIONS: &'static [&'static str] = &["CREATE"];

    fn generate_name(&self) -> &str {
        self.metadata.generate_name.as_str()
    }
}

/// A Pod, reduced to the fields that matter for tokens.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Pod<'a> {
    /// `metadata`.
    #[serde(borrow, default, deserialize_with = "object")]
    pub metadata: ObjectMeta<'a>,
    /// `spec`.
    #[serde(borrow, default, deserialize_with = "object")]
    pub spec: PodSpec<'a>,
}

impl Pod<'_> {
    /// Whether this is a mirror Pod, which a kubelet creates for a static Pod.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.has_mirror()
    }

    /// Evaluates the Pod under the settings of its Namespace; `None` for a mirror Pod, which stays as it is: the
    /// ServiceAccount admission plugin keeps tokens out of it.
    pub fn evaluate(&self, settings: &NamespaceSettings) -> Option<Evaluation> {
        let annotations = self.metadata.annotations.own_annotations();
        (!self.is_mirror()).then(|| evaluate(annotations, &self.spec, settings))
    }
}

/// Metadata, reduced to the fields that matter for settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMeta<'a> {
    /// `generateName`, the prefix of a generated name.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub generate_name: Text<'a>,
    /// `annotations`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub annotations: Entries<'a>,
    /// `labels`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub labels: Entries<'a>,
}

impl ReviewedObject for Namespace<'_> {
    const KIND: &'static str = "Namespace";
    const RESOURCE: &'static str = "namespaces";
    const OPERATIONS: &'static [&'static str] = &["CREATE", "UPDATE"];

    fn generate_name(&self) -> &str {
        self.generate_name()
    }
}
