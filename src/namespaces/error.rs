//! What can be wrong with a manifest of Namespaces, a sentence each.

use std::path::PathBuf;

use crate::manifest;

/// Why a manifest of Namespaces cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The same name again.
    #[error("{place}: Namespace {name} stands here a second time: remove one of the two")]
    Duplicate {
        /// File and line.
        place: String,
        /// The name.
        name: String,
    },
    /// Something of another kind.
    #[error("{place}: a {kind} stands here: only Namespaces belong into this file")]
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
    #[error("{0} does not exist: --namespaces names a manifest of Namespaces")]
    Missing(PathBuf),
    /// A Namespace without a name.
    #[error("{place}: a Namespace without metadata.name stands here: give it its name")]
    Nameless {
        /// File and line.
        place: String,
    },
    /// A value of ours that YAML does not take for a string.
    #[error("{place}: {sentence}")]
    NotAString {
        /// File and line.
        place: String,
        /// What is wrong, and the fix.
        sentence: String,
    },
}

impl Error {
    /// Whether the same content may be readable later.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Manifest(manifest::Error::Io { .. }))
    }
}
