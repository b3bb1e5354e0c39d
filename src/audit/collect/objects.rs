//! The fields of listed objects that a snapshot needs.

use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::audit::snapshot::{NamespaceRecord, OwnedMetadata};
use crate::audit::timestamp::parse;
use crate::pod::text::{Text, boolean, list, nullable, object};
use crate::policy::Entries;
use crate::policy::keys::OPT_IN_LABEL;

/// The part of `fieldsV1` that shows that a manager owns the label or an annotation of boundtoken.
const OWNED_KEY: &str = "\"f:boundtoken.dev/";

#[derive(Deserialize)]
struct NamespaceFields<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    metadata: NamespaceMetadata<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceMetadata<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    labels: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    annotations: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    managed_fields: Vec<ManagerFields<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManagerFields<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    time: Text<'a>,
    #[serde(borrow, default)]
    fields_v1: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct OwnedFields<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    pub(super) metadata: OwnedMetadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountFields<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    pub(super) metadata: OwnedMetadata<'a>,
    #[serde(default, deserialize_with = "boolean")]
    pub(super) automount_service_account_token: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct WorkloadFields<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    pub(super) metadata: OwnedMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "object")]
    pub(super) spec: WorkloadSpec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkloadSpec<'a> {
    #[serde(borrow, default)]
    template: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "object")]
    job_template: JobTemplate<'a>,
}

#[derive(Default, Deserialize)]
struct JobTemplate<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    spec: JobSpec<'a>,
}

#[derive(Default, Deserialize)]
struct JobSpec<'a> {
    #[serde(borrow, default)]
    template: Option<&'a RawValue>,
}

impl<'a> WorkloadSpec<'a> {
    /// The Pod template.
    pub(super) fn template(&self) -> Option<&'a RawValue> {
        self.template.or(self.job_template.spec.template)
    }
}

/// Reads the metadata of a namespace; `None` if it is malformed, which the API server does not send.
pub(super) fn namespace(text: &str) -> Option<NamespaceRecord> {
    let NamespaceFields { metadata } = serde_json::from_str(text).ok()?;
    let annotations = metadata.annotations.own_annotations();
    Some(NamespaceRecord {
        name: metadata.name.as_str().to_owned(),
        label: metadata.labels.get(OPT_IN_LABEL).map(str::to_owned),
        annotations: annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        changed: metadata.managed_fields.iter().filter_map(changed).max(),
    })
}

/// The time at which a manager of the label or an annotation last wrote its fields.
fn changed(manager: &ManagerFields<'_>) -> Option<OffsetDateTime> {
    let is_ours = manager.fields_v1.is_some_and(|fields| fields.get().contains(OWNED_KEY));
    parse(manager.time.as_str()).filter(|_| is_ours)
}
