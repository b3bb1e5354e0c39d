//! Annotations and labels are strings. YAML takes some of them for something else unless they are quoted.

use serde_json::Value;

use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};

/// What a value is instead of a string; `null` is not among it: the API server takes it as empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoString {
    /// `true`, and to Kubernetes' reader `yes` and `on`.
    Boolean,
    /// A list.
    List,
    /// A map.
    Map,
    /// A number.
    Number,
}

impl NoString {
    /// What a value is, unless it can be an annotation.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null | Value::String(_) => None,
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(_) => Some(Self::Number),
            Value::Array(_) => Some(Self::List),
            Value::Object(_) => Some(Self::Map),
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Number => "a number",
        }
    }

    /// What is wrong, and the fix.
    ///
    /// `written` is the value as it stands in the file (`0644` is no 420 once it is quoted), `read`
    /// what YAML makes of it, for a value that stands elsewhere.
    pub fn sentence(self, place: Place, key: &str, written: Option<&str>, read: &str) -> String {
        let what = self.name();
        let written = written.filter(|text| !text.is_empty() && !text.starts_with('*')).unwrap_or(read);
        let fix = match self {
            Self::List | Self::Map => "write it as text after `|`".to_owned(),
            Self::Boolean if key == OPT_IN_LABEL && read == "true" => format!("write {OPT_IN_VALUE:?}"),
            Self::Boolean | Self::Number => format!("write \"{written}\""),
        };
        let place = match place {
            Place::Annotations => "an annotation",
            Place::Labels => "a label",
        };
        format!("{key}: {what}, but {place} is a string; {fix}")
    }
}

/// The maps of strings in `metadata`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// `annotations`.
    Annotations,
    /// `labels`.
    Labels,
}

impl Place {
    /// The name of the field.
    pub fn field(self) -> &'static str {
        match self {
            Self::Annotations => "annotations",
            Self::Labels => "labels",
        }
    }
}
