//! The errors of a manifest of Namespaces.

use std::path::PathBuf;

use crate::manifest;

/// Why a manifest of Namespaces cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two Namespaces have the same name.
    #[error("{place}: duplicate Namespace {name}: remove one of the two")]
    Duplicate {
        /// File and line.
        place: String,
        /// The name.
        name: String,
    },
    /// An object is not a Namespace.
    #[error("{place}: unexpected {kind}: this file may contain only Namespaces")]
    Kind {
        /// File and line.
        place: String,
        /// The kind of the object.
        kind: String,
    },
    /// The file cannot be read, or contains no Kubernetes objects.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The file does not exist.
    #[error("{0} does not exist: --namespaces must be the path of a manifest of Namespaces")]
    Missing(PathBuf),
    /// A Namespace has no name.
    #[error("{place}: a Namespace must have a metadata.name")]
    Nameless {
        /// File and line.
        place: String,
    },
    /// A label or annotation with our prefix is not a string in YAML.
    #[error("{place}: {sentence}")]
    NotAString {
        /// File and line.
        place: String,
        /// What is wrong, and how to fix it.
        sentence: String,
    },
}

impl Error {
    /// Whether a later attempt may succeed with the same content.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Manifest(manifest::Error::Io { .. }))
    }
}
