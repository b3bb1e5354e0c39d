//! Helm charts and kustomizations among the files of a directory: their parts are not manifests by themselves.

use std::collections::{BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

use super::skip::Skip;
use crate::manifest::{self, Node};

/// The names of a file that makes its directory a kustomization.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The name of a file that makes its directory a Helm chart.
const CHART: &str = "Chart.yaml";

/// The fields of a kustomization whose files are not objects, or only parts of objects.
const PARTS: [&str; 9] = [
    "configurations",
    "crds",
    "generators",
    "openapi",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "transformers",
];

/// The charts and kustomizations of the input.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// The directories with a chart.
    pub(super) charts: BTreeSet<PathBuf>,
    /// The directories with a kustomization.
    pub(super) kustomizations: BTreeSet<PathBuf>,
    /// The files that kustomizations use as parts of objects.
    parts: HashSet<PathBuf>,
}

impl Packages {
    /// Adds the charts and kustomizations among files.
    pub(super) fn extend(&mut self, files: &[PathBuf]) {
        for file in files {
            if is_named(file, &[CHART]) {
                self.charts.insert(directory(file).to_owned());
            }
            if let Some(directory) = kustomization(file) {
                self.kustomizations.insert(directory.to_owned());
                self.parts.extend(parts(file));
            }
        }
    }

    /// Checks a file of a directory.
    ///
    /// # Errors
    /// When it is no manifest, but part of a chart or of a kustomization.
    pub(super) fn check(&self, file: &Path) -> Result<(), Skip> {
        let is_of_chart =
            file.ancestors().skip(1).filter(|parent| self.charts.contains(*parent)).any(|chart| {
                let mut within = file.strip_prefix(chart).unwrap_or(file).components();
                match (within.next(), within.next()) {
                    (Some(Component::Normal(first)), Some(_)) => first == "templates",
                    // `Chart.yaml`, `values.yaml` and its variants.
                    _ => true,
                }
            });
        if is_of_chart {
            Err(Skip::Chart)
        } else if kustomization(file).is_some() || self.parts.contains(&normal(file)) {
            Err(Skip::Kustomization)
        } else {
            Ok(())
        }
    }
}

/// The directory that a file makes a kustomization.
pub(super) fn kustomization(file: &Path) -> Option<&Path> {
    is_named(file, &KUSTOMIZATIONS).then(|| directory(file))
}

fn is_named(file: &Path, names: &[&str]) -> bool {
    file.file_name().is_some_and(|name| names.iter().any(|known| name == *known))
}

fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// The files that a kustomization uses as parts of objects. One that cannot be read names none: kubectl reports that.
fn parts(kustomization: &Path) -> Vec<PathBuf> {
    let read = manifest::read_file(kustomization);
    let documents = read.and_then(|file| manifest::parse(&file.name, &file.text)).unwrap_or_default();
    let mut texts = Vec::new();
    for (document, field) in documents.iter().flat_map(|document| PARTS.map(|field| (document, field))) {
        if let Some(value) = document.root.get(field) {
            add_texts(value, &mut texts);
        }
    }
    texts.into_iter().map(|text| normal(&directory(kustomization).join(text))).collect()
}

/// Adds all strings within a value.
fn add_texts<'n>(value: &'n Node, texts: &mut Vec<&'n str>) {
    texts.extend(value.as_str());
    for item in value.as_list().into_iter().flatten() {
        add_texts(item, texts);
    }
    for (_, value) in value.as_map().into_iter().flatten() {
        add_texts(value, texts);
    }
}

/// A path without `.` and, where that is possible, without `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            component => normal.push(component),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_without_dots() {
        for (path, expected) in
            [("./a/../b/./c", "b/c"), ("../a", "../a"), ("a/../../b", "../b"), ("/a/./b/..", "/a"), (".", "")]
        {
            assert_eq!(normal(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn only_templates_and_files_beside_the_chart_are_of_the_chart() {
        let files = [
            "c/Chart.yaml",
            "c/values.yaml",
            "c/templates/a/b.yaml",
            "c/crds/a.yaml",
            "c/charts/d/x.yaml",
            "e.yaml",
        ];
        let files = files.map(PathBuf::from);
        let mut packages = Packages::default();
        packages.extend(&files);
        let skipped = files.map(|file| packages.check(&file).is_err());
        assert_eq!(skipped, [true, true, true, false, false, false]);
    }
}
