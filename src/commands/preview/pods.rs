//! Takes each workload's Pod through admission and places what is said about it.

use std::collections::BTreeMap;

use json_patch::jsonptr::Pointer;

use super::admission::{self, Admission};
use super::checks;
use super::cluster::Cluster;
use super::report::{Report, Severity};
use super::webhook::{self, Answer};
use super::workload::{Workload, annotate};
use super::{Preview, Trial};
use crate::manifest::Object;

const METADATA: &Pointer = Pointer::from_static("/metadata");
/// Where annotations stand in a Namespace.
pub(super) const ANNOTATIONS: &Pointer = Pointer::from_static("/metadata/annotations");

/// What is said of each Namespace that opted in; its Pods repeat it.
type Said<'a> = BTreeMap<&'a str, Answer>;

/// Previews the Pods of all workloads among the objects.
pub(super) fn preview<'a>(
    objects: &[Object<'a>],
    default_namespace: &'a str,
    cluster: &Cluster<'a>,
    trial: &Trial<'a>,
    report: &mut Report,
) -> Vec<Preview<'a>> {
    let mut said = Said::new();
    for namespace in objects.iter().filter(|object| object.is_core("Namespace")) {
        let name = namespace.text("/metadata/name").unwrap_or_default();
        said.extend(judge_namespace(namespace, cluster, trial, report).map(|answer| (name, answer)));
    }
    let workloads = objects.iter().filter_map(|object| Workload::new(object, default_namespace));
    workloads.filter_map(|workload| preview_pod(workload, cluster, &said, trial, report)).collect()
}

/// Asks the webhook about the settings of a Namespace.
fn judge_namespace(
    object: &Object<'_>,
    cluster: &Cluster<'_>,
    trial: &Trial<'_>,
    report: &mut Report,
) -> Option<Answer> {
    if !checks::check_namespace(object, report) {
        return None;
    }
    checks::check_metadata(object, METADATA, report).ok()?;
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
    cluster: &Cluster<'a>,
    said: &Said<'a>,
    trial: &Trial<'a>,
    report: &mut Report,
) -> Option<Preview<'a>> {
    checks::check_astray(&workload, report);
    let metadata = workload.template().concat(METADATA);
    if !checks::check_pod(&workload, report) {
        return None;
    }
    let pod = workload.pod(&trial.pod);
    if let Err(key) = checks::check_metadata(&workload.object, &metadata, report) {
        return Some(Preview {
            workload,
            admission: Admission::refused(pod, key.to_owned()),
            settings: None,
        });
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
