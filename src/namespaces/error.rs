//! The errors of a manifest of Namespaces.

use std::path::PathBuf;

use crate::manifest;

/// Why a manifest of Namespaces cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two Namespaces of one name.
    #[error("{place}: duplicate Namespace {name}: remove one of the two")]
    Duplicate {
        /// File and line.
        place: String,
        /// The name.
        name: String,
    },
    /// An object of another kind.
    #[error("{place}: unexpected {kind}: this file may contain only Namespaces")]
    Kind {
        /// File and line.
        place: String,
        /// The other kind.
        kind: String,
    },
    /// The file cannot be read, or holds no Kubernetes objects.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// No such file.
    #[error("{0} does not exist: --namespaces must be the path of a manifest of Namespaces")]
    Missing(PathBuf),
    /// A Namespace without a name.
    #[error("{place}: a Namespace must have a metadata.name")]
    Nameless {
        /// File and line.
        place: String,
    },
    /// A label or annotation of ours that is not a string in YAML.
    #[error("{place}: {sentence}")]
    NotAString {
        /// File and line.
        place: String,
        /// What is wrong, and how to fix it.
        sentence: String,
    },
}

impl Error {
    /// Whether a later attempt may succeed though the content is the same.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Manifest(manifest::Error::Io { .. }))
    }
}
