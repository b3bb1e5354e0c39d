//! Simulates the admission of a Pod that is created, with boundtoken and without.

use json_patch::{Patch, PatchError};
use serde::Deserialize;
use serde_json::Value;

use super::object::Pod;
use crate::pod::plugin::{self, ServiceAccount};
use crate::policy::{Evaluation, NamespaceSettings, Violation, Warning};

/// Name suffixes of the volumes that the first and the second run of the plugin add. They are fixed:
/// otherwise the output of `-o yaml` would roll out a workload each time.
const SUFFIXES: [&str; 2] = ["xxxxx", "zzzzz"];

/// A Pod before and after the webhook.
#[derive(Debug)]
pub struct Admission {
    /// The Pod without boundtoken.
    pub before: Value,
    /// The Pod with boundtoken.
    pub after: Value,
    /// The RFC 6902 documents that the webhook sends, one per call that changes something.
    pub patches: Vec<Patch>,
    /// The reason for which the API server refuses the Pod before it calls any webhook.
    pub rejection: Option<String>,
    /// The violations for which the webhook refuses the Pod.
    pub violations: Vec<Violation>,
    /// The warnings of the webhook.
    pub warnings: Vec<Warning>,
}

impl Admission {
    fn new(pod: Value) -> Self {
        let (patches, violations, warnings) = Default::default();
        Self { before: pod.clone(), after: pod, patches, rejection: None, violations, warnings }
    }

    /// The admission of a Pod that the API server refuses before it calls any plugin or webhook.
    pub fn rejected(pod: Value, reason: String) -> Self {
        Self { rejection: Some(reason), ..Self::new(pod) }
    }

    /// Whether the Pod is refused.
    pub fn is_refused(&self) -> bool {
        self.rejection.is_some() || !self.violations.is_empty()
    }

    /// Whether boundtoken changes the Pod.
    pub fn changes(&self) -> bool {
        !self.is_refused() && self.after != self.before
    }
}

/// An error that keeps a Pod's admission from being predicted.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The webhook would answer HTTP 400.
    #[error("the webhook cannot read it: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The webhook's patch does not fit the Pod.
    #[error("the webhook's patch cannot be applied, please report this: {0}")]
    Patch(#[from] PatchError),
}

/// Admits a Pod that is created. Without `settings` its Namespace did not opt in, and no webhook is called.
///
/// The ServiceAccount plugin runs first, then the webhook; after a change both run once more.
///
/// # Errors
/// When the Pod cannot be read, or the patch of the webhook does not fit it.
pub fn simulate(
    mut pod: Value,
    account: &ServiceAccount,
    settings: Option<&NamespaceSettings>,
) -> Result<Admission, SimulationError> {
    let [first, second] = SUFFIXES;
    plugin::round_trip(&mut pod);
    plugin::admit(&mut pod, account, first);
    let mut admission = Admission::new(pod);
    let Some(settings) = settings else { return Ok(admission) };
    if call(&mut admission, settings)? {
        plugin::admit(&mut admission.after, account, second);
        call(&mut admission, settings)?;
    }
    Ok(admission)
}

/// Calls the webhook; returns whether it changed the Pod.
fn call(admission: &mut Admission, settings: &NamespaceSettings) -> Result<bool, SimulationError> {
    let pod = Pod::deserialize(&admission.after)?;
    let Some(evaluation) = pod.evaluate(settings) else { return Ok(false) };
    let Evaluation { patch, violations, warnings, .. } = evaluation;
    extend(&mut admission.violations, violations);
    extend(&mut admission.warnings, warnings);
    if patch.is_empty() {
        return Ok(false);
    }
    json_patch::patch(&mut admission.after, &patch)?;
    plugin::round_trip(&mut admission.after);
    admission.patches.push(patch);
    Ok(true)
}

/// Adds items without duplicates, because the second call repeats most findings of the first.
fn extend<T: PartialEq>(known: &mut Vec<T>, new: Vec<T>) {
    for item in new {
        if !known.contains(&item) {
            known.push(item);
        }
    }
}
