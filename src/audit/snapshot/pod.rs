//! A Pod of a snapshot: when it ran, where, for which owner, and the parts of its specification that concern tokens.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::moment;
use super::prune::{Mask, prune};
use crate::pod::text::{Text, boolean, list, nullable, object};
use crate::pod::token::DEFAULT_PREFIX;
use crate::policy::keys::has_own_prefix;
use crate::policy::{Entries, MIRROR_POD};

/// What is kept of a Pod or Pod template: names and sources of volumes and variables, never a value of a variable.
const SPECIFICATION: Mask = Mask::Fields(&[
    ("metadata", Mask::Fields(&[("annotations", Mask::Names(annotation))])),
    (
        "spec",
        Mask::Fields(&[
            ("serviceAccountName", Mask::All),
            ("serviceAccount", Mask::All),
            ("automountServiceAccountToken", Mask::All),
            ("volumes", VOLUME),
            ("initContainers", CONTAINER),
            ("containers", CONTAINER),
            ("ephemeralContainers", CONTAINER),
        ]),
    ),
]);

const ITEMS: Mask = Mask::Fields(&[("key", Mask::All), ("path", Mask::All)]);

const VOLUME: Mask = Mask::Fields(&[
    ("name", Mask::All),
    // The webhook compares a volume of its own name with the one that it would add.
    ("projected", Mask::All),
    ("secret", Mask::Fields(&[("secretName", Mask::All), ("items", ITEMS), ("defaultMode", Mask::All)])),
]);

const SECRET_KEY: Mask = Mask::Fields(&[("name", Mask::All), ("key", Mask::All)]);

const CONTAINER: Mask = Mask::Fields(&[
    ("name", Mask::All),
    (
        "volumeMounts",
        Mask::Fields(&[
            ("name", Mask::All),
            ("mountPath", Mask::All),
            ("subPath", Mask::All),
            ("subPathExpr", Mask::All),
        ]),
    ),
    ("volumeDevices", Mask::Fields(&[("devicePath", Mask::All)])),
    (
        "env",
        Mask::Fields(&[("name", Mask::All), ("valueFrom", Mask::Fields(&[("secretKeyRef", SECRET_KEY)]))]),
    ),
    ("envFrom", Mask::Fields(&[("prefix", Mask::All), ("secretRef", SECRET_KEY)])),
]);

const TIMES: Mask = Mask::Fields(&[("startedAt", Mask::All), ("finishedAt", Mask::All)]);

const STATE: Mask = Mask::Fields(&[("running", TIMES), ("terminated", TIMES)]);

const CONTAINER_STATUS: Mask = Mask::Fields(&[("name", Mask::All), ("state", STATE), ("lastState", STATE)]);

/// What is kept of the status of a Pod.
const STATUS: Mask = Mask::Fields(&[
    ("phase", Mask::All),
    ("startTime", Mask::All),
    ("podIPs", Mask::Fields(&[("ip", Mask::All)])),
    ("initContainerStatuses", CONTAINER_STATUS),
    ("containerStatuses", CONTAINER_STATUS),
    ("ephemeralContainerStatuses", CONTAINER_STATUS),
]);

/// Words in the names of annotations of services that accept tokens: only these names are kept, for the signs of use
/// elsewhere.
const SERVICES: [&str; 3] = ["vault", "openbao", "workload.identity"];

/// Letters after [`DEFAULT_PREFIX`] in the name of a volume, which the plugin generates.
const SUFFIX: usize = 5;

/// The suffix in snapshots: the Pods of one template then have the same text, which is stored once.
const SAME_SUFFIX: &str = "xxxxx";

/// What the webhook reads is kept: settings, and the mark of a mirror Pod. Of other annotations that matter, the name is
/// enough.
fn annotation(name: &str) -> Option<Mask> {
    let is_sign = || SERVICES.iter().any(|word| name.contains(word));
    if has_own_prefix(name) || name == MIRROR_POD {
        Some(Mask::All)
    } else {
        is_sign().then_some(Mask::Presence)
    }
}

