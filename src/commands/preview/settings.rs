//! `--explain`: which setting holds for a Pod, and who says so.

use std::io::{self, Write};

use json_patch::jsonptr::Pointer;
use serde::Deserialize;

use super::cluster::Cluster;
use super::pods::ANNOTATIONS;
use super::report::{BOLD, printable};
use super::{Preview, Trial};
use crate::admission::Pod;
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
            Ok(settings) => write_table(&settings, |setting| origin(setting, preview, cluster, trial), err)?,
            Err(why) => writeln!(err, "  no settings: {why}")?,
        }
    }
    Ok(())
}

fn in_force(preview: &Preview<'_>) -> Result<Vec<Effective>, &'static str> {
    let settings = preview.settings.as_ref().ok_or("no webhook sees the Pod")?;
    let pod = Pod::deserialize(&preview.admission.without).map_err(|_| "the Pod cannot be read")?;
    if pod.is_mirror() {
        return Err("a mirror Pod stays as it is");
    }
    effective(pod.metadata.annotations.ours(), settings).map_err(|_| "those in sight are refused")
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
