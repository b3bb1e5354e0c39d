//! What an API server makes of a Pod, with boundtoken and without.

use json_patch::Patch;
use serde_json::Value;

use super::webhook::{self, Answer};
use crate::pod::plugin::{self, ServiceAccount};
use crate::policy::NamespaceSettings;

/// Ends of the names of volumes that the first and the second run of the plugin add. They are
/// always the same, or the output of `-o yaml` would roll a workload out each time.
const SUFFIXES: [&str; 2] = ["xxxxx", "zzzzz"];

/// What became of a Pod.
#[derive(Debug)]
pub(super) struct Admission {
    /// The Pod without boundtoken.
    pub(super) without: Value,
    /// The Pod with boundtoken, as far as it got.
    pub(super) with: Value,
    /// The RFC 6902 documents that the webhook sends, one per call that changes something.
    pub(super) patches: Vec<Patch>,
    /// Why the Pod is refused; empty when it is not.
    pub(super) refusals: Vec<String>,
    /// What the webhook warns about.
    pub(super) warnings: Vec<String>,
}

impl Admission {
    /// A Pod that the API server refuses before any plugin or webhook sees it.
    pub(super) fn refused(pod: Value, why: String) -> Self {
        Self { refusals: vec![why], ..Self::new(pod) }
    }

    fn new(pod: Value) -> Self {
        let (patches, refusals, warnings) = Default::default();
        Self { without: pod.clone(), with: pod, patches, refusals, warnings }
    }

    /// Whether the Pod becomes another one through boundtoken.
    pub(super) fn changes(&self) -> bool {
        self.refusals.is_empty() && self.with != self.without
    }

    fn note(&mut self, answer: &Answer) {
        for (known, new) in [(&mut self.warnings, &answer.warnings), (&mut self.refusals, &answer.refusals)] {
            for text in new {
                if !known.contains(text) {
                    known.push(text.clone());
                }
            }
        }
    }
}

/// Why it is unknown what becomes of a Pod.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The webhook has no answer.
    #[error(transparent)]
    Webhook(#[from] webhook::Error),
    /// The webhook's patch does not fit the Pod.
    #[error("the webhook's patch cannot be applied, please report this: {0}")]
    Patch(#[from] json_patch::PatchError),
}

/// Creates a Pod. Without `settings` its Namespace did not opt in, and no webhook is called.
///
/// The ServiceAccount plugin runs first, then the webhook; after a change both run once more.
pub(super) fn admit(
    mut pod: Value,
    account: &ServiceAccount,
    settings: Option<&NamespaceSettings>,
) -> Result<Admission, Error> {
    let [first, second] = SUFFIXES;
    plugin::round_trip(&mut pod);
    plugin::admit(&mut pod, account, first);
    let mut admission = Admission::new(pod);
    let Some(settings) = settings else { return Ok(admission) };
    if call(&mut admission, settings)? {
        plugin::admit(&mut admission.with, account, second);
        call(&mut admission, settings)?;
    }
    Ok(admission)
}

/// Calls the webhook; tells whether it changed the Pod.
fn call(admission: &mut Admission, settings: &NamespaceSettings) -> Result<bool, Error> {
    let answer = webhook::mutate(&admission.with, settings)?;
    admission.note(&answer);
    if answer.patch.is_empty() {
        return Ok(false);
    }
    json_patch::patch(&mut admission.with, &answer.patch)?;
    plugin::round_trip(&mut admission.with);
    admission.patches.push(answer.patch);
    Ok(true)
}