/// A Pod.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodRecord {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// The service account.
    pub account: String,
    /// Its controller, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerName>,
    /// Index of its specification in the snapshot.
    pub specification: usize,
    /// `spec.nodeName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// `spec.hostNetwork`: its addresses are those of its node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
    /// `metadata.creationTimestamp`.
    #[serde(with = "moment")]
    pub created: OffsetDateTime,
    /// `status`, reduced to its phase, times and addresses.
    pub status: Box<RawValue>,
}

/// A controller in the namespace of its object.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct OwnerName {
    /// The kind, such as `ReplicaSet`.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// The parts of a Pod, or of an object with a Pod template, that concern tokens, as JSON; without the parts that differ
/// between the Pods of one template.
///
/// # Errors
/// When the object is not valid JSON.
pub(in crate::audit) fn specification(pod: &RawValue) -> serde_json::Result<String> {
    Ok(with_same_suffix(prune(pod, SPECIFICATION)?))
}

/// Replaces the generated suffix of the plugin's volume, if there is one such volume.
fn with_same_suffix(text: String) -> String {
    let found = |start: usize| text.get(start..start + DEFAULT_PREFIX.len() + SUFFIX);
    let mut names: Vec<&str> =
        text.match_indices(DEFAULT_PREFIX).filter_map(|(start, _)| found(start)).collect();
    names.sort_unstable();
    names.dedup();
    let [name] = names[..] else { return text };
    let is_whole = |name: &str| text.matches(name).count() == text.matches(&format!("\"{name}\"")).count();
    let is_generated =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_generated && is_whole(name) {
        return text.replace(name, &format!("{DEFAULT_PREFIX}{SAME_SUFFIX}"));
    }
    text
}

impl PodRecord {
    /// Reads a Pod of the API server; `specification` is the index of its specification.
    ///
    /// # Errors
    /// When a field has another type than in the API, or the Pod has no time of creation.
    pub(in crate::audit) fn read(pod: &RawValue, specification: usize) -> serde_json::Result<Self> {
        let PodFields { metadata, spec, status } = serde_json::from_str(pod.get())?;
        let status = status.map_or_else(|| Ok("{}".to_owned()), |status| prune(status, STATUS))?;
        Ok(Self {
            name: metadata.name.as_str().to_owned(),
            namespace: metadata.namespace.as_str().to_owned(),
            uid: metadata.uid.as_str().to_owned(),
            account: spec.account().to_owned(),
            owner: metadata.controller(),
            specification,
            node: Some(spec.node_name.as_str()).filter(|node| !node.is_empty()).map(str::to_owned),
            host_network: spec.host_network == Some(true),
            created: metadata.created()?,
            status: RawValue::from_string(status)?,
        })
    }
}

#[derive(Deserialize)]
struct PodFields<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    metadata: OwnedMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    spec: PlacementFields<'a>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

/// Metadata with owners.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::audit) struct OwnedMetadata<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(in crate::audit) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(in crate::audit) namespace: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    uid: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    creation_timestamp: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(in crate::audit) annotations: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    owner_references: Vec<OwnerFields<'a>>,
}

#[derive(Default, Deserialize)]
struct OwnerFields<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(default, deserialize_with = "boolean")]
    controller: Option<bool>,
}

impl OwnedMetadata<'_> {
    /// `creationTimestamp`.
    ///
    /// # Errors
    /// When there is none.
    pub(in crate::audit) fn created(&self) -> serde_json::Result<OffsetDateTime> {
        moment::parse_text(self.creation_timestamp.as_str())
    }

    /// The controller among the owners.
    pub(in crate::audit) fn controller(&self) -> Option<OwnerName> {
        let owner = self.owner_references.iter().find(|owner| owner.controller == Some(true))?;
        Some(OwnerName { kind: owner.kind.as_str().to_owned(), name: owner.name.as_str().to_owned() })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlacementFields<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    service_account_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    node_name: Text<'a>,
    #[serde(default, deserialize_with = "boolean")]
    host_network: Option<bool>,
}

impl PlacementFields<'_> {
    fn account(&self) -> &str {
        match self.service_account_name.as_str() {
            "" => "default",
            name => name,
        }
    }
}
