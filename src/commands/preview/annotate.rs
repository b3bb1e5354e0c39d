//! `--annotate KEY=VALUE`: settings to try.

use std::str::FromStr;

use crate::policy::keys::PREFIX;
use crate::policy::keys::{KEYS, Key, OPT_IN_LABEL, Scope};
use crate::policy::nearest::nearest;

/// A setting to try.
#[derive(Clone, Debug)]
pub struct Annotation {
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

impl FromStr for Annotation {
    type Err = AnnotationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or(AnnotationError::NoValue)?;
        match Key::from_name(key) {
            Some(key) => Ok(Self { key, value: value.to_owned() }),
            None => Err(unknown(key)),
        }
    }
}

fn unknown(key: &str) -> AnnotationError {
    if key == OPT_IN_LABEL {
        return AnnotationError::Label;
    }
    if Key::from_name(&format!("{PREFIX}{key}")).is_some() {
        return AnnotationError::NoPrefix(key.to_owned());
    }
    let known = KEYS.iter().filter_map(|entry| entry.name.strip_prefix(PREFIX));
    match nearest(key.trim_start_matches(PREFIX), known) {
        Some(nearest) => AnnotationError::Misspelt { key: key.to_owned(), nearest },
        None => AnnotationError::Unknown(key.to_owned()),
    }
}

/// The settings to try on a Namespace, or else on a Pod, as annotations.
pub(super) fn on(namespace: bool, annotations: &[Annotation]) -> Vec<(&str, &str)> {
    annotations
        .iter()
        .filter(|annotation| (annotation.key.scope() == Scope::Namespace) == namespace)
        .map(|annotation| (annotation.key.name(), annotation.value.as_str()))
        .collect()
}
