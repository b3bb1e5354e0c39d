//! Renders a kustomization with kubectl.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::manifest;
use crate::shell::word;

/// The program that renders.
const KUBECTL: &str = "kubectl";

/// An error in reading a kustomization.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KustomizeError {
    /// kubectl is not installed.
    #[error("-k needs {KUBECTL}, which renders the kustomization; it is not on the PATH")]
    NoKubectl,
    /// kubectl cannot be run.
    #[error("failed to run {KUBECTL} kustomize")]
    Run(#[from] io::Error),
    /// A file that is named is a kustomization, not an object.
    #[error("{file} is a kustomization; to see what it makes, use -k {}", word(directory))]
    Named {
        /// The file.
        file: String,
        /// Its directory.
        directory: String,
    },
    /// kubectl reported an error.
    #[error("{KUBECTL} kustomize {0} failed")]
    Failed(String),
}

/// Renders a directory as `kubectl kustomize` does. Messages of kubectl go to standard error.
///
/// # Errors
/// When kubectl is missing or fails, or its output cannot be read.
pub(super) fn render(directory: &Path) -> Result<manifest::Input, super::super::Error> {
    let name = directory.display().to_string();
    let mut command = Command::new(KUBECTL);
    command.args(["kustomize", "--"]).arg(directory).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KustomizeError::NoKubectl,
        _ => error.into(),
    })?;
    let input = read(&mut child, format!("{name} (rendered)"));
    // If the output is too large, the rest is not read, and kubectl ends.
    if !child.wait().map_err(KustomizeError::from)?.success() && input.is_ok() {
        return Err(KustomizeError::Failed(name).into());
    }
    Ok(input?)
}

fn read(child: &mut Child, name: String) -> Result<manifest::Input, manifest::Error> {
    match child.stdout.take() {
        Some(mut output) => manifest::text_of(name, &mut output),
        None => Ok(manifest::Input { name, text: String::new() }),
    }
}
