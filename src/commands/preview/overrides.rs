//! `--annotate KEY=VALUE` and `--label KEY=VALUE`: settings to try.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::commands::program;
use crate::policy::keys::{self, Entry, Key, OPT_IN_LABEL, OPT_IN_VALUE, PREFIX, Scope};
use crate::policy::nearest::nearest;

/// The settings of one `--annotate`, or of the variable `BOUNDTOKEN_ANNOTATE`.
#[derive(Clone, Debug)]
pub struct Annotations(Vec<(Key, String)>);

/// An invalid value of `--annotate`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// There is no value.
    #[error("expected KEY=VALUE, such as boundtoken.dev/mode=disable")]
    NoValue,
    /// The key has no prefix.
    #[error("`{0}` lacks the prefix; write {PREFIX}{0}=…")]
    NoPrefix(String),
    /// The key is the label.
    #[error("{OPT_IN_LABEL} is a label of Namespaces; write --label {OPT_IN_LABEL}={OPT_IN_VALUE}")]
    Label,
    /// The key is unknown, but similar to a known one.
    #[error("unknown key `{key}`; did you mean {PREFIX}{nearest}?")]
    Misspelt {
        /// The key.
        key: String,
        /// The known key that is nearest to it, without prefix.
        nearest: &'static str,
    },
    /// The key is unknown.
    #[error("unknown key `{0}`; `{program} explain` lists the keys", program = program::name())]
    Unknown(String),
}

impl FromStr for Annotations {
    type Err = AnnotationError;

    /// Parses one setting per line. A line that does not look like the start of a setting continues the
    /// previous value.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut found: Vec<(Key, String)> = Vec::new();
        for line in text.trim_start().lines() {
            match found.last_mut() {
                Some((_, value)) if !starts_setting(line) => {
                    value.push('\n');
                    value.push_str(line);
                }
                _ => found.push(setting(line)?),
            }
        }
        if found.is_empty() { Err(AnnotationError::NoValue) } else { Ok(Self(found)) }
    }
}

/// Whether a line looks like the start of a setting, valid or not, such as `boundtoken.dev/mode=`. No line of
/// a `tokens` value does, since it is YAML.
fn starts_setting(line: &str) -> bool {
    let is_of_key = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '/' | '-' | '_');
    line.starts_with(char::is_alphanumeric)
        && line.split_once('=').is_some_and(|(key, _)| key.chars().all(is_of_key))
}

fn setting(line: &str) -> Result<(Key, String), AnnotationError> {
    let (key, value) = line.split_once('=').ok_or(AnnotationError::NoValue)?;
    Key::from_name(key).map(|key| (key, value.to_owned())).ok_or_else(|| unknown(key))
}

fn unknown(key: &str) -> AnnotationError {
    if key == OPT_IN_LABEL {
        return AnnotationError::Label;
    }
    if Key::from_name(&format!("{PREFIX}{key}")).is_some() {
        return AnnotationError::NoPrefix(key.to_owned());
    }
    match nearest(key.trim_start_matches(PREFIX), keys::all().map(Entry::short_name)) {
        Some(nearest) => AnnotationError::Misspelt { key: key.to_owned(), nearest },
        None => AnnotationError::Unknown(key.to_owned()),
    }
}

/// The label of `--label`: its value on each Namespace.
#[derive(Clone, Debug)]
pub struct LabelValue(String);

/// An invalid value of `--label`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// There is no value.
    #[error("expected KEY=VALUE, such as {OPT_IN_LABEL}={OPT_IN_VALUE}")]
    NoValue,
    /// The key is an annotation.
    #[error("{0} is an annotation; write --annotate {0}=…")]
    Annotation(&'static str),
    /// The key is unknown.
    #[error("unknown label `{0}`; the only label is {OPT_IN_LABEL}")]
    Unknown(String),
}

impl FromStr for LabelValue {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or(LabelError::NoValue)?;
        match Key::from_name(key) {
            Some(key) => Err(LabelError::Annotation(key.name())),
            None if key == OPT_IN_LABEL => Ok(Self(value.to_owned())),
            None => Err(LabelError::Unknown(key.to_owned())),
        }
    }
}

/// Annotations and the label that replace those in the input; each key occurs once.
pub(super) struct Overrides<'a> {
    /// On each Namespace: the keys that only Namespaces have.
    pub(super) namespace: Vec<(&'static str, &'a str)>,
    /// On each Pod: all others.
    pub(super) pod: Vec<(&'static str, &'a str)>,
    /// The value of the label that opts in, on each Namespace.
    pub(super) label: Option<&'a str>,
}

impl<'a> Overrides<'a> {
    /// Collects the settings of the command line. If a key is repeated, the last value wins.
    pub(super) fn new(annotations: &'a [Annotations], label: Option<&'a LabelValue>) -> Self {
        let label = label.map(|LabelValue(value)| value.as_str());
        let mut overrides = Self { namespace: Vec::new(), pod: Vec::new(), label };
        for (key, value) in annotations.iter().flat_map(|Annotations(settings)| settings) {
            let of_scope = match key.scope() {
                Scope::Namespace => &mut overrides.namespace,
                Scope::NamespaceAndPod => &mut overrides.pod,
            };
            of_scope.retain(|(name, _)| *name != key.name());
            of_scope.push((key.name(), value));
        }
        overrides
    }
}

/// Adds annotations to a Pod, a Pod template or a Namespace.
pub(super) fn annotate(object: &mut Map<String, Value>, annotations: &[(&str, &str)]) {
    extend_metadata(object, "annotations", annotations);
}

/// Sets the label that opts in on a Namespace, if there is a value for it.
pub(super) fn label(namespace: &mut Map<String, Value>, value: Option<&str>) {
    let labels: Vec<_> = value.map(|value| (OPT_IN_LABEL, value)).into_iter().collect();
    extend_metadata(namespace, "labels", &labels);
}

fn extend_metadata(object: &mut Map<String, Value>, field: &str, entries: &[(&str, &str)]) {
    if entries.is_empty() {
        return;
    }
    let Some(metadata) = map_in(object, "metadata") else { return };
    if let Some(existing) = map_in(metadata, field) {
        existing.extend(entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
    }
}

/// A map within an object, created where it is absent or `null`.
pub(super) fn map_in<'a>(
    object: &'a mut Map<String, Value>,
    field: &str,
) -> Option<&'a mut Map<String, Value>> {
    let value = object.entry(field).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
