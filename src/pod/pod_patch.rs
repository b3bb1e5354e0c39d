//! Compares a plan with a Pod and builds the patch.

use std::borrow::Cow;

use json_patch::Patch;
use json_patch::jsonptr::Pointer;

use super::finding::{Finding, Subject};
use super::patch::PatchBuilder;
use super::plan::{DefaultToken, Plan};
use super::selectors::{ContainerSelectors, selectors, selects_any};
use super::token::{ApiAudiences, Audience, Containers, DEFAULT_DIRECTORY, Ttl, YEAR};
use super::view::{PodSpec, Volume};
use super::volume_index::{VolumeIndex, VolumeKind};

/// `/spec/automountServiceAccountToken`.
const AUTOMOUNT: &Pointer = Pointer::from_static("/spec/automountServiceAccountToken");

/// Most findings that are kept.
const MAX_FINDINGS: usize = 64;

/// Most names of a container list that are looked up for warnings about unknown containers.
const MAX_UNKNOWN: usize = 16;

/// The changes that bring a Pod in line with a plan.
#[derive(Debug)]
pub struct PodPatch<'p> {
    /// The operations: none if the Pod already follows the plan; `None` if there are too many.
    pub operations: Option<Patch>,
    /// Facts that the author of the Pod may want to act on.
    pub findings: Vec<Finding<'p>>,
    /// Every service account token in the resulting spec, mounted or not.
    pub projections: Vec<Projection<'p>>,
    /// Volume names that the plan needs but that the Pod uses for something else. The Pod must then be
    /// refused.
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
        draft.find_no_default_token();
        draft.find_foreign_audiences();
        draft.find_other_secrets();
        draft.find_unknown_containers();
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
    pub(super) volumes: VolumeIndex<'p>,
    pub(super) selectors: ContainerSelectors<'p>,
    pub(super) patch: PatchBuilder,
    findings: Vec<Finding<'p>>,
    /// The tokens that some container mounts, without duplicates.
    pub(super) mounted: Vec<Subject>,
    projections: Vec<Projection<'p>>,
}

impl<'p> Draft<'p> {
    fn new(spec: &'p PodSpec<'p>, plan: Option<&'p Plan>, api: &'p ApiAudiences) -> Self {
        Self {
            volumes: VolumeIndex::new(spec, plan),
            selectors: ContainerSelectors::new(plan),
            spec,
            plan,
            api,
            patch: PatchBuilder::default(),
            findings: Vec::new(),
            mounted: Vec::new(),
            projections: Vec::new(),
        }
    }

    /// Adds a finding. The number is bounded, because a Pod may have any number of containers.
    pub(super) fn add_finding(&mut self, finding: Finding<'p>) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Whether the patch removes the volume at a position.
    pub(super) fn removes(&self, position: usize) -> bool {
        let removes_default = self.plan.is_some_and(|plan| plan.default_token == DefaultToken::Remove);
        removes_default && self.volumes.kind(position).is_default()
    }

    /// Adds a token of the resulting spec.
    pub(super) fn project(&mut self, volume: Cow<'p, str>, audience: Option<&'p str>, seconds: u64) {
        let audience = audience.filter(|name| !self.api.contains(Some(name)));
        self.projections.push(Projection { volume, audience, seconds });
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

    fn has_default_token(&self) -> bool {
        self.volumes.first_default.is_some()
    }

    /// Volume names of the plan that the Pod uses for something else.
    fn taken_volumes(&self) -> Vec<String> {
        let exists =
            |name: &str| self.spec.volumes.iter().flatten().any(|volume| volume.name.as_str() == name);
        let planned = self.plan.into_iter().flat_map(|plan| &plan.volumes).enumerate();
        planned
            .filter(|(index, volume)| exists(&volume.name) && !self.volumes.has_planned(*index))
            .map(|(_, volume)| volume.name.to_string())
            .collect()
    }

    fn find_no_default_token(&mut self) {
        let replaces =
            self.plan.is_some_and(|plan| matches!(plan.default_token, DefaultToken::Replace { .. }));
        if replaces && !self.has_default_token() && !self.mounts_own_default_token() {
            self.add_finding(Finding::NoDefaultToken);
        }
    }

    /// Whether a container mounts a projected token of the Pod's own at the default directory.
    fn mounts_own_default_token(&self) -> bool {
        let holds_token = |volume: &&Volume<'_>| volume.tokens().next().is_some();
        let mut tokens = self.spec.volumes.iter().flatten().filter(holds_token);
        tokens.any(|volume| self.volumes.is_mounted_at_default(volume))
    }

    fn find_foreign_audiences(&mut self) {
        let Some(plan) = self.plan else { return };
        if let DefaultToken::Replace { audience: Audience::Named(_), .. } = plan.default_token
            && self.has_default_token()
        {
            self.add_finding(Finding::ForeignAudience(Subject::DefaultToken));
        }
        for (index, volume) in plan.volumes.iter().enumerate() {
            let foreign = volume.tokens.iter().any(|token| token.audience != Audience::ApiServer);
            if *volume.directory == *DEFAULT_DIRECTORY && foreign {
                self.add_finding(Finding::ForeignAudience(Subject::Volume(index)));
            }
        }
    }

    fn find_other_secrets(&mut self) {
        let Some(_) = self.plan else { return };
        for (position, volume) in self.spec.volumes.iter().flatten().enumerate() {
            let other = volume.secret.is_some() && self.volumes.kind(position) == VolumeKind::Other;
            if other && self.volumes.is_mounted_at_default(volume) {
                self.add_finding(Finding::OtherSecret { volume: volume.name.as_str() });
            }
        }
    }

    fn find_unknown_containers(&mut self) {
        let Some(plan) = self.plan else { return };
        if selectors(plan).all(|(_, list)| list.names().is_empty()) {
            return;
        }
        let containers = self.spec.all_containers();
        let mut containers: Vec<&str> = containers.map(|(_, _, container)| container.name.as_str()).collect();
        containers.sort_unstable();
        containers.dedup();
        for (subject, list) in selectors(plan) {
            let names = list.names().iter().take(MAX_UNKNOWN).map(|name| &**name);
            let mut unknown = names.filter(|name| containers.binary_search(name).is_err()).peekable();
            let held = unknown.peek().is_some() && selects_any(list, &containers);
            for name in unknown {
                self.add_finding(Finding::UnknownContainer { name, subject, held });
            }
        }
    }
}
