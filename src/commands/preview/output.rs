//! What comes out on standard output.

use std::io::{self, Write};

use serde_json::Value;

use super::Preview;
use super::diff::diff;
use super::pods::Previews;
use super::report::{BOLD, Report, Severity};
use crate::commands::printable::printable;
use crate::manifest::to_yaml;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// Unified diff of each Pod that changes
    #[default]
    Diff,
    /// All documents as JSON, with the Pods that would result
    Json,
    /// The RFC 6902 patches that the webhook sends, one array per call; paths are relative to the Pod
    Patch,
    /// All documents as YAML, with the Pods that would result
    Yaml,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The output cannot be written.
    #[error("failed to write the output")]
    Io(#[from] io::Error),
    /// An object cannot be written as JSON.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// An object cannot be written as YAML.
    #[error("failed to write YAML")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// Writes the diff of every Pod that changes.
pub(super) fn write_diffs(previews: &[Preview<'_>], out: &mut dyn Write) -> Result<(), OutputError> {
    for preview in previews.iter().filter(|preview| preview.admission.changes()) {
        let Preview { workload, admission, settings: _ } = preview;
        let place = workload.place();
        out.write_all(diff(&workload.title(), &place, &admission.without, &admission.with)?.as_bytes())?;
    }
    Ok(())
}

/// Writes how many Pods change.
pub(super) fn write_summary(previews: &Previews<'_>, err: &mut dyn Write) -> io::Result<()> {
    let refused = refused(previews);
    let changed = previews.known.iter().filter(|preview| preview.admission.changes()).count();
    let counts = [
        (changed, "would change"),
        (previews.known.len() - changed - refused, "would not change"),
        (refused, "would be refused"),
        (previews.unknown, "in error"),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    let text = if parts.is_empty() { "none in the input".to_owned() } else { parts.join(", ") };
    writeln!(err, "Pods: {text}")
}

fn refused(previews: &Previews<'_>) -> usize {
    previews.known.iter().filter(|preview| !preview.admission.refusals.is_empty()).count()
}

/// Writes why there are no documents.
pub(super) fn write_reason(previews: &Previews<'_>, report: &Report, err: &mut dyn Write) -> io::Result<()> {
    let reason = match refused(previews) {
        0 if report.worst() == Some(Severity::Error) => "an object cannot be previewed".to_owned(),
        0 => "an object would be refused".to_owned(),
        1 => "1 Pod would be refused".to_owned(),
        count => format!("{count} Pods would be refused"),
    };
    writeln!(err, "nothing is printed, since {reason}")
}

/// Writes the patches of every Pod that changes, as one JSON document each, and names them for people.
pub(super) fn write_patches(
    previews: &[Preview<'_>],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), OutputError> {
    for Preview { workload, admission, .. } in previews.iter().filter(|preview| preview.admission.changes()) {
        let title = format!("{} {}", workload.title(), workload.place());
        for (patch, call) in admission.patches.iter().zip(["", ", called again"]) {
            writeln!(err, "{BOLD}{}{BOLD:#}{call}", printable(&title))?;
            writeln!(out, "{}", serde_json::to_string_pretty(patch)?)?;
            // On a terminal each patch follows its title.
            out.flush()?;
        }
    }
    Ok(())
}

/// Writes all documents as YAML.
pub(super) fn write_yaml(
    documents: impl Iterator<Item = Value>,
    out: &mut dyn Write,
) -> Result<(), OutputError> {
    for (index, document) in documents.enumerate() {
        let separator = if index == 0 { "" } else { "---\n" };
        write!(out, "{separator}{}", to_yaml(&document)?)?;
    }
    Ok(())
}

/// Writes all documents as JSON, one after the other.
pub(super) fn write_json(
    documents: impl Iterator<Item = Value>,
    out: &mut dyn Write,
) -> Result<(), OutputError> {
    for document in documents {
        writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
    }
    Ok(())
}
