//! Objects that can be read whatever their `managedFields` hold.
//!
//! The API server stores and sends `managedFields[].fieldsV1` as raw JSON (`FieldsV1` in
//! `apimachinery/pkg/apis/meta/v1/types.go`). kube parses it, which fails for half of a surrogate pair in an escape,
//! a number out of range, or more than 128 levels. After that error, kube-runtime requests the same object again, so
//! one object could stop a watch for good.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, Time};
use kube::Resource;
use kube::api::ApiResource;
use kube::core::{DynamicObject, DynamicResourceScope};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::pod::text::{Text, nullable};

/// An untyped object. Of its `managedFields`, only the times are read; everything else in them is skipped.
#[derive(Clone, Debug)]
pub struct LenientObject(pub DynamicObject);

#[derive(Deserialize)]
struct ObjectFields {
    #[serde(default, deserialize_with = "metadata")]
    metadata: ObjectMeta,
    #[serde(flatten)]
    data: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataFields<'a> {
    #[serde(borrow)]
    managed_fields: Option<Vec<WriteTime<'a>>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// When a manager last wrote its fields.
///
/// A text, because the API server also writes times that cannot be parsed: `9999-12-31T23:59:59-23:59` is in the
/// year 10000 in UTC.
#[derive(Deserialize)]
struct WriteTime<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    time: Text<'a>,
}

impl<'de> Deserialize<'de> for LenientObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ObjectFields { metadata, data } = ObjectFields::deserialize(deserializer)?;
        Ok(Self(DynamicObject { types: None, metadata, data }))
    }
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let MetadataFields { managed_fields, others } = MetadataFields::deserialize(deserializer)?;
    let entry = |WriteTime { time }| {
        let time = time.as_str().parse().ok().map(Time);
        ManagedFieldsEntry { time, ..ManagedFieldsEntry::default() }
    };
    let managed_fields = managed_fields.map(|entries| entries.into_iter().map(entry).collect());
    let metadata: ObjectMeta = serde_json::from_value(others.into()).map_err(D::Error::custom)?;
    Ok(ObjectMeta { managed_fields, ..metadata })
}

impl Resource for LenientObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(resource)
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(resource)
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(resource)
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(resource)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.0.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.0.metadata
    }
}

#[cfg(test)]
mod tests {
    use kube::api::{ObjectList, WatchEvent};

    use super::*;

    /// A Secret with this JSON in `fieldsV1`.
    fn secret(fields: &str) -> String {
        format!(
            r#"{{"kind": "Secret", "metadata": {{"name": "a", "uid": "u", "annotations": {{"b": "ä"}},
            "managedFields": [{{"manager": "kubectl", "time": "2030-01-01T00:00:00Z", "fieldsV1": {fields}}}]}},
            "data": {{"tls.crt": "eA=="}}}}"#
        )
    }

    fn check(object: &LenientObject) {
        let LenientObject(DynamicObject { metadata, data, .. }) = object;
        assert_eq!((metadata.name.as_deref(), metadata.uid.as_deref()), (Some("a"), Some("u")));
        assert_eq!(metadata.annotations.as_ref().unwrap()["b"], "ä");
        assert_eq!(data["data"]["tls.crt"], "eA==");
        let entries = metadata.managed_fields.as_ref().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].time.as_ref().unwrap().0.as_second(), 1_893_456_000);
    }

    #[test]
    fn managed_fields_may_hold_any_json() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for fields in
            [r#"{"f:a": {}}"#, r#"{"f:\ud800": {}}"#, r#"["\udfff\ud83d"]"#, r#"{"a": 1, "a": 1e999}"#, &deep]
        {
            let secret = secret(fields);
            check(&serde_json::from_str(&secret).unwrap());
            let list = format!(r#"{{"metadata": {{}}, "items": [{secret}]}}"#);
            check(&serde_json::from_str::<ObjectList<LenientObject>>(&list).unwrap().items[0]);
            let event = format!(r#"{{"type": "ADDED", "object": {secret}}}"#);
            let WatchEvent::Added(object) = serde_json::from_str(&event).unwrap() else {
                panic!("it is added")
            };
            check(&object);
        }
    }

    #[test]
    fn the_time_of_a_write_may_be_any_text() {
        let secret = secret("{}");
        let times = [
            r#""10000-01-01T23:58:59Z""#,
            r#""-0001-12-31T00:01:00Z""#,
            r#""2030\u002d01-01T00:00:00Z""#,
            r#""""#,
            "null",
        ];
        let read = times.map(|time| {
            let secret = secret.replace(r#""2030-01-01T00:00:00Z""#, time);
            let LenientObject(object) = serde_json::from_str(&secret).unwrap();
            let [entry] = &object.metadata.managed_fields.unwrap()[..] else { panic!("it has one entry") };
            entry.time.as_ref().map(|time| time.0.as_second())
        });
        assert_eq!(read, [None, None, Some(1_893_456_000), None, None]);
    }

    #[test]
    fn metadata_may_be_absent() {
        let LenientObject(object) = serde_json::from_str(r#"{"webhooks": []}"#).unwrap();
        assert_eq!(
            (object.metadata, &object.data["webhooks"]),
            (ObjectMeta::default(), &Value::Array(vec![]))
        );
    }
}
