//! Compares a plan with a Pod.

use std::borrow::Cow;

use json_patch::Patch;
use json_patch::jsonptr::Pointer;

use super::finding::{Finding, Subject};
use super::lists::{Lists, includes_any, lists};
use super::patch::Patcher;
use super::plan::{DefaultToken, Plan};
use super::roles::{Role, Roles};
use super::token::{ApiAudiences, Audience, Containers, DEFAULT_DIRECTORY, YEAR, is_year_long};
use super::view::{PodSpec, Volume};

/// `/spec/automountServiceAccountToken`.
const AUTOMOUNT: &Pointer = Pointer::from_static("/spec/automountServiceAccountToken");

/// Most findings that are noted.
const MAX_FINDINGS: usize = 64;

/// Most names of a container list that are looked up only to warn about them.
const MAX_UNKNOWN: usize = 16;

/// What becomes of a Pod.
#[derive(Debug)]
pub struct Decision<'p> {
    /// The changes; empty when the Pod is as it should be, `None` when they are too many.
    pub patch: Option<Patch>,
    /// What people should know.
    pub findings: Vec<Finding>,
    /// Every service account token in the resulting spec, mounted or not.
    pub projections: Vec<Projection<'p>>,
    /// Names of volumes that the plan needs and that hold something else: the patch does not apply then.
    pub taken_volumes: Vec<String>,
}

/// A `serviceAccountToken` source of the resulting spec.
#[derive(Debug, Eq, PartialEq)]
pub struct Projection<'p> {
    /// Name of the volume.
    pub volume: Cow<'p, str>,
    /// The audience; `None` is the API server's own.
    pub audience: Option<&'p str>,
    /// How long the token really lives, in seconds: a year for a year-long source.
    pub seconds: u64,
}

/// Compares a plan with a Pod; without a plan the Pod stays as it is and is only looked at.
pub fn decide<'p>(spec: &'p PodSpec<'p>, plan: Option<&'p Plan>, api: &'p ApiAudiences) -> Decision<'p> {
    let mut draft = Draft::new(spec, plan, api);
    draft.disable_automount();
    draft.edit_volumes();
    draft.edit_containers();
    draft.remove_volumes();
    draft.add_volumes();
    draft.note_the_rest();
    let taken_volumes = draft.taken_volumes();
    Decision {
        patch: draft.patch.finish(),
        findings: draft.findings,
        projections: draft.projections,
        taken_volumes,
    }
}

/// A decision in the making.
#[derive(Debug)]
pub(super) struct Draft<'p> {
    pub(super) spec: &'p PodSpec<'p>,
    pub(super) plan: Option<&'p Plan>,
    pub(super) api: &'p ApiAudiences,
    pub(super) roles: Roles<'p>,
    pub(super) lists: Lists<'p>,
    pub(super) patch: Patcher,
    findings: Vec<Finding>,
    /// What some container holds, each once.
    pub(super) held: Vec<Subject>,
    projections: Vec<Projection<'p>>,
}

impl<'p> Draft<'p> {
    fn new(spec: &'p PodSpec<'p>, plan: Option<&'p Plan>, api: &'p ApiAudiences) -> Self {
        Self {
            roles: Roles::of(spec, plan),
            lists: Lists::of(plan),
            spec,
            plan,
            api,
            patch: Patcher::default(),
            findings: Vec::new(),
            held: Vec::new(),
            projections: Vec::new(),
        }
    }

