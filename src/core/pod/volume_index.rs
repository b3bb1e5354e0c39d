//! Which of a Pod's volumes hold the default token, and which hold a token of an earlier patch.
//!
//! Lookups are logarithmic: the author of a Pod chooses its number of volumes and mounts, and the API
//! server validates them only after admission.

use super::api_access::API_ACCESS;
use super::paths::PodOs;
use super::plan::{DefaultToken, Plan, TokenVolume};
use super::token::{ApiAudiences, Audience, DEFAULT_DIRECTORY, DEFAULT_FILE, DEFAULT_PREFIX, Ttl};
use super::view::{PodSpec, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection};

/// The tokens that a volume holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum VolumeKind {
    /// The default token.
    Default,
    /// The Secret of the default token, as Kubernetes mounted it before 1.21.
    Legacy,
    /// A token in place of the default token, which the author of the Pod projects. It gets audience and
    /// lifetime of the default token, and its mounts stay.
    HandMade,
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

/// A volume with the tokens that it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexedVolume<'p> {
    pub(super) name: &'p str,
    pub(super) kind: VolumeKind,
    /// The file of the default token in it.
    pub(super) file: &'p str,
    /// The index of the source of that token.
    pub(super) source: usize,
    pub(super) volume: &'p Volume<'p>,
}

/// The kinds of a Pod's volumes.
#[derive(Debug)]
pub(super) struct VolumeIndex<'p> {
    /// By position in `spec.volumes`.
    by_position: Vec<IndexedVolume<'p>>,
    /// Positions, sorted by name.
    by_name: Vec<usize>,
    /// The first volume of the default token.
    pub(super) first_default: Option<IndexedVolume<'p>>,
    /// The first volume of kind [`VolumeKind::HandMade`].
    pub(super) first_hand_made: Option<IndexedVolume<'p>>,
    /// The names of the volumes that some container mounts at the default directory, sorted.
    at_default: Vec<&'p str>,
}

impl<'p> VolumeIndex<'p> {
    pub(super) fn new(spec: &'p PodSpec<'p>, plan: Option<&'p Plan>, api: &'p ApiAudiences) -> Self {
        let at_default = mounted_at_default(spec);
        let classifier = Classifier { spec, plan, api, at_default: &at_default };
        let volumes = spec.volumes.iter().flatten();
        let by_position: Vec<_> = volumes.map(|volume| classifier.index(volume)).collect();
        let mut by_name: Vec<usize> = (0..by_position.len()).collect();
        by_name.sort_by_key(|position| by_position.get(*position).map(|volume| volume.name));
        let first = |is: fn(VolumeKind) -> bool| by_position.iter().find(|volume| is(volume.kind)).copied();
        let first_default = first(VolumeKind::is_default);
        let first_hand_made = first(|kind| kind == VolumeKind::HandMade);
        Self { by_position, by_name, first_default, first_hand_made, at_default }
    }

    /// The number of volumes.
    pub(super) fn len(&self) -> usize {
        self.by_position.len()
    }

    /// The volume at a position in `spec.volumes`.
    pub(super) fn at(&self, position: usize) -> Option<IndexedVolume<'p>> {
        self.by_position.get(position).copied()
    }

    /// The kind of the volume at a position.
    pub(super) fn kind(&self, position: usize) -> VolumeKind {
        self.at(position).map_or(VolumeKind::Other, |volume| volume.kind)
    }

    /// Every volume.
    pub(super) fn iter(&self) -> impl Iterator<Item = IndexedVolume<'p>> {
        self.by_position.iter().copied()
    }

    /// The first volume of this name.
    pub(super) fn get(&self, name: &str) -> Option<IndexedVolume<'p>> {
        let named = |position: &usize| self.by_position.get(*position);
        let is_less = |position: &usize| named(position).is_some_and(|volume| volume.name < name);
        let start = self.by_name.partition_point(is_less);
        self.by_name.get(start).and_then(named).filter(|volume| volume.name == name).copied()
    }

    /// The volume of a mount.
    pub(super) fn mounted(&self, mount: &VolumeMount<'_>) -> Option<IndexedVolume<'p>> {
        self.get(mount.name.as_str())
    }

    /// A volume that some container mounts at the default directory.
    pub(super) fn first_at_default(&self) -> Option<&'p str> {
        self.at_default.first().copied()
    }

    /// Whether some container mounts the volume at the default directory.
    pub(super) fn is_mounted_at_default(&self, volume: &Volume<'_>) -> bool {
        self.at_default.binary_search(&volume.name.as_str()).is_ok()
    }
}

