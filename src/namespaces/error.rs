//! What can be wrong with a manifest of Namespaces, a sentence each.

use std::io;
use std::path::PathBuf;

/// Why a manifest of Namespaces cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// No such file.
    #[error("{0} does not exist: --namespaces names a manifest of Namespaces")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("failed to read {0}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file is there and holds something else.
    #[error("{file}:{line}: {mistake}")]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Where the mistake stands.
        line: u64,
        /// What is wrong.
        mistake: Mistake,
    },
}

/// What is wrong in a manifest of Namespaces.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// The same name again.
    #[error("Namespace {0} stands here a second time: remove one of the two")]
    Duplicate(String),
    /// No object at all.
    #[error("the file is empty: at least one Namespace is expected")]
    Empty,
    /// Something of another kind.
    #[error("a {0} stands here: only Namespaces belong into this file")]
    Kind(String),
    /// A Namespace without a name.
    #[error("a Namespace without metadata.name stands here: give it its name")]
    Nameless,
    /// YAML, but no Kubernetes object.
    #[error("this is not a Kubernetes object: {0}")]
    NoObject(String),
    /// A value of ours that YAML does not take for a string.
    #[error("the value of {key} is {what}, but must be a string: write {key}: {quoted}")]
    NoString {
        /// The annotation or label.
        key: String,
        /// What the value is.
        what: &'static str,
        /// The fix.
        quoted: String,
    },
    /// No YAML.
    #[error("this is not YAML: {0}")]
    NoYaml(String),
}
