//! The objects that a request may be about, as far as they matter here.

use serde::Deserialize;

use crate::namespaces::Namespace;
use crate::pod::text::{Text, nullable, object};
use crate::pod::view::PodSpec;
use crate::policy::Entries;

/// What a request may be about.
pub trait Object {
    /// What `kubectl` calls it.
    const KIND: &'static str;
    /// The resource, of the core group in version `v1`.
    const RESOURCE: &'static str;
    /// The operations that matter.
    const OPERATIONS: &'static [&'static str];

    /// `metadata.generateName`: the beginning of the name where the API server generates it.
    fn generate_name(&self) -> &str;
}

impl Object for Pod<'_> {
    const KIND: &'static str = "Pod";
    const RESOURCE: &'static str = "pods";
    const OPERATIONS: &'static [&'static str] = &["CREATE"];

    fn generate_name(&self) -> &str {
        self.metadata.generate_name.as_str()
    }
}

/// A Pod as far as its tokens are concerned.
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
    /// Whether a kubelet made this Pod from a file.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.has_mirror()
    }
}

/// Metadata as far as settings are concerned.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMeta<'a> {
    /// `generateName`: how the name begins where the API server makes it up.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub generate_name: Text<'a>,
    /// `annotations`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub annotations: Entries<'a>,
    /// `labels`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub labels: Entries<'a>,
}

impl Object for Namespace<'_> {
    const KIND: &'static str = "Namespace";
    const RESOURCE: &'static str = "namespaces";
    const OPERATIONS: &'static [&'static str] = &["CREATE", "UPDATE"];

    fn generate_name(&self) -> &str {
        self.generate_name()
    }
}
