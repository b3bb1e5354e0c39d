//! The output, rendered Pod by Pod and buffered until all findings are known.

use std::io::{self, Write};

use json_patch::jsonptr::Pointer;
use serde::Serialize;
use serde_json::{Map, Value};

use super::cluster::SimulatedCluster;
use super::diff::diff;
use super::effect::effects;
use super::explain::explain;
use super::json;
use super::merge::merge;
use super::overrides::{Overrides, annotate, label};
use super::pods::Preview;
use super::report::{BOLD, Level, Report};
use super::summary::Summary;
use crate::manifest::{Object, to_yaml};
use crate::pod::plugin;
use crate::printable::printable;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// Unified diff of each Pod that changes
    #[default]
    Diff,
    /// The findings as JSON, for other programs; docs/findings.schema.json describes it
    Findings,
    /// The findings as workflow commands of GitHub Actions, which become annotations
    Github,
    /// All documents as JSON, with the Pods that would result
    Json,
    /// The findings as `JUnit` XML, which GitLab and Jenkins show as test results
    Junit,
    /// The name of each object whose Pods change, as kubectl prints names: deployment.apps/web
    Name,
    /// The RFC 6902 patches that the webhook sends, one array per call; paths are relative to the Pod
    Patch,
    /// The findings as SARIF 2.1.0, which code scanning of GitHub shows at the line
    Sarif,
    /// What happens to the tokens of each container, with Pods that change in the same way in one group
    Summary,
    /// All documents as YAML, with the Pods that would result
    Yaml,
}

impl Format {
    /// Whether the output consists of all documents.
    pub(super) fn is_documents(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }

    /// Whether the output consists of the findings.
    pub(super) fn is_findings(self) -> bool {
        matches!(self, Self::Findings | Self::Github | Self::Junit | Self::Sarif)
    }
}

/// An error in producing the output.
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

/// A piece of the output, kept as text: it takes a tenth of the memory of the objects in it.
struct Piece {
    /// The title that is written to standard error before it.
    title: Option<String>,
    text: String,
}

/// How many Pods have which result.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct PodCounts {
    changed: usize,
    unchanged: usize,
    refused: usize,
    failed: usize,
    /// Those among the unchanged ones that only `dry-run` keeps unchanged.
    #[serde(skip)]
    held_back: usize,
}

/// The output so far.
#[derive(Default)]
pub(super) struct Output {
    pieces: Vec<Piece>,
    explanations: String,
    summary: Summary,
    pods: PodCounts,
}

impl Output {
    /// Counts a Pod.
    pub(super) fn count(&mut self, preview: Option<&Preview<'_>>) {
        let count = match preview.map(|preview| &preview.admission) {
            None => &mut self.pods.failed,
            Some(admission) if admission.is_refused() => &mut self.pods.refused,
            Some(admission) if admission.changes() => &mut self.pods.changed,
            Some(_) => &mut self.pods.unchanged,
        };
        *count += 1;
        self.pods.held_back += usize::from(preview.is_some_and(Preview::is_held_back));
    }

    /// Whether a Pod changes.
    pub(super) fn has_changes(&self) -> bool {
        self.pods.changed > 0
    }

    /// How many Pods have which result.
    pub(super) fn pods(&self) -> PodCounts {
        self.pods
    }

    /// Explains the settings of a Pod.
    pub(super) fn explain(&mut self, preview: &Preview<'_>, cluster: &SimulatedCluster<'_>) {
        // Writing to a String cannot fail.
        let _ = explain(preview, cluster, &mut self.explanations);
    }

    /// Adds a Pod in a format: as a piece of the output, to the summary, or in the rendered document.
    pub(super) fn add_pod(
        &mut self,
        format: Format,
        preview: &Preview<'_>,
        rendered: Option<&mut Value>,
        cluster: &SimulatedCluster<'_>,
    ) -> Result<(), OutputError> {
        match format {
            Format::Diff => self.add_diff(preview, cluster)?,
            Format::Name => self.add_name(preview),
            Format::Summary => self.add_to_summary(preview, cluster),
            Format::Patch => self.add_patches(preview)?,
            Format::Yaml | Format::Json => {
                if let Some(document) = rendered {
                    render_pod(document, preview, &cluster.overrides.pod);
                }
            }
            Format::Findings | Format::Github | Format::Junit | Format::Sarif => {}
        }
        Ok(())
    }

    /// Adds a rendered document.
    pub(super) fn add_document(&mut self, format: Format, document: &Value) -> Result<(), OutputError> {
        if format == Format::Yaml { self.add_yaml(document) } else { self.add_json(document) }
    }

    /// Adds the diff of a Pod, if it changes.
    fn add_diff(&mut self, preview: &Preview<'_>, cluster: &SimulatedCluster<'_>) -> Result<(), OutputError> {
        let Some(change) = preview.change() else { return Ok(()) };
        let title = preview.workload.pod_title();
        let dry_run = if preview.is_held_back() { ", without dry-run" } else { "" };
        let [old, new] =
            [format!("{title} {}", preview.workload.location()), format!("{title} with boundtoken{dry_run}")];
        let effects = effects(change, &cluster.defaults.api_audiences);
        let text = diff([&old, &new], &effects, &change.before, &change.after)?;
        self.pieces.push(Piece { title: None, text });
        Ok(())
    }

