//! What of a Namespace matters: its name, its version, and the entries of ours. Pure.

use std::sync::Arc;

use serde::Deserialize;

use crate::namespaces::ours::Ours;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};

/// An object as the API server gave it.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Item {
    /// A Namespace.
    Namespace(Namespace),
    /// Something of another shape, with what can be told about it.
    Unreadable {
        /// `metadata.name`.
        name: Option<Arc<str>>,
    },
}

/// What of a Namespace matters.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Namespace {
    /// `metadata.name`.
    pub(super) name: Arc<str>,
    /// `metadata.resourceVersion`.
    pub(super) version: String,
    /// Whether it carries the label.
    pub(super) opted_in: bool,
    /// The annotations with our prefix.
    pub(super) annotations: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Object<M> {
    metadata: M,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectMeta {
    name: String,
    resource_version: String,
    labels: Option<Ours<String>>,
    annotations: Option<Ours<String>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Item {
    /// Reads an object.
    pub(super) fn parse(json: &[u8]) -> Self {
        if let Ok(Object { metadata }) = serde_json::from_slice::<Object<ObjectMeta>>(json) {
            return Self::Namespace(metadata.into());
        }
        let named = serde_json::from_slice::<Object<Named>>(json);
        Self::Unreadable { name: named.ok().map(|object| object.metadata.name.into()) }
    }

    /// The name, if there is one.
    pub(super) fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Namespace(namespace) => Some(&namespace.name),
            Self::Unreadable { name } => name.as_ref(),
        }
    }
}

impl From<ObjectMeta> for Namespace {
    fn from(metadata: ObjectMeta) -> Self {
        let ObjectMeta { name, resource_version: version, labels, annotations } = metadata;
        let labels = labels.unwrap_or_default().0;
        let opted_in = labels.iter().any(|(key, value)| key == OPT_IN_LABEL && value == OPT_IN_VALUE);
        Self { name: name.into(), version, opted_in, annotations: annotations.unwrap_or_default().0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Item {
        Item::parse(text.as_bytes())
    }

    #[test]
    fn only_entries_of_ours_are_kept_and_those_of_others_may_be_anything() {
        let text = r#"{"kind": "PartialObjectMetadata", "metadata": {"name": "a", "resourceVersion": "7",
            "labels": {"x": 1, "boundtoken.dev/webhook": "enabled"}, "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": [7], "boundtoken.dev/ttl": "2h"}}}"#;
        let annotations = vec![("boundtoken.dev/ttl".to_owned(), "2h".to_owned())];
        let (name, version) = ("a".into(), "7".to_owned());
        assert_eq!(item(text), Item::Namespace(Namespace { name, version, opted_in: true, annotations }));
    }

    #[test]
    fn the_label_opts_in_with_one_value_only() {
        for (labels, expected) in [
            ("null", false),
            ("{}", false),
            (r#"{"boundtoken.dev/webhook": "disabled"}"#, false),
            (r#"{"boundtoken.dev/webhook": "enabled"}"#, true),
        ] {
            let text =
                format!(r#"{{"metadata": {{"name": "a", "resourceVersion": "7", "labels": {labels}}}}}"#);
            let Item::Namespace(namespace) = item(&text) else { panic!("{text} is readable") };
            assert_eq!(namespace.opted_in, expected, "{text}");
        }
    }

    #[test]
    fn what_has_another_shape_may_still_have_a_name() {
        let named = Some("a".into());
        for (text, name) in [
            (r#"{"metadata": {"name": "a", "resourceVersion": "7", "labels": 1}}"#, &named),
            (r#"{"metadata": {"name": "a", "resourceVersion": 7}}"#, &named),
            (
                r#"{"metadata": {"name": "a", "resourceVersion": "7", "annotations": {"boundtoken.dev/ttl": 1}}}"#,
                &named,
            ),
            (r#"{"metadata": {"name": 1}}"#, &None),
            (r#"{"metadata": null}"#, &None),
            ("{}", &None),
            ("[]", &None),
            ("null", &None),
        ] {
            assert_eq!(item(text), Item::Unreadable { name: name.clone() }, "{text}");
        }
    }
}
