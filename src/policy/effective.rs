//! Which setting holds for a Pod, and which object says so.

use crate::pod::token::{Audience, Containers};

use super::evaluate::{in_force, own_settings};
use super::keys::Key;
use super::namespace::NamespaceSettings;
use super::settings::Settings;
use super::violation::{Origin, Violation};

/// A setting in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Effective {
    /// The key.
    pub key: Key,
    /// The value, as people write it.
    pub value: String,
    /// The object that says so; `None` for the default.
    pub origin: Option<Origin>,
}

/// The settings in force for a Pod with these annotations, in the order of the table.
///
/// # Errors
/// Every mistake, if the settings contradict each other or cannot be read.
pub fn effective<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    namespace: &NamespaceSettings,
) -> Result<Vec<Effective>, Vec<Violation>> {
    let compiled = in_force(own_settings(annotations, namespace), namespace)?;
    let settings = &compiled.settings;
    let origin =
        |key| settings.keys().into_iter().find(|(set, _)| *set == key).map(|(_, origin)| origin.clone());
    let effective = |(key, value)| Effective { key, value, origin: origin(key) };
    let token = compiled
        .mode
        .has_token()
        .then(|| [(Key::Audience, audience(&compiled.audience)), (Key::Ttl, compiled.ttl.to_string())]);
    let mode = (Key::Mode, compiled.mode.to_string());
    let set = std::iter::once(mode).chain(token.into_iter().flatten()).chain(optional(settings));
    let guardrails = namespace.guardrails.spelt_out().into_iter();
    let of_namespace = |(key, value)| Effective { key, value, origin: Some(namespace.origin.clone()) };
    Ok(set.map(effective).chain(guardrails.map(of_namespace)).collect())
}

/// The settings without a default.
fn optional(settings: &Settings) -> impl Iterator<Item = (Key, String)> {
    let path = settings.path.as_ref().map(|setting| (Key::Path, setting.value.to_string()));
    let containers = settings.containers.as_ref().map(|setting| list(&setting.value));
    let env = settings.env.as_ref().map(|setting| (Key::Env, setting.value.to_string()));
    let tokens = settings.tokens.as_ref().map(|setting| {
        let paths: Vec<String> = setting.value.iter().map(|item| item.path.to_string()).collect();
        (Key::Tokens, paths.join(", "))
    });
    [path, containers, env, tokens].into_iter().flatten()
}

fn audience(audience: &Audience) -> String {
    audience.name().unwrap_or("the API server's own").to_owned()
}

fn list(containers: &Containers) -> (Key, String) {
    let key = match containers {
        Containers::Except(_) => Key::SkipContainers,
        Containers::All | Containers::Only(_) => Key::Containers,
    };
    (key, containers.names().join(","))
}
