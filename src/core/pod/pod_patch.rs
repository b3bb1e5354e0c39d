//! Compares a plan with a Pod and builds the patch.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::mem::discriminant;

use json_patch::Patch;
use json_patch::jsonptr::Pointer;

use super::finding::{Finding, Subject};
use super::patch::PatchBuilder;
use super::paths::PodOs;
use super::plan::{DefaultToken, Plan};
use super::selectors::ContainerSelectors;
use super::token::{ApiAudiences, Containers, Ttl, YEAR};
use super::view::PodSpec;
use super::volume_index::{IndexedVolume, VolumeIndex, VolumeKind};
use super::volume_paths::VolumePaths;

/// `/spec/automountServiceAccountToken`.
const AUTOMOUNT: &Pointer = Pointer::from_static("/spec/automountServiceAccountToken");

/// Most findings of one kind that are kept.
const MAX_FINDINGS: usize = 16;

/// The changes that bring a Pod in line with a plan.
#[derive(Debug)]
pub struct PodPatch<'p> {
    /// The operations: none if the Pod already follows the plan; `None` if there are too many.
    pub operations: Option<Patch>,
    /// Facts that the author of the Pod may want to act on.
    pub findings: Vec<Finding<'p>>,
    /// Every service account token in the resulting spec, mounted or not.
    pub projections: Vec<Projection<'p>>,
    /// Volume names that the plan needs, but whose volumes in the Pod are not exactly those of the plan. The Pod
    /// must then be refused.
    pub taken_volumes: Vec<String>,
}

/// A `serviceAccountToken` source of the resulting spec.
#[derive(Debug, Eq, PartialEq)]
pub struct Projection<'p> {
    /// The name of the volume.
    pub volume: Cow<'p, str>,
    /// The audience; `None` is the API server's own.
    pub audience: Option<&'p str>,
    /// The requested lifetime, in seconds.
    pub seconds: u64,
    /// What determines audience and lifetime.
    pub origin: ProjectionOrigin,
}

/// What determines the audience and the lifetime of a token in the resulting spec.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProjectionOrigin {
    /// The plan.
    Plan(Subject),
    /// The Pod itself.
    Pod {
        /// The index of the volume in `spec.volumes`.
        volume: usize,
        /// The index of the source in the volume.
        source: usize,
    },
}

impl Projection<'_> {
    /// Whether the API server may extend the token to up to a year: see [`Ttl::YEAR_LONG_REQUEST`].
    pub fn is_year_long(&self) -> bool {
        self.seconds == Ttl::YEAR_LONG_REQUEST.seconds()
    }

    /// The longest lifetime that the token may have, in seconds.
    pub fn longest_lifetime(&self) -> u64 {
        if self.is_year_long() { YEAR.as_secs() } else { self.seconds }
    }
}

impl<'p> PodPatch<'p> {
    /// Compares a plan with a Pod. Without a plan, the Pod stays unchanged, and the result only lists its
    /// tokens.
    pub fn new(spec: &'p PodSpec<'p>, plan: Option<&'p Plan>, api: &'p ApiAudiences) -> Self {
        let mut draft = Draft::new(spec, plan, api);
        draft.disable_automount();
        draft.edit_volumes();
        draft.edit_containers();
        draft.remove_volumes();
        draft.add_volumes();
        draft.find_facts();
        let taken_volumes = draft.taken_volumes();
        Self {
            operations: draft.patch.finish(),
            findings: draft.findings,
            projections: draft.projections,
            taken_volumes,
        }
    }
}

/// A [`PodPatch`] under construction.
#[derive(Debug)]
pub(super) struct Draft<'p> {
    pub(super) spec: &'p PodSpec<'p>,
    pub(super) plan: Option<&'p Plan>,
    pub(super) api: &'p ApiAudiences,
    pub(super) os: PodOs,
    pub(super) volumes: VolumeIndex<'p>,
    pub(super) selectors: ContainerSelectors<'p>,
    pub(super) patch: PatchBuilder,
    pub(super) findings: Vec<Finding<'p>>,
    /// The tokens that some container holds, without duplicates.
    pub(super) held: Vec<Subject>,
    /// The files in volumes, as far as the Pod lists them; only for volumes with mounts inside.
    files: OnceCell<VolumePaths<'p>>,
    /// The tokens whose lifetime the patch sets or limits; only for mounts with `subPath`.
    pub(super) limited_tokens: OnceCell<VolumePaths<'p>>,
    projections: Vec<Projection<'p>>,
}

