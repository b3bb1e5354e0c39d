//! Takes each workload's Pod through admission and places what is said about it.

use std::collections::BTreeMap;

use json_patch::jsonptr::Pointer;

use super::admission::{self, Admission};
use super::cluster::Cluster;
use super::metadata::{self, Fault, METADATA};
use super::report::{Report, Severity};
use super::webhook::{self, Answer};
use super::workload::{Workload, annotate};
use super::{Preview, Trial, checks};
use crate::manifest::Object;

/// Where annotations stand in a Namespace.
pub(super) const ANNOTATIONS: &Pointer = Pointer::from_static("/metadata/annotations");

/// What is said of each Namespace that opted in; its Pods repeat it.
type Said<'a> = BTreeMap<&'a str, Answer>;

/// What becomes of all Pods.
pub(super) struct Previews<'a> {
    /// Those of which it is known.
    pub(super) known: Vec<Preview<'a>>,
    /// How many there are besides; the report says why.
    pub(super) unknown: usize,
}

/// Previews the Pods of all workloads among the objects.
pub(super) fn preview<'a>(
    objects: &[Object<'a>],
    default_namespace: &'a str,
    cluster: &Cluster<'a>,
    trial: &Trial<'a>,
    report: &mut Report,
) -> Previews<'a> {
    let mut said = Said::new();
    let mut workloads = Vec::new();
    for object in objects {
        let fault = metadata::check_object(object, report).err();
        if let Some(workload) = Workload::new(object, default_namespace) {
            workloads.push((workload, fault));
        } else if fault.is_none() && object.is_core("Namespace") {
            let name = object.text("/metadata/name").unwrap_or_default();
            said.extend(judge_namespace(object, cluster, trial, report).map(|answer| (name, answer)));
        } else {
            checks::check_kind(object, report);
        }
    }
    let unknown = workloads.len();
    let preview = |(workload, fault)| preview_pod(workload, fault, cluster, &said, trial, report);
    let known: Vec<_> = workloads.into_iter().filter_map(preview).collect();
    Previews { unknown: unknown - known.len(), known }
}

/// Asks the webhook about the settings of a Namespace.
fn judge_namespace(
    object: &Object<'_>,
    cluster: &Cluster<'_>,
    trial: &Trial<'_>,
    report: &mut Report,
) -> Option<Answer> {
    metadata::check_labels(object, METADATA, report);
    let mut namespace = object.value.clone();
    if let Some(namespace) = namespace.as_object_mut() {
        annotate(namespace, &trial.namespace);
    }
    match webhook::validate(&namespace, cluster.defaults) {
        Ok(answer) => {
            for (severity, text) in findings(&answer.refusals, &answer.warnings) {
                let place = checks::place_of(text, object, ANNOTATIONS).unwrap_or_default();
                report.add(severity, object, &place, text);
            }
            Some(answer)
        }
        Err(error) => {
            report.add(Severity::Error, object, Pointer::root(), error);
            None
        }
    }
}

fn findings<'t>(
    refusals: &'t [String],
    warnings: &'t [String],
) -> impl Iterator<Item = (Severity, &'t String)> {
    let refusals = refusals.iter().map(|text| (Severity::Refused, text));
    refusals.chain(warnings.iter().map(|text| (Severity::Warning, text)))
}

fn preview_pod<'a>(
    workload: Workload<'a>,
    fault: Option<Fault>,
    cluster: &Cluster<'a>,
    said: &Said<'a>,
    trial: &Trial<'a>,
    report: &mut Report,
) -> Option<Preview<'a>> {
    if matches!(fault, Some(Fault::Unreadable)) || !checks::check_pod(&workload, report) {
        return None;
    }
    checks::check_astray(&workload, report);
    let pod = workload.pod(&trial.pod);
    if let Err(why) = check_metadata(&workload, fault, report) {
        return Some(Preview { workload, admission: Admission::refused(pod, why), settings: None });
    }
    let settings = cluster.settings(&workload, report);
    let account = cluster.account(workload.namespace, &pod);
    match admission::admit(pod, &account, settings.as_ref()) {
        Ok(admission) => {
            place_findings(&workload, &admission, said.get(workload.namespace), report);
            Some(Preview { workload, admission, settings })
        }
        Err(error) => {
            let text = format_args!("{}: {error}", workload.title());
            report.add(Severity::Error, &workload.object, workload.template(), text);
            None
        }
    }
}

/// Reports metadata of a Pod that no API server takes; `fault` is that of its object.
fn check_metadata(workload: &Workload<'_>, fault: Option<Fault>, report: &mut Report) -> Result<(), String> {
    let metadata = workload.template().concat(METADATA);
    metadata::check_labels(&workload.object, &metadata, report);
    metadata::check_text(&workload.object, &metadata, report)?;
    match fault {
        Some(Fault::NotText(why)) => Err(why),
        Some(Fault::Unreadable) | None => Ok(()),
    }
}

/// Reports what the webhook says of a Pod, but not again what it said of its Namespace.
fn place_findings(
    workload: &Workload<'_>,
    admission: &Admission,
    said: Option<&Answer>,
    report: &mut Report,
) {
    let is_said =
        |text| said.is_some_and(|said| said.refusals.contains(text) || said.warnings.contains(text));
    for (severity, text) in
        findings(&admission.refusals, &admission.warnings).filter(|(_, text)| !is_said(text))
    {
        let place = checks::place_of(text, &workload.object, &workload.annotations()).unwrap_or_default();
        report.add(severity, &workload.object, &place, text);
    }
}
