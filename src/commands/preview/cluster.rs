//! What the input says about the cluster: each Namespace with its settings, each ServiceAccount.

use std::collections::BTreeMap;
use std::sync::Arc;

use json_patch::jsonptr::Pointer;
use serde_json::Value;

use super::Trial;
use super::report::{Report, Severity};
use super::workload::Workload;
use crate::manifest::Object;
use crate::namespaces::opts_in;
use crate::pod::plugin::{ServiceAccount, service_account_name};
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};
use crate::policy::{Defaults, NamespaceSettings};

/// Namespaces that the webhook configuration leaves out whatever their labels say.
const EXCLUDED: [&str; 2] = ["boundtoken", "kube-system"];

/// The cluster, as far as the input describes it.
pub(super) struct Cluster<'a> {
    namespaces: BTreeMap<&'a str, Object<'a>>,
    accounts: BTreeMap<(&'a str, &'a str), ServiceAccount>,
    /// Annotations to try on each Namespace.
    trial: &'a [(&'a str, &'a str)],
    /// What holds where nobody says anything.
    pub(super) defaults: &'a Arc<Defaults>,
}

impl<'a> Cluster<'a> {
    /// Finds each Namespace and each ServiceAccount among the objects.
    pub(super) fn new(
        objects: &[Object<'a>],
        default_namespace: &'a str,
        trial: &'a Trial<'a>,
        defaults: &'a Arc<Defaults>,
    ) -> Self {
        let of_kind = |kind| objects.iter().filter(move |object| object.is_core(kind));
        let named = |object: &Object<'a>| object.text("/metadata/name").unwrap_or_default();
        let namespaces = of_kind("Namespace").map(|object| (named(object), object.clone())).collect();
        let accounts = of_kind("ServiceAccount").map(|object| {
            let namespace = object.text("/metadata/namespace").unwrap_or(default_namespace);
            ((namespace, named(object)), ServiceAccount::from_object(object.value))
        });
        Self { namespaces, accounts: accounts.collect(), trial: &trial.namespace, defaults }
    }

    /// The Namespace of this name, if the input has it.
    pub(super) fn namespace(&self, name: &str) -> Option<&Object<'a>> {
        self.namespaces.get(name)
    }

    /// The ServiceAccount of a Pod; one that the input lacks says nothing.
    pub(super) fn account(&self, namespace: &str, pod: &Value) -> ServiceAccount {
        self.accounts.get(&(namespace, service_account_name(pod))).cloned().unwrap_or_default()
    }

    /// The settings of a Namespace that opted in; one that the input lacks counts as such.
    pub(super) fn settings(&self, workload: &Workload<'_>, report: &mut Report) -> Option<NamespaceSettings> {
        let name = workload.namespace;
        if EXCLUDED.contains(&name) {
            report.note(format_args!("Namespace {name} is never matched: its Pods stay as they are"));
            return None;
        }
        let Some(namespace) = self.namespace(name) else {
            report.note(format_args!(
                "Namespace {name} is not in the input: taken as opted in, without settings"
            ));
            return Some(self.parse(name, None));
        };
        let label = namespace.value.pointer("/metadata/labels").and_then(|labels| labels.get(OPT_IN_LABEL));
        if opts_in(label.and_then(Value::as_str)) {
            return Some(self.parse(name, namespace.value.pointer("/metadata/annotations")));
        }
        let fault = match label {
            Some(value) => format!(": the label {OPT_IN_LABEL} has {value}, must be \"{OPT_IN_VALUE}\";"),
            None => format!(" lacks the label {OPT_IN_LABEL}={OPT_IN_VALUE}:"),
        };
        let place = Pointer::from_static("/metadata/labels").with_trailing_token(OPT_IN_LABEL);
        let text = format_args!("Namespace {name}{fault} its Pods stay as they are");
        report.add(Severity::Note, namespace, &place, text);
        None
    }

    fn parse(&self, name: &str, annotations: Option<&Value>) -> NamespaceSettings {
        let written = annotations.and_then(Value::as_object).into_iter().flatten();
        // The API server takes `null` as empty; whatever else is no string is reported as such.
        let written = written.filter_map(|(key, value)| match value {
            Value::Null => Some((key.as_str(), "")),
            value => Some((key.as_str(), value.as_str()?)),
        });
        let written = written.filter(|(key, _)| !self.trial.iter().any(|(tried, _)| tried == key));
        NamespaceSettings::parse(name, written.chain(self.trial.iter().copied()), self.defaults)
    }
}
