//! The cluster as the input describes it: Namespaces with their settings, and service accounts.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use json_patch::jsonptr::Pointer;
use serde_json::Value;

use super::checks;
use super::overrides::Overrides;
use super::place::{CheckedObject, METADATA, Place};
use super::report::{Alike, Report};
use crate::manifest::{Node, Object};
use crate::namespaces::{EXCLUDED_NAMESPACES, opts_in};
use crate::pod::plugin::{ServiceAccount, service_account_name};
use crate::policy::diagnostics::Code;
use crate::policy::keys::{Key, OPT_IN_LABEL, OPT_IN_VALUE};
use crate::policy::{Defaults, NamespaceSettings};

/// The cluster, to the extent that the input describes it.
pub(super) struct SimulatedCluster<'a> {
    namespaces: BTreeMap<&'a str, Object<'a>>,
    accounts: BTreeMap<(&'a str, &'a str), ServiceAccount>,
    /// The settings of `--annotate` and `--label`.
    pub(super) overrides: &'a Overrides<'a>,
    /// The defaults of the cluster.
    pub(super) defaults: &'a Arc<Defaults>,
}

/// Whether the webhook is called for the Pods of a Namespace, and with which settings.
#[derive(Clone)]
pub(super) enum WebhookCall {
    /// It is called.
    Called {
        /// The settings of the Namespace.
        settings: Rc<NamespaceSettings>,
        /// The settings without `dry-run`, if the Namespace sets that.
        without_dry_run: Option<Rc<NamespaceSettings>>,
    },
    /// It is not called.
    NotCalled {
        /// The reason, such as `Namespace shop is not opted in`.
        reason: Rc<str>,
    },
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

    /// The ServiceAccount of a Pod; `None` if it is not in the input.
    pub(super) fn account(&self, namespace: &str, pod: &Value) -> Option<ServiceAccount> {
        self.accounts.get(&(namespace, service_account_name(pod))).cloned()
    }

    /// Whether the webhook is called for the Pods of a Namespace. One that is not in the input is assumed to have
    /// opted in.
    pub(super) fn call(&self, name: &str, report: &mut Report) -> WebhookCall {
        if is_excluded(name) {
            let place = Place::absent("Namespace", None, name);
            let sentence = format!("Namespace {name} is never matched: its Pods stay as they are");
            let many = "Namespaces are never matched: their Pods stay as they are";
            report.add_note(Code::NotCalled, place, Alike { name: name.to_owned(), sentence, many });
            return WebhookCall::NotCalled {
                reason: format!("the webhook is never called for Namespace {name}").into(),
            };
        }
        let namespace = self.namespace(name);
        if !self.is_opted_in(namespace) {
            report.add_note(Code::NotCalled, place_of_label(namespace, name), not_opted_in(name));
            return WebhookCall::NotCalled { reason: format!("Namespace {name} is not opted in").into() };
        }
        if namespace.is_none() {
            let place = Place::absent("Namespace", None, name);
            report.add_note(Code::NamespaceAssumed, place, namespace_assumed(name));
        }
        let settings = self.settings_of(namespace, name);
        let without_dry_run = settings.is_dry_run().then(|| {
            let entries = self.annotations(namespace).filter(|(key, _)| *key != Key::DryRun.name());
            Rc::new(NamespaceSettings::parse(name, entries, self.defaults))
        });
        WebhookCall::Called { settings: Rc::new(settings), without_dry_run }
    }

    /// The settings of a Namespace, with those of `--annotate`.
    pub(super) fn settings_of(&self, namespace: Option<&Object<'a>>, name: &str) -> NamespaceSettings {
        NamespaceSettings::parse(name, self.annotations(namespace), self.defaults)
    }

    /// The annotations of a Namespace, with those of `--annotate`.
    fn annotations<'s>(
        &'s self,
        namespace: Option<&'s Object<'a>>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 's {
        let overrides = &self.overrides.namespace;
        let is_overridden = |key: &str| overrides.iter().any(|(name, _)| *name == key);
        let written =
            namespace.into_iter().flat_map(|object| checks::entries(object, METADATA, "annotations"));
        // The API server reads `null` as the empty string; other values that are not strings are reported by
        // the checks.
        let written = written.filter_map(move |(key, node)| {
            let value = if node.is_null() { Some("") } else { node.as_str() };
            value.filter(|_| !is_overridden(key)).map(|value| (key, value))
        });
        written.chain(overrides.iter().copied())
    }

    /// Whether a Namespace has the label that opts in. One that is not in the input is assumed to have it.
    pub(super) fn is_opted_in(&self, namespace: Option<&Object<'a>>) -> bool {
        match (self.overrides.label, namespace) {
            (None, None) => true,
            _ => opts_in(self.label(namespace)),
        }
    }

    /// The label that opts in, with that of `--label`.
    pub(super) fn label(&self, namespace: Option<&Object<'a>>) -> Option<&'a str> {
        self.overrides.label.or_else(|| label(namespace?)?.as_str())
    }
}

/// The place of the label that opts in a Namespace.
fn place_of_label(namespace: Option<&Object<'_>>, name: &str) -> Place {
    let Some(namespace) = namespace else { return Place::absent("Namespace", None, name) };
    let pointer = Pointer::from_static("/metadata/labels").with_trailing_token(OPT_IN_LABEL);
    CheckedObject::new(namespace).place(&pointer).with_key(OPT_IN_LABEL)
}

fn not_opted_in(name: &str) -> Alike {
    Alike {
        name: name.to_owned(),
        sentence: format!(
            "Namespace {name} lacks the label {OPT_IN_LABEL}={OPT_IN_VALUE}: its Pods stay as they are"
        ),
        many: "Namespaces lack the label boundtoken.dev/webhook=enabled: their Pods stay as they are",
    }
}

fn namespace_assumed(name: &str) -> Alike {
    Alike {
        name: name.to_owned(),
        sentence: format!("Namespace {name} is not in the input: assumed to be opted in, without settings"),
        many: "Namespaces are not in the input: assumed to be opted in, without settings",
    }
}

/// Adds a note that a Pod's ServiceAccount is not in the input, unless the Pod overrides its setting.
pub(super) fn report_assumed_account(namespace: &str, pod: &Value, report: &mut Report) {
    if pod.pointer("/spec/automountServiceAccountToken").is_some_and(Value::is_boolean) {
        return;
    }
    let name = service_account_name(pod);
    let alike = Alike {
        name: format!("{namespace}/{name}"),
        sentence: format!(
            "ServiceAccount {namespace}/{name} is not in the input: assumed to allow automount"
        ),
        many: "ServiceAccounts are not in the input: assumed to allow automount",
    };
    report.add_note(Code::AccountAssumed, Place::absent("ServiceAccount", Some(namespace), name), alike);
}

/// Whether the webhook is never called for a Namespace.
pub(super) fn is_excluded(name: &str) -> bool {
    EXCLUDED_NAMESPACES.contains(&name)
}

fn label<'a>(namespace: &Object<'a>) -> Option<&'a Node> {
    namespace.get(Pointer::from_static("/metadata/labels"))?.get(OPT_IN_LABEL)
}

/// The name of an object; empty if it has none.
pub(super) fn name<'a>(object: &Object<'a>) -> &'a str {
    object.text("/metadata/name").unwrap_or_default()
}
