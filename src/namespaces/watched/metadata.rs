//! What of an API server's answer matters: names, versions, and the entries of ours. Pure.
//!
//! Each object is read by itself: one that cannot be read does not hide the others.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::namespaces::ours::Ours;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'t> {
    metadata: ListMeta,
    #[serde(borrow)]
    items: Option<Vec<&'t RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    resource_version: Option<String>,
    r#continue: Option<String>,
}

/// What follows a page.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Another page, found with this token.
    Page(String),
    /// Nothing more: the list is complete as of this version.
    Version(String),
}

impl<'t> Page<'t> {
    /// Reads a page, whose objects are read one by one; `None` for anything else.
    pub(super) fn parse(text: &'t str) -> Option<(impl Iterator<Item = Item> + use<'t>, Next)> {
        let page: Self = serde_json::from_str(text).ok()?;
        let ListMeta { resource_version, r#continue } = page.metadata;
        let next = match r#continue.filter(|token| !token.is_empty()) {
            Some(token) => Next::Page(token),
            None => Next::Version(resource_version.filter(|version| !version.is_empty())?),
        };
        Some((page.items.unwrap_or_default().into_iter().map(Item::parse), next))
    }
}

/// An object as the API server gave it.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Item {
    /// A Namespace.
    Namespace(Namespace),
    /// Something of another shape, with what can be told about it.
    Unreadable {
        /// `metadata.name`.
        name: Option<String>,
    },
}

/// What of a Namespace matters.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Namespace {
    /// `metadata.name`.
    pub(super) name: String,
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
    pub(super) fn parse(text: &RawValue) -> Self {
        let text = text.get();
        if let Ok(Object { metadata }) = serde_json::from_str::<Object<ObjectMeta>>(text) {
            return Self::Namespace(metadata.into());
        }
        let named = serde_json::from_str::<Object<Named>>(text);
        Self::Unreadable { name: named.ok().map(|object| object.metadata.name) }
    }

    /// The name, if there is one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Namespace(namespace) => Some(&namespace.name),
            Self::Unreadable { name } => name.as_deref(),
        }
    }
}

impl From<ObjectMeta> for Namespace {
    fn from(metadata: ObjectMeta) -> Self {
        let ObjectMeta { name, resource_version: version, labels, annotations } = metadata;
        let labels = labels.unwrap_or_default().0;
        let opted_in = labels.iter().any(|(key, value)| key == OPT_IN_LABEL && value == OPT_IN_VALUE);
        Self { name, version, opted_in, annotations: annotations.unwrap_or_default().0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Item {
        Item::parse(&RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn only_entries_of_ours_are_kept_and_those_of_others_may_be_anything() {
        let text = r#"{"kind": "PartialObjectMetadata", "metadata": {"name": "a", "resourceVersion": "7",
            "labels": {"x": 1, "boundtoken.dev/webhook": "enabled"}, "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": [7], "boundtoken.dev/ttl": "2h"}}}"#;
        let annotations = vec![("boundtoken.dev/ttl".to_owned(), "2h".to_owned())];
        let (name, version) = ("a".to_owned(), "7".to_owned());
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
        let named = Some("a".to_owned());
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

    #[test]
    fn a_page_says_what_follows() {
        let next = |metadata: &str| {
            let page = format!(r#"{{"metadata": {metadata}, "items": null}}"#);
            Page::parse(&page).map(|(items, next)| (items.count(), next))
        };
        assert_eq!(next(r#"{"resourceVersion": "7"}"#), Some((0, Next::Version("7".to_owned()))));
        let continued = next(r#"{"resourceVersion": "7", "continue": "x"}"#);
        assert_eq!(continued, Some((0, Next::Page("x".to_owned()))));
        for metadata in ["{}", r#"{"resourceVersion": ""}"#, "null"] {
            assert_eq!(next(metadata), None, "{metadata}");
        }
    }
}
