//! Evaluates Namespaces, takes each workload's Pod through admission, and reports the findings.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use serde::Deserialize;
use serde_json::{Value, json};

use super::checks::{self, MetadataError};
use super::cluster::{self, SimulatedCluster, WebhookCall};
use super::place::{CheckedObject, METADATA, Place};
use super::report::{Level, Report};
use super::slips;
use super::templates;
use super::workload::{Workload, is_of_kubernetes};
use crate::admission::{Admission, Pod, SimulationError, simulate};
use crate::manifest::{Node, Object};
use crate::pod::plugin::ServiceAccount;
use crate::policy::diagnostics::{Code, Severity};
use crate::policy::keys::{Key, has_own_prefix};
use crate::policy::{Evaluation, NamespaceSettings, Origin, Violation, ViolationCause, Warning};

/// The pointer to the annotations of a Namespace.
pub(super) const ANNOTATIONS: &Pointer = Pointer::from_static("/metadata/annotations");

/// A workload and the admission of its Pods.
pub(super) struct Preview<'p> {
    /// The workload.
    pub(super) workload: &'p Workload<'p>,
    /// The admission of one of its Pods.
    pub(super) admission: Admission,
    /// The admission without `dry-run`, if the Namespace sets that.
    pub(super) without_dry_run: Option<Admission>,
    /// The settings of its Namespace, if it opted in.
    pub(super) settings: Option<Rc<NamespaceSettings>>,
}

impl<'p> Preview<'p> {
    /// A Pod that the API server refuses before it calls any webhook.
    fn rejected(workload: &'p Workload<'p>, pod: Value, reason: String) -> Self {
        Self { workload, admission: Admission::rejected(pod, reason), without_dry_run: None, settings: None }
    }

    /// What boundtoken changes in the Pod, or would change without `dry-run`; `None` if that is nothing.
    pub(super) fn change(&self) -> Option<&Admission> {
        Some(self.without_dry_run.as_ref().unwrap_or(&self.admission)).filter(|shown| shown.changes())
    }

    /// Whether only `dry-run` keeps boundtoken from changing the Pod.
    pub(super) fn is_held_back(&self) -> bool {
        self.without_dry_run.as_ref().is_some_and(Admission::changes)
    }
}

/// The evaluation of each Namespace, whose findings are not repeated for its Pods.
type NamespaceFindings<'a> = BTreeMap<&'a str, Evaluation>;

/// A workload, and the error in the metadata of its object, if any.
pub(super) type CheckedWorkload<'a> = (Workload<'a>, Option<MetadataError>);

/// Takes the Pods of the input through admission.
pub(super) struct Admitter<'a> {
    cluster: &'a SimulatedCluster<'a>,
    reported: NamespaceFindings<'a>,
    /// The Namespaces of the Pods so far: each is evaluated and reported once.
    calls: HashMap<&'a str, WebhookCall>,
}

