//! Annotations and labels are strings; YAML reads some of them as something else unless they are quoted.

use super::node::{Content, Node};
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};

/// The type of a value that is not a string. `null` is not one of them: the API server reads it as empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotString {
    /// `true`, and to Kubernetes' reader `yes` and `on`.
    Boolean,
    /// A list.
    List,
    /// A map.
    Map,
    /// A number.
    Number,
}

impl NotString {
    /// The type of a value, unless it can be an annotation.
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
    /// `written` is the value as it is in the file (`0644` would not be 420 if it were quoted), `read`
    /// what YAML makes of it, for a value that is elsewhere.
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
