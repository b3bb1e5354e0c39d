//! What the audit reads from a cluster: enough to judge it later, without a cluster. It holds no token, no content of a
//! Secret and no value of an environment variable.

mod inventory;
mod moment;
mod pod;
mod prune;
mod server;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;

pub(super) use pod::{OwnedMetadata, specification};
pub use pod::{OwnerName, PodRecord};
pub use server::{ServerFlags, ServerRecord};

/// The version of the format. It changes when an older program could misread a snapshot.
pub const SNAPSHOT_VERSION: u32 = 1;

/// What was read from a cluster.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// [`SNAPSHOT_VERSION`].
    pub snapshot_version: u32,
    /// When the cluster was read. Snapshots of older programs lack it.
    #[serde(with = "moment::optional", default, skip_serializing_if = "Option::is_none")]
    pub read: Option<OffsetDateTime>,
    /// The API server.
    pub server: ServerRecord,
    /// The namespaces.
    pub namespaces: Vec<NamespaceRecord>,
    /// The service accounts that set `automountServiceAccountToken`.
    pub accounts: Vec<AccountRecord>,
    /// Names of the Secrets of the type `kubernetes.io/service-account-token`, by namespace.
    pub token_secrets: BTreeMap<String, BTreeSet<String>>,
    /// The owners of Pods, such as a ReplicaSet or a Job, that have a controller.
    pub owners: Vec<OwnerRecord>,
    /// The objects with a Pod template.
    pub templates: Vec<TemplateRecord>,
    /// The Pods.
    pub pods: Vec<PodRecord>,
    /// The specifications of Pods and templates, each once.
    pub specifications: Specifications,
    /// What could not be read.
    pub errors: Vec<ReadFailure>,
}

/// A namespace.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceRecord {
    /// The name.
    pub name: String,
    /// The value of the label that opts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The annotations of boundtoken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The latest time in `managedFields` of a manager of the label or of an annotation.
    #[serde(with = "moment::optional", default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<OffsetDateTime>,
}

/// A ServiceAccount.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AccountRecord {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// `automountServiceAccountToken`.
    pub automount: bool,
}

/// An object between Pods and their workload.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OwnerRecord {
    /// The namespace of both.
    pub namespace: String,
    /// The object.
    pub of: OwnerName,
    /// Its controller.
    pub owner: OwnerName,
    /// `metadata.creationTimestamp`.
    #[serde(with = "moment")]
    pub created: OffsetDateTime,
}

/// An object with a Pod template.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TemplateRecord {
    /// The namespace.
    pub namespace: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// `metadata.creationTimestamp`.
    #[serde(with = "moment")]
    pub created: OffsetDateTime,
    /// Index of the specification of its template.
    pub specification: usize,
}

/// What could not be read. The audit goes on without it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReadFailure {
    /// The resource, such as `pods`, or a path such as `/metrics`.
    pub resource: String,
    /// The namespace; `None` is every namespace.
    pub namespace: Option<String>,
    /// The reason of the API server, such as `Forbidden`.
    pub reason: String,
    /// The right that is needed, such as `list pods`.
    pub needs: String,
}

/// Texts of which each is stored once.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(from = "Vec<Box<RawValue>>", into = "Vec<Box<RawValue>>")]
pub struct Specifications {
    texts: Vec<Box<RawValue>>,
    by_text: HashMap<u64, Vec<usize>>,
}

/// An error in reading a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is not a snapshot.
    #[error("it is not a snapshot of `boundtoken audit --save`")]
    Malformed(#[from] serde_json::Error),
    /// Another version of boundtoken saved it.
    #[error("it has the format {0}, must be {SNAPSHOT_VERSION}: use the boundtoken that saved it")]
    Version(u32),
}

impl Snapshot {
    /// Parses a snapshot.
    ///
    /// # Errors
    /// When the text is not a snapshot of this version.
    pub fn parse(text: &str) -> Result<Self, SnapshotError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            snapshot_version: u32,
        }
        let Version { snapshot_version } = serde_json::from_str(text)?;
        if snapshot_version != SNAPSHOT_VERSION {
            return Err(SnapshotError::Version(snapshot_version));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Whether the label and the settings of a namespace could be read.
    pub fn knows_namespace(&self, name: &str) -> bool {
        self.namespaces.iter().any(|namespace| namespace.name == name)
    }

    /// Reduces the snapshot to some namespaces.
    pub fn retain(&mut self, names: &[String]) {
        let is_kept = |namespace: &String| names.contains(namespace);
        self.namespaces.retain(|namespace| is_kept(&namespace.name));
        self.templates.retain(|template| is_kept(&template.namespace));
        self.pods.retain(|pod| is_kept(&pod.namespace));
        self.errors.retain(|error| error.namespace.as_ref().is_none_or(is_kept));
    }

    /// Whether something that applies to a namespace could not be read.
    pub fn lacks(&self, resource: &str, namespace: &str) -> bool {
        self.errors.iter().any(|error| {
            error.resource == resource && error.namespace.as_deref().is_none_or(|name| name == namespace)
        })
    }
}

impl Specifications {
    /// The index of a JSON text, which is added if it is new.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub(super) fn index_of(&mut self, text: String) -> serde_json::Result<usize> {
        use std::hash::BuildHasher;
        let hash = self.by_text.hasher().hash_one(&text);
        let same = self.by_text.entry(hash).or_default();
        let is_same = |index: &&usize| self.texts.get(**index).is_some_and(|known| known.get() == text);
        if let Some(index) = same.iter().find(is_same) {
            return Ok(*index);
        }
        let index = self.texts.len();
        self.texts.push(RawValue::from_string(text)?);
        same.push(index);
        Ok(index)
    }

    /// The text of an index: an object with `metadata` and `spec`, or `{}` if there is none.
    pub fn text(&self, index: usize) -> &str {
        self.texts.get(index).map_or("{}", |text| text.get())
    }
}

impl From<Vec<Box<RawValue>>> for Specifications {
    fn from(texts: Vec<Box<RawValue>>) -> Self {
        Self { texts, by_text: HashMap::new() }
    }
}

impl From<Specifications> for Vec<Box<RawValue>> {
    fn from(specifications: Specifications) -> Self {
        specifications.texts
    }
}