impl<'a> Admitter<'a> {
    /// Reports findings about each object except the Pods of workloads. Returns the workloads in the order of
    /// the input.
    pub(super) fn new(
        objects: &[Object<'a>],
        default_namespace: &'a str,
        cluster: &'a SimulatedCluster<'a>,
        report: &mut Report,
    ) -> (Self, Vec<CheckedWorkload<'a>>) {
        let (mut workloads, mut errors, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut reported = NamespaceFindings::new();
        for object in objects {
            let of_object = Workload::all(object, default_namespace);
            let checked = of_object.first().map_or_else(|| CheckedObject::new(object), Workload::checked);
            let error = checks::check_object(checked, report).err();
            if of_object.iter().any(|workload| !workload.is_known()) {
                slips::check_kind(checked, report);
            } else if of_object.is_empty() && error.is_none() {
                if object.is_core("Namespace") {
                    reported.insert(cluster::name(object), evaluate_namespace(object, cluster, report));
                } else {
                    others.push(object);
                }
            }
            if !is_of_kubernetes(object.group()) {
                report_copied(object, cluster, report);
            }
            errors.extend(of_object.iter().map(|_| error.clone()));
            workloads.extend(of_object);
        }
        slips::check_others(&others, &workloads, report);
        let workloads = workloads.into_iter().zip(errors).collect();
        (Self { cluster, reported, calls: HashMap::new() }, workloads)
    }

    /// Takes a Pod of a workload through admission. Returns `None` if that is impossible; the report then
    /// says why.
    pub(super) fn preview<'w>(
        &mut self,
        workload: &'w Workload<'a>,
        error: Option<&MetadataError>,
        report: &mut Report,
    ) -> Option<Preview<'w>> {
        if matches!(error, Some(MetadataError::Unreadable)) || !checks::check_pod(workload, report) {
            return None;
        }
        slips::check_workload(workload, report);
        let pod = workload.pod(&self.cluster.overrides.pod);
        if let Err(reason) = check_metadata(workload, error, report) {
            return Some(Preview::rejected(workload, pod, reason));
        }
        match self.admit(workload, pod, report) {
            Ok(preview) => {
                self.report(&preview, report);
                Some(preview)
            }
            Err(error) => {
                let code = match error {
                    SimulationError::Unreadable(_) => Code::Undecodable,
                    SimulationError::Patch(_) => Code::PatchFailed,
                };
                let place = workload.checked().place(workload.template());
                report.add(Level::Error, code, place, format_args!("{}: {error}", workload.title()));
                None
            }
        }
    }

    fn admit<'w>(
        &mut self,
        workload: &'w Workload<'a>,
        pod: Value,
        report: &mut Report,
    ) -> Result<Preview<'w>, SimulationError> {
        let cluster = self.cluster;
        let call = self.calls.entry(workload.namespace);
        let call = call.or_insert_with_key(|name| cluster.call(name, report));
        let (settings, without_dry_run) = match call {
            WebhookCall::Called { settings, without_dry_run } => (settings, without_dry_run),
            WebhookCall::NotCalled { reason } => {
                let admission = simulate(pod, &ServiceAccount::default(), None)?;
                report_unused(workload, &admission, reason, cluster, report);
                return Ok(Preview { workload, admission, without_dry_run: None, settings: None });
            }
        };
        let account = cluster.account(workload.namespace, &pod);
        let is_assumed = account.is_none();
        let account = account.unwrap_or_default();
        let admit = |pod, settings: &NamespaceSettings| simulate(pod, &account, Some(settings));
        let without_dry_run = without_dry_run.as_ref().map(|other| admit(pod.clone(), other)).transpose()?;
        let admission = admit(pod, settings)?;
        if is_assumed && !admission.is_refused() {
            cluster::report_assumed_account(workload.namespace, &admission.before, report);
        }
        Ok(Preview { workload, admission, without_dry_run, settings: Some(Rc::clone(settings)) })
    }

    /// Reports the webhook's findings about a Pod, except those already reported for its Namespace.
    fn report(&self, preview: &Preview<'_>, report: &mut Report) {
        let Preview { workload, admission, .. } = preview;
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
    let name = cluster::name(object);
    let is_excluded = cluster::is_excluded(name);
    slips::check_labels(checked, METADATA, report);
    slips::check_fields(checked, Pointer::root(), [].into_iter(), report);
    slips::check_opt_in(checked, cluster.label(Some(object)), is_excluded, report);
    let is_opted_in = cluster.is_opted_in(Some(object)) && !is_excluded;
    let mut evaluation = cluster.settings_of(Some(object), name).evaluate(is_opted_in, true);
    for warning in evaluation.warnings.iter_mut().filter(|warning| warning.code == Code::NotOptedIn) {
        if let (true, Some(key)) = (is_excluded, &warning.key) {
            warning.text = format!("{key} has no effect: the webhook is never called for Namespace {name}");
        }
    }
    add(evaluation.violations.iter(), evaluation.warnings.iter(), checked, ANNOTATIONS, report);
    evaluation
}

