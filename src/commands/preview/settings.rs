//! `--explain`: which setting holds for a Pod, and who says so.

use std::io::{self, Write};

use json_patch::jsonptr::Pointer;
use serde::Deserialize;
use serde_json::Value;

use super::cluster::Cluster;
use super::pods::ANNOTATIONS;
use super::report::BOLD;
use super::{Preview, Trial};
use crate::admission::Pod;
use crate::commands::printable::printable;
use crate::manifest::Object;
use crate::policy::keys::Key;
use crate::policy::{Defaults, Effective, Origin, effective};

/// Writes the settings in force for each Pod and where each comes from.
pub(super) fn write_settings(
    previews: &[Preview<'_>],
    cluster: &Cluster<'_>,
    trial: &Trial<'_>,
    err: &mut dyn Write,
) -> io::Result<()> {
    for preview in previews {
        let title = format!("{} {}", preview.workload.title(), preview.workload.place());
        writeln!(err, "{BOLD}{}{BOLD:#}", printable(&title))?;
        match in_force(preview) {
            Ok(mut settings) => {
                for setting in &mut settings {
                    spell_as_written(setting, preview, cluster, trial);
                }
                write_table(&settings, |setting| origin(setting, preview, cluster, trial), err)?;
            }
            Err(why) => writeln!(err, "  no settings: {}", printable(&why))?,
        }
    }
    Ok(())
}

fn in_force(preview: &Preview<'_>) -> Result<Vec<Effective>, String> {
    let Preview { workload: _, admission, settings } = preview;
    let Some(settings) = settings else {
        return Err(match admission.refusals.first() {
            Some(refusal) => format!("refused before any webhook sees the Pod: {refusal}"),
            None => "no webhook sees the Pod".to_owned(),
        });
    };
    let pod = Pod::deserialize(&admission.without).map_err(|_| "the Pod cannot be read".to_owned())?;
    if pod.is_mirror() {
        return Err("a mirror Pod stays as it is".to_owned());
    }
    effective(pod.metadata.annotations.ours(), settings).map_err(|_| "they are refused, see above".to_owned())
}

/// A lifetime as its author wrote it: 3607 s are no `1h7s` to anybody.
fn spell_as_written(
    setting: &mut Effective,
    preview: &Preview<'_>,
    cluster: &Cluster<'_>,
    trial: &Trial<'_>,
) {
    if !matches!(setting.key, Key::Ttl | Key::MaxTtl) {
        return;
    }
    let key = setting.key.name();
    let of_object = |object: &Value| {
        let annotations = ANNOTATIONS.resolve(object).ok()?;
        annotations.get(key)?.as_str().map(|value| value.trim().to_owned())
    };
    let written = match &setting.origin {
        None => None,
        Some(Origin::Pod) => of_object(&preview.admission.without),
        Some(Origin::Namespace(name)) => {
            let tried = trial.namespace.iter().rev().find(|(tried, _)| *tried == key);
            let namespace = || of_object(cluster.namespace(name)?.value);
            tried.map(|(_, value)| value.trim().to_owned()).or_else(namespace)
        }
    };
    if let Some(written) = written {
        setting.value = written;
    }
}

fn write_table(
    settings: &[Effective],
    origin: impl Fn(&Effective) -> String,
    err: &mut dyn Write,
) -> io::Result<()> {
    let keys = settings.iter().map(|setting| setting.key.name().len()).max().unwrap_or_default();
    let values = settings.iter().map(|setting| setting.value.chars().count()).max().unwrap_or_default();
    for setting in settings {
        let (key, value, origin) = (setting.key.name(), printable(&setting.value), origin(setting));
        writeln!(err, "  {key:keys$}  {value:values$}  {}", printable(&origin))?;
    }
    Ok(())
}

fn origin(setting: &Effective, preview: &Preview<'_>, cluster: &Cluster<'_>, trial: &Trial<'_>) -> String {
    let key = setting.key.name();
    let tried = |trial: &[(&str, &str)]| trial.iter().any(|(tried, _)| *tried == key);
    match &setting.origin {
        None => default_origin(setting, cluster.defaults).to_owned(),
        Some(_) if tried(&trial.pod) || tried(&trial.namespace) => "--annotate".to_owned(),
        Some(Origin::Pod) => {
            let workload = &preview.workload;
            format!("Pod, {}", place(&workload.object, &workload.annotations(), key))
        }
        Some(Origin::Namespace(name)) => match cluster.namespace(name) {
            Some(namespace) => format!("Namespace {name}, {}", place(namespace, ANNOTATIONS, key)),
            None => format!("Namespace {name}"),
        },
    }
}

fn place(object: &Object<'_>, annotations: &Pointer, key: &str) -> String {
    format!("{}:{}", object.document.file, object.line(&annotations.with_trailing_token(key)))
}

fn default_origin(setting: &Effective, defaults: &Defaults) -> &'static str {
    let built_in = Defaults::default();
    match setting.key {
        Key::Mode if defaults.mode != built_in.mode => "--default-mode",
        Key::Audience if defaults.audience != built_in.audience => "--default-audience",
        Key::Ttl if setting.value != defaults.ttl.to_string() => "lowered to max-ttl",
        Key::Ttl if defaults.ttl != built_in.ttl => "--default-ttl",
        _ => "built-in default",
    }
}
