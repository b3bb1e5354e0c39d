//! Takes each workload's Pod through admission and places what is said about it.

use json_patch::jsonptr::Pointer;

use super::admission::{self, Admission};
use super::checks;
use super::cluster::Cluster;
use super::report::{Report, Severity};
use super::webhook;
use super::workload::{Workload, annotate};
use super::{Preview, Trial};
use crate::manifest::Object;

const METADATA: &Pointer = Pointer::from_static("/metadata");
const ANNOTATIONS: &Pointer = Pointer::from_static("/metadata/annotations");

/// Previews the Pods of all workloads among the objects.
pub(super) fn preview<'a>(
    objects: &[Object<'a>],
    default_namespace: &'a str,
    cluster: &Cluster<'a>,
    trial: &Trial<'a>,
    report: &mut Report,
) -> Vec<Preview<'a>> {
    let mut previews = Vec::new();
    for object in objects {
        if object.is_core("Namespace") {
            judge_namespace(object, cluster, trial, report);
        }
        let workload = Workload::new(object, default_namespace);
        previews.extend(workload.and_then(|workload| preview_pod(workload, cluster, trial, report)));
    }
    previews
}

/// Asks the webhook about the settings of a Namespace.
fn judge_namespace(object: &Object<'_>, cluster: &Cluster<'_>, trial: &Trial<'_>, report: &mut Report) {
    if !checks::check_metadata(object, METADATA, report) {
        return;
    }
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
        }
        Err(error) => report.add(Severity::Error, object, Pointer::root(), error),
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
    trial: &Trial<'a>,
    report: &mut Report,
) -> Option<Preview<'a>> {
    checks::check_astray(&workload, report);
    let metadata = workload.template().concat(METADATA);
    let sound = checks::check_metadata(&workload.object, &metadata, report);
    if !sound || !checks::check_spec(&workload, report) {
        return None;
    }
    let settings = cluster.settings(&workload, report);
    let pod = workload.pod(&trial.pod);
    let account = cluster.account(workload.namespace, &pod);
    match admission::admit(pod, &account, settings.as_ref()) {
        Ok(admission) => {
            place_findings(&workload, &admission, cluster, report);
            Some(Preview { workload, admission })
        }
        Err(error) => {
            let text = format_args!("{}: {error}", workload.title());
            report.add(Severity::Error, &workload.object, workload.template(), text);
            None
        }
    }
}

/// Reports what the webhook says where the setting stands: on the Pod, on its Namespace, or nowhere.
fn place_findings(
    workload: &Workload<'_>,
    admission: &Admission,
    cluster: &Cluster<'_>,
    report: &mut Report,
) {
    let name = format!("Namespace {}", workload.namespace);
    for (severity, text) in findings(&admission.refusals, &admission.warnings) {
        let namespace = cluster.namespace(workload.namespace).filter(|_| text.contains(&name));
        let on_namespace =
            namespace.and_then(|object| Some((object, checks::place_of(text, object, ANNOTATIONS)?)));
        let on_pod = || checks::place_of(text, &workload.object, &workload.annotations()).unwrap_or_default();
        let (object, place) = on_namespace.unwrap_or_else(|| (&workload.object, on_pod()));
        report.add(severity, object, &place, text);
    }
}