/// Reports settings of a Pod for which the webhook is not called: that they have no effect, and what is wrong with
/// them.
fn report_unused(
    workload: &Workload<'_>,
    admission: &Admission,
    reason: &str,
    cluster: &SimulatedCluster<'_>,
    report: &mut Report,
) {
    let Ok(pod) = Pod::deserialize(&admission.before) else { return };
    let mut keys = pod.metadata.annotations.own_annotations().map(|(key, _)| key);
    let first = keys.find_map(Key::from_name).map(|key| Warning {
        code: Code::NotOptedIn,
        key: Some(key.name().into()),
        origin: Some(Origin::Pod),
        text: format!("{key} on the Pod has no effect: {reason}"),
    });
    let warnings: Vec<_> = first.into_iter().chain(mistakes(&pod, cluster)).collect();
    add([].iter(), warnings.iter(), workload.checked(), &workload.annotations(), report);
}

/// Reports mistakes in annotations that a controller may copy to Pods: those outside Pod templates in a kind that
/// Kubernetes itself does not have.
fn report_copied(object: &Object<'_>, cluster: &SimulatedCluster<'_>, report: &mut Report) {
    for pointer in templates::find_annotations(object.value, has_own_prefix) {
        let annotations = object.get(&pointer).map(Node::to_value).unwrap_or_default();
        let pod = json!({"metadata": {"annotations": annotations}});
        let Ok(pod) = Pod::deserialize(&pod) else { continue };
        // Other warnings are about the containers of the Pod, which are not known.
        let is_of_annotation = |warning: &Warning| {
            warning.code.severity() != Severity::Warning
                || matches!(warning.code, Code::UnknownKey | Code::NamespaceKey)
        };
        let warnings: Vec<_> = mistakes(&pod, cluster).filter(is_of_annotation).collect();
        add([].iter(), warnings.iter(), CheckedObject::new(object), &pointer, report);
    }
}

/// What is wrong with the settings of a Pod, whatever its Namespace and its spec, as warnings.
fn mistakes(pod: &Pod<'_>, cluster: &SimulatedCluster<'_>) -> impl Iterator<Item = Warning> {
    let evaluation = pod.evaluate(&NamespaceSettings::parse("", [], cluster.defaults));
    let warnings = evaluation.into_iter().flat_map(|evaluation| {
        let violations: Vec<_> = evaluation.violations.iter().map(Warning::from).collect();
        violations.into_iter().chain(evaluation.warnings)
    });
    warnings.filter(|warning| warning.key.is_some() && warning.origin == Some(Origin::Pod))
}

/// Reports labels and metadata of a Pod that the API server refuses; `error` is the one in the metadata of its object.
fn check_metadata(
    workload: &Workload<'_>,
    error: Option<&MetadataError>,
    report: &mut Report,
) -> Result<(), String> {
    let metadata = workload.template().concat(METADATA);
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
    let source_place = |volume, source| {
        let pod = annotations.parent().and_then(Pointer::parent);
        let pod = pod.map_or_else(PointerBuf::root, Pointer::to_owned);
        // The volume of the default token is in the Pod that results, but not in the input.
        checked.object.get(&pod.concat(&token_source(volume, source))).map(|node| checked.place_of(node))
    };
    for violation in violations {
        let Violation { code, field, text, cause, .. } = violation;
        let of_field = place(field.key().map(Key::name));
        let place = match *cause {
            None => of_field,
            Some(ViolationCause::Annotation(key)) => place(Some(key.name())),
            Some(ViolationCause::Source { volume, source }) => match source_place(volume, source) {
                Some(at_source) => Place { key: of_field.key, ..at_source },
                None => of_field,
            },
        };
        report.add(Level::Refused, *code, place, format_args!("{field}: {text}"));
    }
    for warning in warnings {
        report.add(Level::Warning, warning.code, place(warning.key.as_deref()), &warning.text);
    }
}

/// The pointer to a source of a Pod's volume.
fn token_source(volume: usize, source: usize) -> PointerBuf {
    let volume = [Token::from("spec"), Token::from("volumes"), volume.into(), Token::from("projected")];
    PointerBuf::from_tokens(volume.into_iter().chain([Token::from("sources"), source.into()]))
}
