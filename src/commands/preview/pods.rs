//! Evaluates Namespaces, takes each workload's Pod through admission, and reports the findings.

use std::collections::BTreeMap;

use json_patch::jsonptr::Pointer;

use super::admission::{self, Admission};
use super::checks::{self, METADATA, MetadataError};
use super::cluster::{self, SimulatedCluster};
use super::place::CheckedObject;
use super::report::{Level, Report};
use super::workload::Workload;
use crate::manifest::Object;
use crate::policy::diagnostics::Code;
use crate::policy::keys::Key;
use crate::policy::{Evaluation, NamespaceSettings, Violation, Warning};

/// The pointer to the annotations of a Namespace.
pub(super) const ANNOTATIONS: &Pointer = Pointer::from_static("/metadata/annotations");

/// A workload and the admission of its Pods.
pub(super) struct Preview<'p> {
    /// The workload.
    pub(super) workload: &'p Workload<'p>,
    /// The admission of one of its Pods.
    pub(super) admission: Admission,
    /// The settings of its Namespace, if it opted in.
    pub(super) settings: Option<NamespaceSettings>,
}

/// The evaluation of each Namespace, whose findings are not repeated for its Pods.
type NamespaceFindings<'a> = BTreeMap<&'a str, Evaluation>;

/// Takes the Pods of the input through admission.
pub(super) struct Admitter<'a> {
    cluster: &'a SimulatedCluster<'a>,
    reported: NamespaceFindings<'a>,
}

impl<'a> Admitter<'a> {
    /// Reports findings about each object except the Pods of workloads. Returns the workloads in the order of
    /// the input, each with the error in its metadata, if any.
    pub(super) fn new(
        objects: &[Object<'a>],
        default_namespace: &'a str,
        cluster: &'a SimulatedCluster<'a>,
        report: &mut Report,
    ) -> (Self, Vec<(Workload<'a>, Option<MetadataError>)>) {
        let (mut workloads, mut reported) = (Vec::new(), NamespaceFindings::new());
        for object in objects {
            let workload = Workload::new(object, default_namespace);
            let checked = workload.as_ref().map_or_else(|| CheckedObject::new(object), Workload::checked);
            let error = checks::check_object(checked, report).err();
            if let Some(workload) = workload {
                workloads.push((workload, error));
            } else if error.is_none() && object.is_core("Namespace") {
                reported.insert(cluster::name(object), evaluate_namespace(object, cluster, report));
            } else {
                checks::check_kind(object, report);
            }
        }
        (Self { cluster, reported }, workloads)
    }

    /// Takes a Pod of a workload through admission. Returns `None` if that is impossible; the report then
    /// says why.
    pub(super) fn preview<'w>(
        &self,
        workload: &'w Workload<'a>,
        error: Option<&MetadataError>,
        report: &mut Report,
    ) -> Option<Preview<'w>> {
        if matches!(error, Some(MetadataError::Unreadable)) || !checks::check_pod(workload, report) {
            return None;
        }
        checks::check_misplaced(workload, report);
        let pod = workload.pod(&self.cluster.overrides.pod);
        if let Err(reason) = check_metadata(workload, error, report) {
            return Some(Preview { workload, admission: Admission::rejected(pod, reason), settings: None });
        }
        let settings = self.cluster.settings(workload, report);
        let account = self.cluster.account(workload.namespace, &pod);
        match admission::admit(pod, &account, settings.as_ref()) {
            Ok(admission) => {
                self.report(workload, &admission, report);
                Some(Preview { workload, admission, settings })
            }
            Err(error) => {
                let code = match error {
                    admission::Error::Unreadable(_) => Code::Undecodable,
                    admission::Error::Patch(_) => Code::PatchFailed,
                };
                let place = workload.checked().place(workload.template());
                report.add(Level::Error, code, place, format_args!("{}: {error}", workload.title()));
                None
            }
        }
    }

    /// Reports the webhook's findings about a Pod, except those already reported for its Namespace.
    fn report(&self, workload: &Workload<'_>, admission: &Admission, report: &mut Report) {
        let namespace = self.reported.get(workload.namespace);
        let is_new_violation =
            |new: &&Violation| namespace.is_none_or(|known| !known.violations.contains(new));
        let is_new_warning = |new: &&Warning| namespace.is_none_or(|known| !known.warnings.contains(new));
        let violations = admission.violations.iter().filter(is_new_violation);
        let warnings = admission.warnings.iter().filter(is_new_warning);
        add(violations, warnings, workload.checked(), &workload.annotations(), report);
    }
}

/// Evaluates a Namespace as the webhook does when it is created.
fn evaluate_namespace<'a>(
    object: &Object<'a>,
    cluster: &SimulatedCluster<'a>,
    report: &mut Report,
) -> Evaluation {
    let checked = CheckedObject::new(object);
    checks::check_labels(checked, METADATA, report);
    let evaluation = cluster.settings_of(object).evaluate(cluster::is_opted_in(object), true);
    add(evaluation.violations.iter(), evaluation.warnings.iter(), checked, ANNOTATIONS, report);
    evaluation
}

/// Reports labels and metadata of a Pod that the API server refuses; `error` is that of its object.
fn check_metadata(
    workload: &Workload<'_>,
    error: Option<&MetadataError>,
    report: &mut Report,
) -> Result<(), String> {
    let metadata = workload.template().concat(METADATA);
    checks::check_labels(workload.checked(), &metadata, report);
    checks::check_strings(workload.checked(), &metadata, report)?;
    match error {
        Some(MetadataError::NotString(reason)) => Err(reason.clone()),
        Some(MetadataError::Unreadable) | None => Ok(()),
    }
}

/// Adds findings of the webhook, each at the line of its annotation if the object has it.
fn add<'f>(
    violations: impl Iterator<Item = &'f Violation>,
    warnings: impl Iterator<Item = &'f Warning>,
    checked: CheckedObject<'_, '_>,
    annotations: &Pointer,
    report: &mut Report,
) {
    let place = |key: Option<&str>| {
        let Some(key) = key else { return checked.place(Pointer::root()) };
        let annotation = annotations.with_trailing_token(key);
        let is_here = checked.object.get(&annotation).is_some();
        checked.place(if is_here { &annotation } else { Pointer::root() }).with_key(key)
    };
    for violation in violations {
        let Violation { code, field, text, .. } = violation;
        let place = place(field.key().map(Key::name));
        report.add(Level::Refused, *code, place, format_args!("{field}: {text}"));
    }
    for warning in warnings {
        report.add_warning(warning.code, place(warning.key.as_deref()), &warning.text);
    }
}
