//! The kind of each volume of a Pod, indexed by position and by name.
//!
//! Lookups are logarithmic: the author of a Pod chooses its number of volumes and mounts, and the API
//! server validates them only after admission.

use super::plan::Plan;
use super::token::{DEFAULT_DIRECTORY, DEFAULT_FILE, DEFAULT_PREFIX};
use super::view::{PodSpec, Volume, VolumeMount};

/// The tokens that a volume holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum VolumeKind {
    /// The default token.
    Default,
    /// The Secret of the default token, as Kubernetes mounted it before 1.21.
    Legacy,
    /// Anything else.
    Other,
    /// The plan's volume at this index, added by an earlier patch.
    Planned(usize),
}

impl VolumeKind {
    /// Whether the volume holds the default token.
    pub(super) fn is_default(self) -> bool {
        matches!(self, Self::Default | Self::Legacy)
    }
}

/// A volume of any kind but [`VolumeKind::Other`].
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexedVolume<'p> {
    pub(super) name: &'p str,
    pub(super) kind: VolumeKind,
    /// The file of the default token in it.
    pub(super) file: &'p str,
}

/// The kinds of a Pod's volumes.
#[derive(Debug)]
pub(super) struct VolumeIndex<'p> {
    /// By position in `spec.volumes`.
    by_position: Vec<VolumeKind>,
    /// Sorted by name, without those of kind [`VolumeKind::Other`].
    by_name: Vec<IndexedVolume<'p>>,
    /// The first volume of the default token.
    pub(super) first_default: Option<IndexedVolume<'p>>,
    /// The names of the volumes that some container mounts at the default directory, sorted.
    at_default: Vec<&'p str>,
}

impl<'p> VolumeIndex<'p> {
    pub(super) fn new(spec: &'p PodSpec<'p>, plan: Option<&Plan>) -> Self {
        let planned: Vec<&str> =
            plan.into_iter().flat_map(|plan| &plan.volumes).map(|volume| &*volume.name).collect();
        let at_default = mounted_at_default(spec);
        let volumes = spec.volumes.iter().flatten();
        let kind = |volume: &Volume<'_>| kind(volume, spec, &planned, &at_default);
        let by_position: Vec<VolumeKind> = volumes.clone().map(kind).collect();
        let mut by_name: Vec<IndexedVolume<'p>> = volumes
            .zip(&by_position)
            .filter(|(_, kind)| **kind != VolumeKind::Other)
            .map(|(volume, kind)| IndexedVolume {
                name: volume.name.as_str(),
                kind: *kind,
                file: default_file(volume),
            })
            .collect();
        let first_default = by_name.iter().find(|volume| volume.kind.is_default()).copied();
        by_name.sort_by_key(|volume| volume.name);
        Self { by_position, by_name, first_default, at_default }
    }

    /// The kind of the volume at a position.
    pub(super) fn kind(&self, position: usize) -> VolumeKind {
        self.by_position.get(position).copied().unwrap_or(VolumeKind::Other)
    }

    /// The number of volumes.
    pub(super) fn len(&self) -> usize {
        self.by_position.len()
    }

    /// The volume of a mount; `None` for one of kind [`VolumeKind::Other`].
    pub(super) fn mounted(&self, mount: &VolumeMount<'_>) -> Option<IndexedVolume<'p>> {
        let found = self.by_name.binary_search_by_key(&mount.name.as_str(), |volume| volume.name);
        found.ok().and_then(|index| self.by_name.get(index)).copied()
    }

    /// Whether the Pod already has the plan's volume at this index.
    pub(super) fn has_planned(&self, index: usize) -> bool {
        self.by_name.iter().any(|volume| volume.kind == VolumeKind::Planned(index))
    }

    /// Whether some container mounts the volume at the default directory.
    pub(super) fn is_mounted_at_default(&self, volume: &Volume<'_>) -> bool {
        self.at_default.binary_search(&volume.name.as_str()).is_ok()
    }
}

fn mounted_at_default<'p>(spec: &'p PodSpec<'p>) -> Vec<&'p str> {
    let mounts = spec.all_containers().flat_map(|(_, _, container)| container.mounts());
    let mut names: Vec<&str> =
        mounts.filter(|mount| mount.is_at(DEFAULT_DIRECTORY)).map(|mount| mount.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn kind(volume: &Volume<'_>, spec: &PodSpec<'_>, planned: &[&str], at_default: &[&str]) -> VolumeKind {
    let name = volume.name.as_str();
    if let Some(secret) = &volume.secret {
        // A volume with two sources is invalid. Replacing its Secret would make it valid.
        let legacy = volume.projected.is_none()
            && at_default.binary_search(&name).is_ok()
            && is_legacy(secret.secret_name.as_str(), spec);
        return if legacy { VolumeKind::Legacy } else { VolumeKind::Other };
    }
    if volume.tokens().next().is_none() {
        return VolumeKind::Other;
    }
    // A legacy volume that an earlier patch converted keeps its name.
    if name.starts_with(DEFAULT_PREFIX) || is_legacy(name, spec) {
        return VolumeKind::Default;
    }
    planned.iter().position(|planned| *planned == name).map_or(VolumeKind::Other, VolumeKind::Planned)
}

/// Whether a name is that of the default token's Secret: `<service account>-token-<5 characters>`.
fn is_legacy(name: &str, spec: &PodSpec<'_>) -> bool {
    /// Longest base of a generated name (`maxGeneratedNameLength` in
    /// `k8s.io/apiserver/pkg/storage/names/generate.go`).
    const MAX_BASE: usize = 58;

    let base: String = spec.service_account().chars().chain("-token-".chars()).take(MAX_BASE).collect();
    name.strip_prefix(base.as_str()).is_some_and(is_suffix)
}

/// Whether `SimpleNameGenerator` may have generated a suffix; old releases used every letter and digit.
fn is_suffix(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The file of the default token in a volume: `token`, or else the path of the first token.
pub(super) fn default_file<'p>(volume: &'p Volume<'_>) -> &'p str {
    let mut paths = volume.tokens().map(|(_, token)| token.path.as_str());
    let first = paths.next().unwrap_or(DEFAULT_FILE);
    if paths.any(|path| path == DEFAULT_FILE) { DEFAULT_FILE } else { first }
}
