//! The settings in force for a Pod, with the object that sets each of them.

use super::compile::Compiled;
use super::evaluate::{in_force, own_settings};
use super::keys::{self, Key};
use super::namespace::NamespaceSettings;
use super::origin::Origin;
use super::violation::Violation;

/// A setting in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Effective {
    /// The key.
    pub key: Key,
    /// The value as written, or the default.
    pub value: String,
    /// The object that sets it; `None` for the default.
    pub origin: Option<Origin>,
}

/// The settings in force for a Pod with these annotations, in the order of the table of keys: every key
/// that is set, and the defaults that have an effect in the mode.
///
/// # Errors
/// When a setting is invalid or contradicts another one; the error has every violation.
pub fn effective<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    namespace: &NamespaceSettings,
) -> Result<Vec<Effective>, Vec<Violation>> {
    let own = own_settings(annotations, namespace);
    let compiled = in_force(own, namespace).map_err(|invalid| invalid.violations)?;
    let effective = |key: Key| match compiled.settings.get(key) {
        Some(setting) => {
            let (value, origin) = (setting.shown().into_owned(), Some(setting.origin.clone()));
            Some(Effective { key, value, origin })
        }
        None if key.has_effect(compiled.mode) => {
            Some(Effective { key, value: default(key, &compiled)?, origin: None })
        }
        None => None,
    };
    Ok(keys::all().filter_map(|entry| effective(entry.key)).collect())
}

/// The cluster-wide default of a key, if it has one.
fn default(key: Key, compiled: &Compiled) -> Option<String> {
    match key {
        Key::Mode => Some(compiled.mode.to_string()),
        Key::Audience => Some(compiled.audience.name().unwrap_or_else(|| key.entry().default).to_owned()),
        Key::Ttl => Some(compiled.ttl.to_string()),
        _ => None,
    }
}
