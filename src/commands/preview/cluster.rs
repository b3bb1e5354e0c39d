//! The cluster as the input describes it: Namespaces with their settings, and service accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use json_patch::jsonptr::Pointer;
use serde_json::Value;

use super::checks::{self, METADATA};
use super::overrides::Overrides;
use super::place::{CheckedObject, Place};
use super::report::{Level, Report};
use super::workload::Workload;
use crate::manifest::{Node, Object};
use crate::namespaces::opts_in;
use crate::pod::plugin::{ServiceAccount, service_account_name};
use crate::policy::diagnostics::Code;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE};
use crate::policy::{Defaults, NamespaceSettings};

/// Namespaces that the webhook configuration excludes regardless of their labels.
const EXCLUDED: [&str; 2] = ["boundtoken", "kube-system"];

/// The cluster, to the extent that the input describes it.
pub(super) struct SimulatedCluster<'a> {
    namespaces: BTreeMap<&'a str, Object<'a>>,
    accounts: BTreeMap<(&'a str, &'a str), ServiceAccount>,
    /// The settings of `--annotate`.
    pub(super) overrides: &'a Overrides<'a>,
    /// The defaults of the cluster.
    pub(super) defaults: &'a Arc<Defaults>,
}

impl<'a> SimulatedCluster<'a> {
    /// Finds each Namespace and each ServiceAccount among the objects.
    pub(super) fn new(
        objects: &[Object<'a>],
        default_namespace: &'a str,
        overrides: &'a Overrides<'a>,
        defaults: &'a Arc<Defaults>,
    ) -> Self {
        let of_kind = |kind| objects.iter().filter(move |object| object.is_core(kind));
        let namespaces = of_kind("Namespace").map(|object| (name(object), object.clone())).collect();
        let accounts = of_kind("ServiceAccount").map(|object| {
            let namespace = object.text("/metadata/namespace").unwrap_or(default_namespace);
            ((namespace, name(object)), ServiceAccount::from_object(&object.value.to_value()))
        });
        Self { namespaces, accounts: accounts.collect(), overrides, defaults }
    }

    /// The Namespace of this name, if the input has it.
    pub(super) fn namespace(&self, name: &str) -> Option<&Object<'a>> {
        self.namespaces.get(name)
    }

    /// The ServiceAccount of a Pod; one that is not in the input has no settings.
    pub(super) fn account(&self, namespace: &str, pod: &Value) -> ServiceAccount {
        self.accounts.get(&(namespace, service_account_name(pod))).cloned().unwrap_or_default()
    }

    /// The settings of a workload's Namespace; `None` if it did not opt in. A Namespace that is not in the
    /// input is assumed to have opted in.
    pub(super) fn settings(&self, workload: &Workload<'_>, report: &mut Report) -> Option<NamespaceSettings> {
        let name = workload.namespace;
        if EXCLUDED.contains(&name) {
            let text = format_args!("Namespace {name} is never matched: its Pods stay as they are");
            report.add(Level::Note, Code::NotCalled, Place::of_namespace(name), text);
            return None;
        }
        let Some(namespace) = self.namespace(name) else {
            let text = format_args!(
                "Namespace {name} is not in the input: assumed to be opted in, without settings"
            );
            report.add(Level::Note, Code::NamespaceAssumed, Place::of_namespace(name), text);
            return Some(NamespaceSettings::parse(
                name,
                self.overrides.namespace.iter().copied(),
                self.defaults,
            ));
        };
        if is_opted_in(namespace) {
            return Some(self.settings_of(namespace));
        }
        let fault = match label(namespace) {
            Some(label) => {
                let value = label.to_value();
                format!(": the label {OPT_IN_LABEL} has {value}, must be \"{OPT_IN_VALUE}\";")
            }
            None => format!(" lacks the label {OPT_IN_LABEL}={OPT_IN_VALUE}:"),
        };
        let pointer = Pointer::from_static("/metadata/labels").with_trailing_token(OPT_IN_LABEL);
        let text = format_args!("Namespace {name}{fault} its Pods stay as they are");
        let place = CheckedObject::new(namespace).place(&pointer).with_key(OPT_IN_LABEL);
        report.add(Level::Note, Code::NotCalled, place, text);
        None
    }

    /// The settings of a Namespace in the input, with those of `--annotate`.
    pub(super) fn settings_of(&self, namespace: &Object<'a>) -> NamespaceSettings {
        let overrides = &self.overrides.namespace;
        let is_overridden = |key: &str| overrides.iter().any(|(name, _)| *name == key);
        // The API server reads `null` as the empty string; other values that are not strings are reported by
        // the checks.
        let written = checks::entries(namespace, METADATA, "annotations").filter_map(|(key, node)| {
            let value = if node.is_null() { Some("") } else { node.as_str() };
            value.filter(|_| !is_overridden(key)).map(|value| (key, value))
        });
        NamespaceSettings::parse(name(namespace), written.chain(overrides.iter().copied()), self.defaults)
    }
}

/// Whether a Namespace has the label that opts in.
pub(super) fn is_opted_in(namespace: &Object<'_>) -> bool {
    opts_in(label(namespace).and_then(Node::as_str))
}

fn label<'a>(namespace: &Object<'a>) -> Option<&'a Node> {
    namespace.get(Pointer::from_static("/metadata/labels"))?.get(OPT_IN_LABEL)
}

/// The name of an object; empty if it has none.
pub(super) fn name<'a>(object: &Object<'a>) -> &'a str {
    object.text("/metadata/name").unwrap_or_default()
}