fn mounted_at_default<'p>(spec: &'p PodSpec<'p>) -> Vec<&'p str> {
    let os = spec.os();
    let mounts = spec.all_containers().flat_map(|(_, _, container)| container.mounts());
    let mut names: Vec<&str> =
        mounts.filter(|mount| is_at_default(os, mount)).map(|mount| mount.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// Whether a mount is at the default directory.
pub(super) fn is_at_default(os: PodOs, mount: &VolumeMount<'_>) -> bool {
    os.is_at(mount.mount_path.as_str(), DEFAULT_DIRECTORY)
}

/// Determines the kinds of volumes.
struct Classifier<'c, 'p> {
    spec: &'p PodSpec<'p>,
    plan: Option<&'p Plan>,
    api: &'p ApiAudiences,
    at_default: &'c [&'p str],
}

impl<'p> Classifier<'_, 'p> {
    fn index(&self, volume: &'p Volume<'p>) -> IndexedVolume<'p> {
        let kind = self.kind(volume);
        let token = match kind {
            VolumeKind::Default => self.default_token(volume),
            VolumeKind::HandMade => self.hand_made_token(volume),
            VolumeKind::Legacy | VolumeKind::Other | VolumeKind::Planned(_) => None,
        };
        let (source, file) = token.unwrap_or((0, DEFAULT_FILE));
        IndexedVolume { name: volume.name.as_str(), kind, file, source, volume }
    }

    fn kind(&self, volume: &'p Volume<'p>) -> VolumeKind {
        let name = volume.name.as_str();
        let at_default = self.at_default.binary_search(&name).is_ok();
        if let Some(secret) = &volume.secret {
            // A volume with two sources is invalid. Replacing its Secret would make it valid.
            let legacy =
                volume.projected.is_none() && at_default && is_legacy(secret.secret_name.as_str(), self.spec);
            return if legacy { VolumeKind::Legacy } else { VolumeKind::Other };
        }
        if volume.tokens().next().is_none() {
            return VolumeKind::Other;
        }
        if let Some(index) = self.planned(volume) {
            return VolumeKind::Planned(index);
        }
        let has_prefix = name.starts_with(DEFAULT_PREFIX);
        if has_prefix && (at_default || self.is_default_elsewhere(volume)) {
            return VolumeKind::Default;
        }
        match self.hand_made_token(volume) {
            Some(_) if !at_default => VolumeKind::Other,
            // A legacy volume that an earlier patch converted keeps its name.
            Some(_) if is_legacy(name, self.spec) && has_api_access(volume) => VolumeKind::Default,
            Some(_) => VolumeKind::HandMade,
            None => VolumeKind::Other,
        }
    }

    /// Whether a volume with the prefix of the default token holds that token, although no container mounts it
    /// at the default directory.
    fn is_default_elsewhere(&self, volume: &Volume<'_>) -> bool {
        let some = |is: fn(&Self, &ServiceAccountTokenProjection<'_>) -> bool| {
            volume.tokens().any(|(_, token)| is(self, token))
        };
        some(Self::is_for_api) || has_api_access(volume) && some(Self::is_replaced)
    }

    fn is_for_api(&self, token: &ServiceAccountTokenProjection<'_>) -> bool {
        self.api.contains(token.audience())
    }

    /// Whether a token has the audience and the lifetime that the plan wants for the default token.
    fn is_replaced(&self, token: &ServiceAccountTokenProjection<'_>) -> bool {
        self.wanted().is_some_and(|(audience, ttl)| {
            token.seconds() == ttl.seconds() && is_same_audience(audience, token, self.api)
        })
    }

    /// The audience and the lifetime of the default token, if the plan replaces it.
    fn wanted(&self) -> Option<(&'p Audience, Ttl)> {
        match &self.plan?.default_token {
            DefaultToken::Replace { audience, ttl, .. } => Some((audience, *ttl)),
            DefaultToken::Cap | DefaultToken::Remove => None,
        }
    }

    /// The index of the plan's volume that this one is exactly.
    fn planned(&self, volume: &Volume<'_>) -> Option<usize> {
        let planned =
            |planned: &TokenVolume| *planned.name == *volume.name.as_str() && is_exactly(volume, planned);
        self.plan?.volumes.iter().position(planned)
    }

    /// The default token in a volume, as the index of its source and its file: a token for the API server or one that
    /// the plan wants, or else any token.
    fn default_token(&self, volume: &'p Volume<'p>) -> Option<(usize, &'p str)> {
        let own = token_of(volume, |token| self.is_for_api(token) || self.is_replaced(token));
        own.or_else(|| token_of(volume, |_| true))
    }

    /// A token that is like the default token, or was before an earlier patch: the index of its source and its file.
    fn hand_made_token(&self, volume: &'p Volume<'p>) -> Option<(usize, &'p str)> {
        self.wanted()?;
        let is_year_long =
            |token: &ServiceAccountTokenProjection<'_>| token.is_year_long() && self.is_for_api(token);
        token_of(volume, is_year_long).or_else(|| token_of(volume, |token| self.is_replaced(token)))
    }
}