    /// Adds the name of a workload whose Pods change.
    fn add_name(&mut self, preview: &Preview<'_>) {
        if preview.admission.changes() {
            let text = format!("{}\n", printable(&preview.workload.resource_name()));
            self.pieces.push(Piece { title: None, text });
        }
    }

    /// Adds what happens to the tokens of a Pod, if it changes.
    fn add_to_summary(&mut self, preview: &Preview<'_>, cluster: &SimulatedCluster<'_>) {
        if let Some(change) = preview.change() {
            let effects = effects(change, &cluster.defaults.api_audiences);
            self.summary.add(preview.workload, &effects, preview.is_held_back());
        }
    }

    /// Adds the patches of a Pod, if it changes: one JSON document for each call of the webhook.
    fn add_patches(&mut self, preview: &Preview<'_>) -> Result<(), OutputError> {
        let Preview { workload, admission, .. } = preview;
        if admission.changes() {
            let title = format!("{} {}", workload.title(), workload.location());
            for (patch, call) in admission.patches.iter().zip(["", ", called again"]) {
                let title = Some(format!("{BOLD}{}{BOLD:#}{call}", printable(&title)));
                self.pieces.push(Piece { title, text: json::pretty(patch)? + "\n" });
            }
        }
        Ok(())
    }

    /// Adds a document of YAML.
    fn add_yaml(&mut self, document: &Value) -> Result<(), OutputError> {
        let separator = if self.pieces.is_empty() { "" } else { "---\n" };
        self.pieces.push(Piece { title: None, text: format!("{separator}{}", to_yaml(document)?) });
        Ok(())
    }

    /// Adds a document of JSON.
    fn add_json(&mut self, document: &Value) -> Result<(), OutputError> {
        self.pieces.push(Piece { title: None, text: json::pretty(document)? + "\n" });
        Ok(())
    }

    /// Writes the explanations.
    pub(super) fn write_explanations(&self, err: &mut dyn Write) -> io::Result<()> {
        err.write_all(self.explanations.as_bytes())
    }

    /// Writes the pieces and their titles, and the summary.
    pub(super) fn write(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), OutputError> {
        let mut summary = String::new();
        // Writing to a String cannot fail.
        let _ = self.summary.write(&mut summary);
        out.write_all(summary.as_bytes())?;
        for Piece { title, text } in &self.pieces {
            if let Some(title) = title {
                writeln!(err, "{title}")?;
            }
            out.write_all(text.as_bytes())?;
            if title.is_some() {
                // On a terminal, each piece must follow its title.
                out.flush()?;
            }
        }
        Ok(out.flush()?)
    }

    /// Writes how many Pods have which result.
    pub(super) fn write_counts(&self, err: &mut dyn Write) -> io::Result<()> {
        let counts = [
            (self.pods.changed, "would change"),
            (self.pods.held_back, "would change without dry-run"),
            (self.pods.unchanged - self.pods.held_back, "would not change"),
            (self.pods.refused, "would be refused"),
            (self.pods.failed, "in error"),
        ];
        let parts = counts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        let text = if parts.is_empty() { "none in the input".to_owned() } else { parts.join(", ") };
        writeln!(err, "Pods: {text}")
    }

    /// Writes why no documents are printed.
    pub(super) fn write_reason(&self, report: &Report, err: &mut dyn Write) -> io::Result<()> {
        let reason = match self.pods.refused {
            0 if report.worst() == Some(Level::Error) => "an object cannot be previewed".to_owned(),
            0 => "an object would be refused".to_owned(),
            1 => "1 Pod would be refused".to_owned(),
            count => format!("{count} Pods would be refused"),
        };
        writeln!(err, "nothing is printed, since {reason}")
    }
}

/// Replaces the Pod or Pod template of a workload in its document. Unchanged parts stay as written.
fn render_pod(document: &mut Value, preview: &Preview<'_>, overrides: &[(&str, &str)]) {
    let Preview { workload, admission, .. } = preview;
    if let Some(pod) = part_of(document, &workload.object, workload.template()) {
        annotate(pod, overrides);
        let mut before = workload.pod(overrides);
        plugin::round_trip(&mut before);
        let specs = (pod.get_mut("spec"), before.get("spec"), admission.after.get("spec"));
        if let (true, (Some(written), Some(before), Some(after))) = (admission.changes(), specs) {
            *written = merge(written, before, after);
        }
    }
}

/// Adds annotations and the label to a Namespace in its document.
pub(super) fn render_namespace(document: &mut Value, object: &Object<'_>, overrides: &Overrides<'_>) {
    if let Some(namespace) = part_of(document, object, Pointer::root()) {
        annotate(namespace, &overrides.namespace);
        label(namespace, overrides.label);
    }
}

/// A part of an object in its document.
fn part_of<'v>(
    document: &'v mut Value,
    object: &Object<'_>,
    part: &Pointer,
) -> Option<&'v mut Map<String, Value>> {
    object.pointer.concat(part).resolve_mut(document).ok()?.as_object_mut()
}
