//! `--annotate KEY=VALUE`: settings to try.

use std::str::FromStr;

use crate::policy::keys::{self, Entry, Key, OPT_IN_LABEL, PREFIX, Scope};
use crate::policy::nearest::nearest;

/// Settings to try.
#[derive(Clone, Debug)]
pub struct Annotations(Vec<Annotation>);

#[derive(Clone, Debug)]
struct Annotation {
    key: Key,
    value: String,
}

/// Why there is nothing to try.
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
    #[error("{OPT_IN_LABEL} is a label of Namespaces, not a setting; preview takes it as set")]
    Label,
    /// Nobody knows the key.
    #[error("`{key}` is unknown; did you mean {PREFIX}{nearest}?")]
    Misspelt {
        /// The key.
        key: String,
        /// The known key that is nearest to it, without prefix.
        nearest: &'static str,
    },
    /// Nobody knows the key or anything like it.
    #[error("`{0}` is unknown; `boundtoken explain` lists the keys")]
    Unknown(String),
}

impl FromStr for Annotations {
    type Err = AnnotationError;

    /// Reads one setting per line; a line that does not start like one continues the value before it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut found: Vec<Annotation> = Vec::new();
        for line in text.trim_start().lines() {
            match found.last_mut() {
                Some(Annotation { value, .. }) if !starts_setting(line) => {
                    value.push('\n');
                    value.push_str(line);
                }
                _ => found.push(setting(line)?),
            }
        }
        if found.is_empty() { Err(AnnotationError::NoValue) } else { Ok(Self(found)) }
    }
}

/// Whether a line starts like `boundtoken.dev/mode=`, right or wrong. No line of `tokens` does, being YAML.
fn starts_setting(line: &str) -> bool {
    let is_of_key = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '/' | '-' | '_');
    line.starts_with(char::is_alphanumeric)
        && line.split_once('=').is_some_and(|(key, _)| key.chars().all(is_of_key))
}

fn setting(line: &str) -> Result<Annotation, AnnotationError> {
    let (key, value) = line.split_once('=').ok_or(AnnotationError::NoValue)?;
    match Key::from_name(key) {
        Some(key) => Ok(Annotation { key, value: value.to_owned() }),
        None => Err(unknown(key)),
    }
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

/// The settings to try on a Namespace, or else on a Pod, as annotations.
pub(super) fn on(namespace: bool, annotations: &[Annotations]) -> Vec<(&str, &str)> {
    let annotations = annotations.iter().flat_map(|Annotations(annotations)| annotations);
    annotations
        .filter(|annotation| (annotation.key.scope() == Scope::Namespace) == namespace)
        .map(|annotation| (annotation.key.name(), annotation.value.as_str()))
        .collect()
}
