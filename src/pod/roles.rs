//! Which volumes of a Pod hold tokens, and what each of them is to us.
//!
//! Everything is looked up once and sorted: whoever creates a Pod chooses how
//! many volumes and mounts it has, and the API server validates it only later.

use super::plan::Plan;
use super::token::{DEFAULT_DIRECTORY, DEFAULT_FILE, DEFAULT_PREFIX};
use super::view::{PodSpec, Volume, VolumeMount};

/// What a volume is to us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// The default token volume.
    Default,
    /// A Secret of the default token, as Kubernetes mounted it before 1.21.
    Legacy,
    /// Neither of these.
    Other,
    /// The volume of the plan at this index, already there.
    Planned(usize),
}

impl Role {
    /// Whether the default token is in the volume.
    pub(super) fn is_default(self) -> bool {
        matches!(self, Self::Default | Self::Legacy)
    }
}

/// A volume that is something to us.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenVolume<'p> {
    pub(super) name: &'p str,
    pub(super) role: Role,
    /// File of the default token in it.
    pub(super) file: &'p str,
}

/// The roles of a Pod's volumes.
#[derive(Debug)]
pub(super) struct Roles<'p> {
    /// By the index of the volume.
    by_index: Vec<Role>,
    /// Those that are something to us, by name.
    by_name: Vec<TokenVolume<'p>>,
    /// The first volume of the default token.
    pub(super) first_default: Option<TokenVolume<'p>>,
    /// Names of the volumes that are mounted where the default token belongs, sorted.
    at_default: Vec<&'p str>,
}

impl<'p> Roles<'p> {
    /// Finds the role of each volume.
    pub(super) fn of(spec: &'p PodSpec<'p>, plan: Option<&Plan>) -> Self {
        let planned: Vec<&str> =
            plan.into_iter().flat_map(|plan| &plan.volumes).map(|volume| &*volume.name).collect();
        let at_default = mounted_at_default(spec);
        let volumes = spec.volumes.iter().flatten();
        let role = |volume: &Volume<'_>| role(volume, spec, &planned, &at_default);
        let by_index: Vec<Role> = volumes.clone().map(role).collect();
        let mut by_name: Vec<TokenVolume<'p>> = volumes
            .zip(&by_index)
            .filter(|(_, role)| **role != Role::Other)
            .map(|(volume, role)| TokenVolume {
                name: volume.name.as_str(),
                role: *role,
                file: default_file(volume),
            })
            .collect();
        let first_default = by_name.iter().find(|volume| volume.role.is_default()).copied();
        by_name.sort_by_key(|volume| volume.name);
        Self { by_index, by_name, first_default, at_default }
    }

    /// The role of the volume at an index.
    pub(super) fn at(&self, index: usize) -> Role {
        self.by_index.get(index).copied().unwrap_or(Role::Other)
    }

    /// How many volumes there are.
    pub(super) fn len(&self) -> usize {
        self.by_index.len()
    }

    /// The volume that a mount is of, if it is something to us.
    pub(super) fn mounted(&self, mount: &VolumeMount<'_>) -> Option<TokenVolume<'p>> {
        let found = self.by_name.binary_search_by_key(&mount.name.as_str(), |volume| volume.name);
        found.ok().and_then(|index| self.by_name.get(index)).copied()
    }

    /// Whether the volume of the plan at this index is there already.
    pub(super) fn has_planned(&self, index: usize) -> bool {
        self.by_name.iter().any(|volume| volume.role == Role::Planned(index))
    }

    /// Whether a container mounts the volume where the default token belongs.
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

fn role(volume: &Volume<'_>, spec: &PodSpec<'_>, planned: &[&str], at_default: &[&str]) -> Role {
    let name = volume.name.as_str();
    if let Some(secret) = &volume.secret {
        // Two kinds of source at once are for the API server to refuse: a patch must not make them one.
        let legacy = volume.projected.is_none()
            && at_default.binary_search(&name).is_ok()
            && is_legacy(secret.secret_name.as_str(), spec);
        return if legacy { Role::Legacy } else { Role::Other };
    }
    if volume.tokens().next().is_none() {
        return Role::Other;
    }
    // A legacy volume that was changed before has kept its name.
    if name.starts_with(DEFAULT_PREFIX) || is_legacy(name, spec) {
        return Role::Default;
    }
    planned.iter().position(|planned| *planned == name).map_or(Role::Other, Role::Planned)
}

/// Whether a Secret of this name, `<service account>-token-<5 characters>`, is that of the default token.
fn is_legacy(name: &str, spec: &PodSpec<'_>) -> bool {
    /// Longest start of a generated name (`maxGeneratedNameLength` in
    /// `k8s.io/apiserver/pkg/storage/names/generate.go`).
    const MAX_BASE: usize = 58;

    let base: String = spec.service_account().chars().chain("-token-".chars()).take(MAX_BASE).collect();
    name.strip_prefix(base.as_str()).is_some_and(is_suffix)
}

/// Whether a text is what `SimpleNameGenerator` appends; older releases used every letter and digit.
fn is_suffix(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The file of the default token in a volume: `token`, or whatever its first token is called.
pub(super) fn default_file<'p>(volume: &'p Volume<'_>) -> &'p str {
    let mut paths = volume.tokens().map(|(_, token)| token.path.as_str());
    let first = paths.next().unwrap_or(DEFAULT_FILE);
    if paths.any(|path| path == DEFAULT_FILE) { DEFAULT_FILE } else { first }
}
