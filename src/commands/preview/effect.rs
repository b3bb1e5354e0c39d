//! What happens to each token in each container of a Pod, in words.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::Value;

use crate::admission::Admission;
use crate::audit::inventory::{
    ExtendedLifetime, HeldToken, LegacySecrets, TokenClass, TokenContext, TokenSpec, held_tokens,
};
use crate::pod::token::{ApiAudiences, DEFAULT_DIRECTORY, DEFAULT_FILE};
use crate::printable::printable;

/// The path of the default token's file, shortened; other paths are written in full.
const DEFAULT_PATH: &str = "/var/run/…/token";

/// What happens to a token in a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TokenEffect {
    /// The name of the container.
    pub(super) container: String,
    /// What happens.
    pub(super) change: TokenChange,
}

/// What happens to a token.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct TokenChange {
    /// The path of its file.
    path: String,
    /// Its audience: `API server`, or `API server → vault` if that changes.
    audience: String,
    /// Its lifetime: `1 h`, or `up to 1 year → 1 h` if that changes.
    lifetime: String,
}

/// What happens to each token of each container: containers in the order of the Pod, and the tokens of each in the
/// order of their paths.
pub(super) fn effects(admission: &Admission, api: &ApiAudiences) -> Vec<TokenEffect> {
    let Admission { before, after, .. } = admission;
    // Of the Secrets in a Pod, boundtoken removes only those with the legacy token.
    let legacy = &secrets(before) - &secrets(after);
    let positions: HashMap<&str, usize> = container_names(before).zip(0..).collect();
    let mut tokens: BTreeMap<(usize, String, String), [Option<HeldToken>; 2]> = BTreeMap::new();
    for (pod, is_after) in [(before, false), (after, true)] {
        for token in held(pod, &legacy, api) {
            for container in &token.containers {
                let position = positions.get(container.as_str()).copied().unwrap_or(usize::MAX);
                let [before, after] =
                    tokens.entry((position, container.clone(), token.path.clone())).or_default();
                *(if is_after { after } else { before }) = Some(token.clone());
            }
        }
    }
    let effects = tokens.into_iter().map(|((_, container, path), [before, after])| {
        let (before, after) = (before.as_ref(), after.as_ref());
        let change =
            TokenChange { path, audience: audience(before, after), lifetime: lifetime(before, after) };
        TokenEffect { container, change }
    });
    effects.collect()
}

/// The names of the Secrets that a Pod has as volumes.
fn secrets(pod: &Value) -> LegacySecrets {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
    volumes.filter_map(|volume| Some(volume.pointer("/secret/secretName")?.as_str()?.to_owned())).collect()
}

fn container_names(pod: &Value) -> impl Iterator<Item = &str> {
    let lists = ["/spec/initContainers", "/spec/containers"].into_iter();
    let containers = lists.filter_map(|list| pod.pointer(list)?.as_array()).flatten();
    containers.filter_map(|container| container.get("name")?.as_str())
}

/// The tokens of a Pod; none if a field that the webhook does not read has a wrong type.
fn held(pod: &Value, legacy: &LegacySecrets, api: &ApiAudiences) -> Vec<HeldToken> {
    let spec = pod.get("spec").and_then(|spec| TokenSpec::deserialize(spec).ok());
    let context = TokenContext { secrets: Some(legacy), api, extended: &ExtendedLifetime::default() };
    spec.map(|spec| held_tokens(&spec, &context)).unwrap_or_default()
}

fn audience(before: Option<&HeldToken>, after: Option<&HeldToken>) -> String {
    let words = |token: &HeldToken| token.audience.clone().unwrap_or_else(|| "API server".to_owned());
    match (before, after) {
        (Some(before), Some(after)) => changed(words(before), &words(after)),
        (one, other) => one.or(other).map(words).unwrap_or_default(),
    }
}

fn lifetime(before: Option<&HeldToken>, after: Option<&HeldToken>) -> String {
    let words = |token: Option<&HeldToken>| match token.map(|token| (token.class, token.seconds)) {
        None => "no token".to_owned(),
        Some((TokenClass::Year, _)) => "up to 1 year".to_owned(),
        Some((_, None)) => "never expires".to_owned(),
        Some((_, Some(seconds))) => duration(seconds),
    };
    changed(words(before), &words(after))
}

fn changed(before: String, after: &str) -> String {
    if before == after { before } else { format!("{before} → {after}") }
}

/// A lifetime in hours, minutes and seconds, such as `1 h 30 min`.
fn duration(seconds: u64) -> String {
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = parts.map(|(count, unit)| format!("{count} {unit}")).collect();
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}

/// Writes a table with a line for each token: the containers, and what happens to it.
pub(super) fn write_effects<'e>(
    effects: impl IntoIterator<Item = (&'e str, &'e TokenChange)>,
    out: &mut String,
) -> fmt::Result {
    let default = format!("{DEFAULT_DIRECTORY}/{DEFAULT_FILE}");
    let cells = |(containers, change): (&'e str, &'e TokenChange)| {
        let path = if change.path == default { DEFAULT_PATH } else { &change.path };
        let containers = if containers.is_empty() { "unnamed" } else { containers };
        [containers, &change.audience, path, &change.lifetime].map(printable)
    };
    let rows: Vec<_> = effects.into_iter().map(cells).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let [first, second, third] = [0, 1, 2].map(width);
    for [containers, audience, path, lifetime] in &rows {
        writeln!(out, "  {containers:first$}  {audience:second$}  {path:third$}  {lifetime}")?;
    }
    if rows.is_empty() { writeln!(out, "  no token in any container") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_shown_in_hours_minutes_and_seconds() {
        for (seconds, words) in
            [(3600, "1 h"), (5400, "1 h 30 min"), (3607, "1 h 7 s"), (86_400, "24 h"), (0, "0 s")]
        {
            assert_eq!(duration(seconds), words);
        }
    }
}
