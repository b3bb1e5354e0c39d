//! Finds the facts about a whole Pod that its author may want to act on.

use super::finding::{Finding, Subject};
use super::plan::{DefaultToken, Plan};
use super::pod_patch::Draft;
use super::selectors::{selectors, selects_any};
use super::token::{Audience, Containers, DEFAULT_DIRECTORY};
use super::volume_index::VolumeKind;

/// Most names of a container list that are looked up for warnings about unknown containers.
const MAX_UNKNOWN: usize = 16;

impl<'p> Draft<'p> {
    /// Adds the facts that concern no single container, and completes the others.
    pub(super) fn find_facts(&mut self) {
        let Some(plan) = self.plan else { return };
        self.find_effect_on_default_token(plan);
        self.find_foreign_audiences(plan);
        self.find_other_secrets();
        self.find_container_lists(plan);
        for finding in &mut self.findings {
            if let Finding::MountTaken { subject, held, .. } = finding {
                *held = self.held.contains(subject);
            }
        }
    }

    /// Finds settings for the default token that have no effect.
    fn find_effect_on_default_token(&mut self, plan: &'p Plan) {
        let DefaultToken::Replace { containers, .. } = &plan.default_token else { return };
        let hand_made = self.volumes.first_hand_made.map(|volume| volume.name);
        match hand_made {
            Some(volume) if *containers != Containers::All => {
                self.add_finding(Finding::ListWithoutEffect { volume });
            }
            None if !self.has_default_token() => {
                let instead = self.volumes.first_at_default();
                self.add_finding(Finding::NoDefaultToken { instead });
            }
            _ => {}
        }
    }

    fn find_foreign_audiences(&mut self, plan: &'p Plan) {
        if let DefaultToken::Replace { audience: Audience::Named(_), .. } = plan.default_token
            && (self.has_default_token() || self.volumes.first_hand_made.is_some())
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
        for (position, volume) in self.spec.volumes.iter().flatten().enumerate() {
            let other = volume.secret.is_some() && self.volumes.kind(position) == VolumeKind::Other;
            if other && self.volumes.is_mounted_at_default(volume) {
                self.add_finding(Finding::OtherSecret { volume: volume.name.as_str() });
            }
        }
    }

    /// Finds names in container lists that the Pod does not have, and lists without effect.
    fn find_container_lists(&mut self, plan: &'p Plan) {
        if selectors(plan).all(|(_, list)| list.names().is_empty()) {
            return;
        }
        let containers = self.spec.all_containers();
        let mut containers: Vec<&str> = containers.map(|(_, _, container)| container.name.as_str()).collect();
        containers.sort_unstable();
        containers.dedup();
        for (subject, list) in selectors(plan).filter(|(_, list)| !list.names().is_empty()) {
            let held = selects_any(list, &containers);
            let names = list.names().iter().take(MAX_UNKNOWN).map(|name| &**name);
            let mut unknown = names.filter(|name| containers.binary_search(name).is_err()).peekable();
            if unknown.peek().is_none() && !held {
                self.add_finding(Finding::NoHolder(subject));
            }
            for name in unknown {
                self.add_finding(Finding::UnknownContainer { name, subject, held });
            }
        }
    }
}
