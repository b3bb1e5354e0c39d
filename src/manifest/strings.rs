//! Annotations and labels whose values are not strings: YAML parses some values as other types unless they
//! are quoted.

use super::node::{Content, Node};
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};

/// The type of a value that is not a string. `null` is not included: the API server reads it as the empty
/// string.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotString {
    /// A Boolean: `true`, and for Kubernetes' parser also `yes` and `on`.
    Boolean,
    /// A list.
    List,
    /// A map.
    Map,
    /// A number.
    Number,
}

impl NotString {
    /// The type of a value; `None` if it can be an annotation.
    pub fn of(node: &Node) -> Option<Self> {
        match &node.content {
            Content::Null | Content::Text(_) => None,
            Content::Bool(_) => Some(Self::Boolean),
            Content::Number(_) => Some(Self::Number),
            Content::List(_) => Some(Self::List),
            Content::Map(_) => Some(Self::Map),
        }
    }

    /// The name of the type in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Number => "a number",
        }
    }

    /// The problem and its fix.
    ///
    /// `written` is the value as written in the file, because the fix for `0644` is not `"420"`; `read` is
    /// the value as parsed, which is used if `written` is missing or an alias.
    pub fn sentence(self, map: MetadataMap, key: &str, written: Option<&str>, read: &str) -> String {
        let kind = self.name();
        let written = written.filter(|text| !text.is_empty() && !text.starts_with('*')).unwrap_or(read);
        let fix = match self {
            Self::List | Self::Map => "write it as text after `|`".to_owned(),
            Self::Boolean if key == OPT_IN_LABEL && read == "true" => format!("write {OPT_IN_VALUE:?}"),
            Self::Boolean | Self::Number => format!("write \"{written}\""),
        };
        let entry = match map {
            MetadataMap::Annotations => "an annotation",
            MetadataMap::Labels => "a label",
        };
        format!("{key}: {kind}, but {entry} is a string; {fix}")
    }
}

/// The maps of strings in `metadata`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetadataMap {
    /// `annotations`.
    Annotations,
    /// `labels`.
    Labels,
}

impl MetadataMap {
    /// The name of the field.
    pub fn field(self) -> &'static str {
        match self {
            Self::Annotations => "annotations",
            Self::Labels => "labels",
        }
    }
}
