//! Parses manifests, which are YAML or JSON files, into documents with line numbers.

mod compose;
mod compose_error;
mod document;
mod files;
mod flow;
mod limits;
mod map;
mod node;
mod object;
mod parse;
mod scalar;
mod strings;
mod type_meta;
mod yaml;

pub use document::Document;
pub use files::{FileList, Input, decode, list, read, read_file, text_of};
pub use node::{Node, TypeError};
pub use object::{Object, is_object, objects};
pub use parse::parse;
pub use strings::{MetadataMap, NotString};
pub use type_meta::{EXPECTED, TypeMeta};
pub use yaml::to_yaml;

/// An error in reading or parsing manifests.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path cannot be read.
    #[error("failed to read {path}")]
    Io {
        /// The path.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A directory contains no file that may be a manifest.
    #[error("{path}: no .yaml, .yml or .json file in this directory; -R looks into its subdirectories, too")]
    NoManifest {
        /// The directory.
        path: String,
    },
    /// A pipe, a device or a link to a directory among the manifests of a directory.
    #[error("{path}: not a regular file; in a directory only those are read")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// Files contain only white space and comments.
    #[error("{path}: no object in it; expected a Kubernetes manifest")]
    Empty {
        /// The file, or the list of them.
        path: String,
    },
    /// A URL instead of a path.
    #[error("{url}: preview reads files only; try: curl -sSfL {url} | boundtoken preview -f -")]
    Url {
        /// The URL.
        url: String,
    },
    /// A file is too large.
    #[error("{path}: larger than {} MiB; split the file", files::MAX_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: String,
    },
    /// A file is neither UTF-8 nor UTF-16 with a byte order mark.
    #[error("{path}: not UTF-8 text; expected a manifest in YAML or JSON")]
    NotText {
        /// The file.
        path: String,
    },
    /// A text is neither YAML nor JSON.
    #[error("{path}:{line}:{column}: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// Line, counted from 1.
        line: u64,
        /// Column, counted from 1.
        column: u64,
        /// The message of the parser.
        reason: String,
    },
    /// A document is not a Kubernetes object.
    #[error("{path}:{line}: not a Kubernetes object: {reason}")]
    NotAnObject {
        /// The file.
        path: String,
        /// Line, counted from 1.
        line: u64,
        /// The reason, such as a missing field.
        reason: String,
    },
}

impl Error {
    /// The path of the file, and the line and column of the error in it, counted from 1.
    pub fn place(&self) -> (&str, u64, u64) {
        match self {
            Self::Syntax { path, line, column, .. } => (path, *line, *column),
            Self::NotAnObject { path, line, .. } => (path, *line, 1),
            Self::Io { path, .. }
            | Self::NoManifest { path }
            | Self::NotAFile { path }
            | Self::Empty { path }
            | Self::Url { url: path }
            | Self::TooLarge { path }
            | Self::NotText { path } => (path, 1, 1),
        }
    }

    /// The message without the place.
    pub fn reason(&self) -> String {
        match self {
            Self::Syntax { reason, .. } => reason.clone(),
            Self::NotAnObject { reason, .. } => format!("not a Kubernetes object: {reason}"),
            Self::Io { source, .. } => format!("cannot be read: {source}"),
            error => {
                let (text, (path, ..)) = (error.to_string(), error.place());
                text.strip_prefix(path).and_then(|text| text.strip_prefix(": ")).unwrap_or(&text).to_owned()
            }
        }
    }
}