impl<'p> Draft<'p> {
    fn new(spec: &'p PodSpec<'p>, plan: Option<&'p Plan>, api: &'p ApiAudiences) -> Self {
        Self {
            volumes: VolumeIndex::new(spec, plan, api),
            selectors: ContainerSelectors::new(plan),
            spec,
            plan,
            api,
            os: spec.os(),
            patch: PatchBuilder::default(),
            findings: Vec::new(),
            held: Vec::new(),
            files: OnceCell::new(),
            limited_tokens: OnceCell::new(),
            projections: Vec::new(),
        }
    }

    /// Adds a finding. A Pod may have any number of containers, so the number of findings is limited: for each kind
    /// separately, so that no kind crowds out another.
    pub(super) fn add_finding(&mut self, finding: Finding<'p>) {
        let kind = discriminant(&finding);
        if self.findings.iter().filter(|other| discriminant(*other) == kind).count() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Records that some container holds a token.
    pub(super) fn hold(&mut self, subject: Subject) {
        if !self.held.contains(&subject) {
            self.held.push(subject);
        }
    }

    /// The files in volumes, as far as the Pod lists them.
    pub(super) fn files(&self) -> &VolumePaths<'p> {
        self.files.get_or_init(|| {
            let files =
                |volume: IndexedVolume<'p>| volume.volume.files().map(move |path| (volume.name, path));
            VolumePaths::new(self.volumes.iter().flat_map(files))
        })
    }

    /// Whether the patch removes volumes of a kind.
    pub(super) fn removes(&self, kind: VolumeKind) -> bool {
        let removes_default = self.plan.is_some_and(|plan| plan.default_token == DefaultToken::Remove);
        removes_default && kind.is_default()
    }

    /// Adds a token of the resulting spec.
    pub(super) fn project(
        &mut self,
        volume: Cow<'p, str>,
        audience: Option<&'p str>,
        seconds: u64,
        origin: ProjectionOrigin,
    ) {
        let audience = audience.filter(|name| !self.api.contains(Some(name)));
        self.projections.push(Projection { volume, audience, seconds, origin });
    }

    /// Sets `automountServiceAccountToken: false` if the default token is removed from a container.
    fn disable_automount(&mut self) {
        // Otherwise the ServiceAccount plugin would mount the token again when it runs after the webhook.
        let disable = match self.plan.map(|plan| &plan.default_token) {
            Some(DefaultToken::Remove) => true,
            Some(DefaultToken::Replace { containers, .. }) => {
                *containers != Containers::All && self.has_default_token()
            }
            Some(DefaultToken::Cap) | None => false,
        };
        let automount = self.spec.automount_service_account_token;
        if disable && automount != Some(false) {
            self.patch.set(AUTOMOUNT.to_buf(), automount.is_some(), false.into());
        }
        if disable && automount == Some(true) {
            self.add_finding(Finding::AutomountOverruled);
        }
    }

    pub(super) fn has_default_token(&self) -> bool {
        self.volumes.first_default.is_some()
    }

    /// Volume names of the plan whose volumes in the Pod are not exactly those of the plan.
    fn taken_volumes(&self) -> Vec<String> {
        let planned = self.plan.into_iter().flat_map(|plan| &plan.volumes).enumerate();
        let is_taken = |index: usize, name: &str| {
            self.volumes.get(name).is_some_and(|volume| volume.kind != VolumeKind::Planned(index))
        };
        planned
            .filter(|(index, volume)| is_taken(*index, &volume.name))
            .map(|(_, volume)| volume.name.to_string())
            .collect()
    }
}
