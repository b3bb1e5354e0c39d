//! A Namespace, reduced to what its settings depend on: name, version, deletion, label, and our annotations.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::pod::text::{Text, nullable, object};
use crate::policy::Entries;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE, PREFIX};

/// Namespaces that the webhook configuration excludes regardless of their labels.
pub const EXCLUDED_NAMESPACES: [&str; 2] = ["boundtoken", "kube-system"];

/// Values of the label [`OPT_IN_LABEL`] that say on purpose that a Namespace does not opt in.
const OPT_OUT_VALUES: [&str; 4] = ["disabled", "false", "no", "off"];

/// A Namespace of the API server, a review, or a manifest. All other fields are skipped, so that their
/// content cannot make a Namespace unreadable.
#[derive(Debug, Default, Deserialize)]
pub struct Namespace<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    metadata: Metadata<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    generate_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    resource_version: Text<'a>,
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    labels: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    annotations: Entries<'a>,
}

impl Namespace<'_> {
    /// `metadata.name`; empty if there is none.
    pub fn name(&self) -> &str {
        self.metadata.name.as_str()
    }

    /// `metadata.generateName`: the beginning of the name where the API server generates it.
    pub fn generate_name(&self) -> &str {
        self.metadata.generate_name.as_str()
    }

    /// `metadata.resourceVersion`; empty if there is none.
    pub fn version(&self) -> &str {
        self.metadata.resource_version.as_str()
    }

    /// Whether the Namespace is being deleted.
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether the Namespace carries the label with the value that opts in.
    pub fn is_opted_in(&self) -> bool {
        opts_in(self.metadata.labels.get(OPT_IN_LABEL))
    }

    /// The annotations with our prefix or a misspelling of it, in the order of the document.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata.annotations.own_annotations()
    }

    /// Whether another version of the Namespace has the same settings and opt-in.
    pub fn has_settings_of(&self, other: &Self) -> bool {
        self.settings() == other.settings()
    }

    fn settings(&self) -> (bool, Vec<(&str, &str)>) {
        let mut annotations: Vec<_> = self.annotations().filter(|(key, _)| key.starts_with(PREFIX)).collect();
        annotations.sort_unstable();
        (self.is_opted_in(), annotations)
    }
}

/// Whether the value of the label [`OPT_IN_LABEL`] opts in.
pub fn opts_in(label: Option<&str>) -> bool {
    label == Some(OPT_IN_VALUE)
}

/// Whether a value of the label [`OPT_IN_LABEL`] says on purpose that a Namespace does not opt in.
pub fn opts_out(value: &str) -> bool {
    OPT_OUT_VALUES.iter().any(|word| word.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> serde_json::Result<Namespace<'_>> {
        serde_json::from_str(text)
    }

    #[test]
    fn other_fields_may_have_any_value() {
        let text = r#"{"kind": 7, "metadata": {"name": "a", "resourceVersion": "7", "uid": [], "uid": {},
            "labels": {"x": 1, "x": 2, "boundtoken.dev/webhook": "enabled"}, "managedFields": [{"f:\ud800": "\udc00"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": [7], "boundtoken.dev/ttl": "2h"}}}"#;
        let namespace = parse(text).unwrap();
        assert_eq!((namespace.name(), namespace.version(), namespace.is_opted_in()), ("a", "7", true));
        assert_eq!(namespace.annotations().collect::<Vec<_>>(), [("boundtoken.dev/ttl", "2h")]);
    }

    #[test]
    fn only_the_value_enabled_opts_in() {
        for (labels, expected) in [
            ("null", false),
            ("{}", false),
            (r#"{"boundtoken.dev/webhook": "disabled"}"#, false),
            (r#"{"boundtoken.dev/webhook": null}"#, false),
            (r#"{"boundtoken.dev/webhook": "enabled"}"#, true),
        ] {
            let text = format!(r#"{{"metadata": {{"name": "a", "labels": {labels}}}}}"#);
            assert_eq!(parse(&text).unwrap().is_opted_in(), expected, "{text}");
        }
    }

    #[test]
    fn fields_that_are_read_must_have_their_type() {
        for metadata in [
            r#"{"name": 1}"#,
            r#"{"resourceVersion": 7}"#,
            r#"{"labels": 1}"#,
            r#"{"annotations": {"boundtoken.dev/ttl": 1}}"#,
            r#"{"annotations": {"boundtoken.dev/ttl": "1h", "boundtoken.dev/ttl": "2h"}}"#,
            "[]",
        ] {
            assert!(parse(&format!(r#"{{"metadata": {metadata}}}"#)).is_err(), "{metadata}");
        }
    }
}