    /// Notes a finding. A handful says enough, and a Pod may have any number of containers.
    pub(super) fn note(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Whether the volume at this index goes.
    pub(super) fn removes(&self, volume: usize) -> bool {
        let goes = self.plan.is_some_and(|plan| plan.default_token == DefaultToken::Remove);
        goes && self.roles.at(volume).is_default()
    }

    pub(super) fn project(&mut self, volume: Cow<'p, str>, audience: Option<&'p str>, seconds: u64) {
        let year_long = is_year_long(audience, seconds, self.api);
        self.projections.push(Projection {
            volume,
            audience: audience.filter(|name| !self.api.contains(Some(name))),
            seconds: if year_long { YEAR.as_secs() } else { seconds },
        });
    }

    /// Without this the plugin's second run brings the default token back.
    fn disable_automount(&mut self) {
        let disable = match self.plan.map(|plan| &plan.default_token) {
            Some(DefaultToken::Remove) => true,
            Some(DefaultToken::Rebind { containers, .. }) => {
                *containers != Containers::All && self.has_default_token()
            }
            Some(DefaultToken::Bound) | None => false,
        };
        let automount = self.spec.automount_service_account_token;
        if disable && automount != Some(false) {
            self.patch.set(AUTOMOUNT.to_buf(), automount.is_some(), false.into());
        }
        if disable && automount == Some(true) {
            self.note(Finding::AutomountOverruled);
        }
    }

    fn has_default_token(&self) -> bool {
        self.roles.first_default.is_some()
    }

    /// Names of volumes of the plan that hold something else.
    fn taken_volumes(&self) -> Vec<String> {
        let there =
            |name: &str| self.spec.volumes.iter().flatten().any(|volume| volume.name.as_str() == name);
        let planned = self.plan.into_iter().flat_map(|plan| &plan.volumes).enumerate();
        planned
            .filter(|(index, volume)| there(&volume.name) && !self.roles.has_planned(*index))
            .map(|(_, volume)| volume.name.to_string())
            .collect()
    }

    fn note_the_rest(&mut self) {
        self.note_no_default_token();
        self.note_foreign_audience();
        self.note_other_secrets();
        self.note_unknown_containers();
    }

    fn note_no_default_token(&mut self) {
        let rebinds = self.plan.is_some_and(|plan| matches!(plan.default_token, DefaultToken::Rebind { .. }));
        if rebinds && !self.has_default_token() && !self.is_served() {
            self.note(Finding::NoDefaultToken);
        }
    }

    /// Whether a projected token of the user's own stands where the default token belongs.
    fn is_served(&self) -> bool {
        let holds_token = |volume: &&Volume<'_>| volume.tokens().next().is_some();
        let mut tokens = self.spec.volumes.iter().flatten().filter(holds_token);
        tokens.any(|volume| self.roles.is_mounted_at_default(volume))
    }

    fn note_foreign_audience(&mut self) {
        let Some(plan) = self.plan else { return };
        if let DefaultToken::Rebind { audience: Audience::Named(_), .. } = plan.default_token
            && self.has_default_token()
        {
            self.note(Finding::ForeignAudience(Subject::DefaultToken));
        }
        for (index, volume) in plan.volumes.iter().enumerate() {
            let foreign = volume.tokens.iter().any(|token| token.audience != Audience::ApiServer);
            if *volume.directory == *DEFAULT_DIRECTORY && foreign {
                self.note(Finding::ForeignAudience(Subject::Volume(index)));
            }
        }
    }

    fn note_other_secrets(&mut self) {
        let Some(_) = self.plan else { return };
        for (index, volume) in self.spec.volumes.iter().flatten().enumerate() {
            let other = volume.secret.is_some() && self.roles.at(index) == Role::Other;
            if other && self.roles.is_mounted_at_default(volume) {
                self.note(Finding::OtherSecret { volume: volume.name.as_str().to_owned() });
            }
        }
    }

    fn note_unknown_containers(&mut self) {
        let Some(plan) = self.plan else { return };
        if lists(plan).all(|(_, list)| list.names().is_empty()) {
            return;
        }
        let containers = self.spec.all_containers();
        let mut there: Vec<&str> = containers.map(|(_, _, container)| container.name.as_str()).collect();
        there.sort_unstable();
        there.dedup();
        for (subject, list) in lists(plan) {
            self.note_unknown(list, subject, &there);
        }
    }

    fn note_unknown(&mut self, list: &Containers, subject: Subject, there: &[&str]) {
        let names = list.names().iter().take(MAX_UNKNOWN).map(|name| &**name);
        let mut unknown = names.filter(|name| there.binary_search(name).is_err()).peekable();
        let held = unknown.peek().is_some() && includes_any(list, there);
        for name in unknown {
            self.note(Finding::UnknownContainer { name: name.to_owned(), subject, held });
        }
    }
}