/// The index and the file of a wanted source: the one with the file [`DEFAULT_FILE`], or else the first one.
fn token_of<'p>(
    volume: &'p Volume<'p>,
    is_wanted: impl Fn(&ServiceAccountTokenProjection<'_>) -> bool,
) -> Option<(usize, &'p str)> {
    let tokens = volume.tokens().filter(|(_, token)| is_wanted(token));
    let mut files = tokens.map(|(source, token)| (source, token.path.as_str()));
    let first = files.next()?;
    if first.1 == DEFAULT_FILE {
        Some(first)
    } else {
        files.find(|(_, file)| *file == DEFAULT_FILE).or(Some(first))
    }
}

fn is_same_audience(
    audience: &Audience,
    token: &ServiceAccountTokenProjection<'_>,
    api: &ApiAudiences,
) -> bool {
    match audience.name() {
        None => api.contains(token.audience()),
        Some(name) => token.audience() == Some(name),
    }
}

/// Whether a volume has the files that clients of the API server expect.
fn has_api_access(volume: &Volume<'_>) -> bool {
    API_ACCESS.iter().all(|file| volume.sources().iter().any(file.matches))
}

/// Whether a volume is the one that a patch adds.
fn is_exactly(volume: &Volume<'_>, planned: &TokenVolume) -> bool {
    let tokens = planned.tokens.len();
    let others = if planned.api_access { &API_ACCESS[..] } else { &[] };
    let mode = volume.projected.as_ref().and_then(|projected| projected.default_mode);
    let sources = volume.sources();
    mode.is_none_or(|mode| mode == 0o644)
        && sources.len() == tokens + others.len()
        && sources.iter().zip(&planned.tokens).all(|(source, token)| is_token(source, token))
        && sources.iter().skip(tokens).zip(others).all(|(source, file)| (file.matches)(source))
}

fn is_token(source: &VolumeProjection<'_>, planned: &super::plan::Token) -> bool {
    source.service_account_token.as_ref().is_some_and(|token| {
        token.audience() == planned.audience.name()
            && token.seconds() == planned.ttl.seconds()
            && *token.path.as_str() == *planned.file
    })
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
