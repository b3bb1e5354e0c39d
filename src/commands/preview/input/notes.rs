//! The lines about files of the input that are not previewed as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::packages::Packages;
use super::skip::Skip;
use crate::commands::preview::report::Level;
use crate::commands::program;
use crate::printable::printable;
use crate::shell::word;

/// Most skipped files that are named without `-v`.
const NAMED: usize = 3;

/// Writes a line each about kustomizations, charts and skipped files. With `is_verbose`, each skipped file has its own.
pub(super) fn write(
    packages: &Packages,
    skipped: &BTreeMap<PathBuf, Skip>,
    is_verbose: bool,
    err: &mut dyn Write,
) -> io::Result<()> {
    write_kustomizations(&packages.kustomizations, err)?;
    write_charts(&packages.charts, err)?;
    if is_verbose {
        for (file, skip) in skipped {
            note(format_args!("skipped {}: {skip}", file.display()), err)?;
        }
        return Ok(());
    }
    let others: Vec<_> =
        skipped.iter().filter(|(_, skip)| !skip.is_of_package()).map(|(file, _)| file).collect();
    match others.as_slice() {
        [] => Ok(()),
        [one] => note(format_args!("skipped {}, which is not a Kubernetes manifest", one.display()), err),
        files if files.len() <= NAMED => {
            let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            note(
                format_args!(
                    "skipped {} files that are not Kubernetes manifests: {}",
                    names.len(),
                    names.join(", ")
                ),
                err,
            )
        }
        files => note(
            format_args!("skipped {} files that are not Kubernetes manifests; -v lists them", files.len()),
            err,
        ),
    }
}

fn write_kustomizations(directories: &BTreeSet<PathBuf>, err: &mut dyn Write) -> io::Result<()> {
    match (directories.len(), directories.last()) {
        (_, None) => Ok(()),
        (1, Some(directory)) => note(
            format_args!(
                "{} is a kustomization, whose objects are shown without its patches; to see what it makes, use -k {}",
                directory.display(),
                word(&directory.display().to_string())
            ),
            err,
        ),
        (count, Some(last)) => note(
            format_args!(
                "{count} kustomizations, whose objects are shown without their patches; to see what one makes, \
                 use -k, such as -k {}",
                word(&last.display().to_string())
            ),
            err,
        ),
    }
}

fn write_charts(directories: &BTreeSet<PathBuf>, err: &mut dyn Write) -> io::Result<()> {
    // A chart within another one is rendered with it.
    let is_outermost =
        |directory: &&PathBuf| !directory.ancestors().skip(1).any(|parent| directories.contains(parent));
    let charts: Vec<_> = directories.iter().filter(is_outermost).collect();
    let render = |chart: &Path| {
        format!("helm template {} | boundtoken preview -f -", word(&chart.display().to_string()))
    };
    match charts.as_slice() {
        [] => Ok(()),
        [chart] => note(
            format_args!("{} is a Helm chart; to see what it makes: {}", chart.display(), render(chart)),
            err,
        ),
        [first, ..] => note(
            format_args!(
                "{} Helm charts; to see what one makes, render it, such as: {}",
                charts.len(),
                render(first)
            ),
            err,
        ),
    }
}

fn note(text: std::fmt::Arguments<'_>, err: &mut dyn Write) -> io::Result<()> {
    writeln!(err, "{}: {}", Level::Note, printable(&program::as_typed(&text.to_string())))
}
