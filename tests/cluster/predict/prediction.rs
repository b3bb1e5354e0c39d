//! The predictions of `boundtoken preview`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cases::{Case, template};
use crate::support::previews::as_kubectl_shows;
use crate::support::program;

/// The output of `boundtoken preview`.
pub(super) struct Prediction {
    /// The objects on stdout; none if one is refused.
    documents: Vec<Value>,
    pub(super) refusals: BTreeSet<String>,
    /// The warnings of the webhook, without the hints of `preview` itself.
    pub(super) warnings: BTreeSet<String>,
    errors: usize,
}

impl Prediction {
    /// Runs `preview` for these objects.
    pub(super) fn of(objects: &[&Value]) -> Self {
        let (stdout, words) = preview("json", objects);
        let of = |severity: &str| -> BTreeSet<String> {
            let mark = format!(": {severity}: ");
            words.lines().filter_map(|line| Some(line.split_once(&mark)?.1.to_owned())).collect()
        };
        // Where the webhook is not called, warnings about settings are those of `preview` alone.
        let is_called = !words.contains("(BT076)");
        let documents = serde_json::Deserializer::from_str(&stdout).into_iter();
        Self {
            documents: documents.collect::<Result<_, _>>().unwrap(),
            refusals: of("refused"),
            warnings: of("warning")
                .iter()
                .filter(|text| is_called && is_ours(text))
                .map(|text| as_kubectl_shows(text))
                .collect(),
            errors: of("error").len(),
        }
    }

    /// Whether any object would be refused.
    pub(super) fn is_refused(&self) -> bool {
        !self.refusals.is_empty() || self.errors > 0
    }

    /// The predicted Pod, or Pod template.
    pub(super) fn pod(&self, case: &Case) -> Option<&Value> {
        self.documents.last()?.pointer(template(&case.workload))
    }
}

/// Whether the Pod itself would be refused, independently of its Namespace.
pub(super) fn is_pod_refused(objects: &[&Value]) -> bool {
    let (_, words) = preview("diff", objects);
    words.lines().last().unwrap().contains("would be refused")
}

/// Runs `preview` on these objects, and returns its stdout and stderr.
fn preview(form: &str, objects: &[&Value]) -> (String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("objects.json");
    let text: Vec<String> = objects.iter().map(ToString::to_string).collect();
    std::fs::write(&file, text.join("\n")).unwrap();
    let output = program::run(&["preview", "-o", form, "-f", file.to_str().unwrap()]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

/// Whether a text comes from the webhook: such texts end with a code below BT070, from which on they are those of
/// `preview` alone.
pub(super) fn is_ours(text: &str) -> bool {
    text.contains("BT0") && !text.contains("(BT07")
}
