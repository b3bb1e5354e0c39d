//! `--explain`: the settings in force for a Pod, and where each comes from.

use std::fmt::{self, Write};

use json_patch::jsonptr::Pointer;
use serde::Deserialize;

use super::cluster::SimulatedCluster;
use super::place::Location;
use super::pods::{ANNOTATIONS, Preview};
use super::report::BOLD;
use crate::admission::Pod;
use crate::manifest::Object;
use crate::policy::diagnostics::Code;
use crate::policy::keys::Key;
use crate::policy::{Defaults, Effective, Origin, check_value, effective, guess};
use crate::printable::printable;

/// Writes the settings in force for a Pod and where each comes from.
pub(super) fn explain(
    preview: &Preview<'_>,
    cluster: &SimulatedCluster<'_>,
    out: &mut String,
) -> fmt::Result {
    let title = format!("{} {}", preview.workload.title(), preview.workload.location());
    writeln!(out, "{BOLD}{}{BOLD:#}", printable(&title))?;
    match in_force(preview) {
        Ok(settings) => write_table(&settings, |setting| source(setting, preview, cluster), out)?,
        Err(reason) => writeln!(out, "  no settings: {}", printable(&reason))?,
    }
    if preview.settings.is_some() { write_mistakes(preview, out) } else { Ok(()) }
}

fn in_force(preview: &Preview<'_>) -> Result<Vec<Effective>, String> {
    let Preview { admission, settings, .. } = preview;
    let Some(settings) = settings else {
        return Err(match &admission.rejection {
            Some(reason) => format!("refused before any webhook is called: {reason}"),
            None => "no webhook is called".to_owned(),
        });
    };
    let pod = Pod::deserialize(&admission.before).map_err(|_| "the Pod cannot be read".to_owned())?;
    if pod.is_mirror() {
        return Err("a mirror Pod stays as it is".to_owned());
    }
    effective(pod.metadata.annotations.own_annotations(), settings.as_ref())
        .map_err(|_| "they are refused, see above".to_owned())
}

fn write_table(
    settings: &[Effective],
    source: impl Fn(&Effective) -> String,
    out: &mut String,
) -> fmt::Result {
    let keys = settings.iter().map(|setting| setting.key.name().len()).max().unwrap_or_default();
    let values = settings.iter().map(|setting| setting.value.chars().count()).max().unwrap_or_default();
    for setting in settings {
        let (key, value, source) = (setting.key.name(), printable(&setting.value), source(setting));
        writeln!(out, "  {key:keys$}  {value:values$}  {}", printable(&source))?;
    }
    Ok(())
}

/// Writes the annotations of a Pod that are not in force because of a mistake in their key or value.
fn write_mistakes(preview: &Preview<'_>, out: &mut String) -> fmt::Result {
    let Ok(pod) = Pod::deserialize(&preview.admission.before) else { return Ok(()) };
    for (name, value) in pod.metadata.annotations.own_annotations() {
        let mistake = match Key::from_name(name) {
            Some(key) => check_value(key, value).into_iter().next(),
            None => Some((Code::UnknownKey, unknown(name))),
        };
        if let Some((code, sentence)) = mistake {
            writeln!(out, "  {} ({code})", printable(&sentence))?;
        }
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    match guess(name) {
        Some(known) => format!("{name}: no effect; did you mean {known}?"),
        None => format!("{name}: no effect"),
    }
}

/// The source of a setting: a flag, or a line of a file.
fn source(setting: &Effective, preview: &Preview<'_>, cluster: &SimulatedCluster<'_>) -> String {
    let key = setting.key.name();
    let mut overrides = cluster.overrides.pod.iter().chain(&cluster.overrides.namespace);
    match &setting.origin {
        None => default_source(setting, cluster.defaults).to_owned(),
        Some(_) if overrides.any(|(name, _)| *name == key) => "--annotate".to_owned(),
        Some(Origin::Pod) => {
            let workload = preview.workload;
            format!("Pod, {}", location(&workload.object, &workload.annotations(), key))
        }
        Some(Origin::Namespace(name)) => match cluster.namespace(name) {
            Some(namespace) => format!("Namespace {name}, {}", location(namespace, ANNOTATIONS, key)),
            None => format!("Namespace {name}"),
        },
    }
}

fn location(object: &Object<'_>, annotations: &Pointer, key: &str) -> Location {
    Location::of(object, &annotations.with_trailing_token(key))
}

fn default_source(setting: &Effective, defaults: &Defaults) -> &'static str {
    let built_in = Defaults::default();
    match setting.key {
        Key::Mode if defaults.mode != built_in.mode => "--default-mode",
        Key::Audience if defaults.audience != built_in.audience => "--default-audience",
        Key::Ttl if setting.value != defaults.ttl.to_string() => "lowered to max-ttl",
        Key::Ttl if defaults.ttl != built_in.ttl => "--default-ttl",
        _ => "built-in default",
    }
}
