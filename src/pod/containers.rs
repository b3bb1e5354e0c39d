//! The volume mounts and environment variables of a Pod's containers.

use json_patch::jsonptr::{self, PointerBuf};
use serde_json::Value;

use super::directories::Directories;
use super::finding::{Finding, Subject};
use super::patch::{join, object};
use super::plan::{DefaultToken, Token, TokenVolume};
use super::pod_patch::Draft;
use super::token::{Containers, DEFAULT_DIRECTORY};
use super::view::{Container, VolumeMount};
use super::volume_index::IndexedVolume;

/// Member of a container.
const MOUNTS: &str = "volumeMounts";

/// The list items that the patch appends to a container.
#[derive(Debug, Default)]
struct Additions {
    mounts: Vec<Value>,
    env: Vec<Value>,
}

/// A volume that a container needs, and the variables that name its files.
struct TokenMount<'p> {
    subject: Subject,
    volume: &'p str,
    directory: &'p str,
    /// Environment variables, each with the file whose path it holds.
    env: Vec<(&'p str, &'p str)>,
}

/// A container with its mounts indexed once for all of its tokens.
struct IndexedContainer<'p> {
    container: &'p Container<'p>,
    /// Whether its mounts of the default token are removed.
    removes_default: bool,
    /// The remaining mounts, by directory.
    mounts: Directories<'p, &'p VolumeMount<'p>>,
    devices: Directories<'p, ()>,
}

impl<'p> Draft<'p> {
    /// Edits every init container, sidecar and regular container.
    ///
    /// Ephemeral containers cannot exist when a Pod is created, and cannot add volumes later.
    pub(super) fn edit_containers(&mut self) {
        for (list, index, container) in self.spec.all_containers() {
            if self.patch.is_too_large() {
                break;
            }
            self.edit_container(&|name| join(list, [index.into(), jsonptr::Token::from(name)]), container);
        }
    }

    fn edit_container(&mut self, member: &impl Fn(&'static str) -> PointerBuf, container: &'p Container<'p>) {
        let Some(plan) = self.plan else { return };
        let selectors = self.selectors.matching(container.name.as_str());
        let keeps_default = match &plan.default_token {
            DefaultToken::Replace { containers, .. } => selectors.select(containers, Subject::DefaultToken),
            DefaultToken::Cap | DefaultToken::Remove => false,
        };
        let volumes = plan.volumes.iter().enumerate();
        let token_mounts: Vec<_> = volumes
            .filter(|(index, volume)| selectors.select(&volume.containers, Subject::Volume(*index)))
            .map(|(index, volume)| token_mount(index, volume))
            .collect();
        let removes_default = plan.default_token != DefaultToken::Cap && !keeps_default;
        let container = self.index(container, removes_default);
        self.remove_mounts(member, &container);
        let mut additions = Additions::default();
        if keeps_default {
            self.mount_default_token(&container, &mut additions);
        }
        for token_mount in token_mounts {
            self.mount_token(&container, &token_mount, &mut additions);
        }
        self.append(member, container.container, additions);
    }

    fn index(&self, container: &'p Container<'p>, removes_default: bool) -> IndexedContainer<'p> {
        let stays = |mount: &&VolumeMount<'_>| !(removes_default && self.is_default(mount));
        let mounts = container.mounts().iter().filter(stays);
        let mounts = Directories::new(mounts.map(|mount| (mount.mount_path.as_str(), mount)));
        let devices = Directories::new(container.device_paths().map(|path| (path, ())));
        IndexedContainer { container, removes_default, mounts, devices }
    }

    fn remove_mounts(
        &mut self,
        member: &impl Fn(&'static str) -> PointerBuf,
        container: &IndexedContainer<'p>,
    ) {
        let IndexedContainer { container, removes_default, .. } = container;
        for (index, mount) in container.mounts().iter().enumerate().rev() {
            if *removes_default && self.is_default(mount) {
                self.patch.remove(join(&member(MOUNTS), [index]));
            } else if mount.has_sub_path() && self.volumes.mounted(mount).is_some() {
                self.add_finding(Finding::SubPath { container: container.name.as_str() });
            }
        }
    }

    /// Whether a mount refers to a default token volume.
    fn is_default(&self, mount: &VolumeMount<'_>) -> bool {
        self.volumes.mounted(mount).is_some_and(|volume| volume.kind.is_default())
    }

    /// Keeps the default token in a container. With a container list, automounting is off, so the patch has
    /// to mount the token in a container that lacks it.
    fn mount_default_token(&mut self, container: &IndexedContainer<'p>, additions: &mut Additions) {
        let Some(DefaultToken::Replace { containers, env, .. }) = self.plan.map(|plan| &plan.default_token)
        else {
            return;
        };
        let mounted = self.default_volume(container.container);
        let volume = match containers {
            Containers::All => mounted,
            Containers::Except(_) | Containers::Only(_) => mounted.or(self.volumes.first_default),
        };
        if let Some(IndexedVolume { name: volume, file, .. }) = volume {
            let env = env.iter().map(|env| (&**env, file)).collect();
            let subject = Subject::DefaultToken;
            let token_mount = TokenMount { subject, volume, directory: DEFAULT_DIRECTORY, env };
            self.mount_token(container, &token_mount, additions);
        }
    }

    /// The default token volume that a container mounts at the default directory.
    fn default_volume(&self, container: &Container<'_>) -> Option<IndexedVolume<'p>> {
        let mounts = container.mounts().iter().filter(|mount| mount.is_at(DEFAULT_DIRECTORY));
        mounts.filter_map(|mount| self.volumes.mounted(mount)).find(|volume| volume.kind.is_default())
    }

    /// Mounts a volume in a container and sets its variables, unless the directory is taken.
    fn mount_token(
        &mut self,
        container: &IndexedContainer<'p>,
        token_mount: &TokenMount<'p>,
        additions: &mut Additions,
    ) {
        let IndexedContainer { container, mounts, devices, .. } = container;
        let directory = token_mount.directory;
        // Our volume is read-only, so the runtime could not create the mount point of a mount inside it.
        let blocked = devices.at(directory).is_some() || mounts.has_below(directory);
        match mounts.at(directory) {
            Some(mount) if mount.name.as_str() == token_mount.volume => {}
            None if !blocked => additions.mounts.push(volume_mount(token_mount)),
            _ => {
                self.add_finding(Finding::MountTaken {
                    container: container.name.as_str(),
                    directory,
                    subject: token_mount.subject,
                });
                return;
            }
        }
        if !self.mounted.contains(&token_mount.subject) {
            self.mounted.push(token_mount.subject);
        }
        for (name, file) in &token_mount.env {
            self.set_env(container, name, &format!("{directory}/{file}"), token_mount.subject, additions);
        }
    }

    fn set_env(
        &mut self,
        container: &'p Container<'p>,
        name: &'p str,
        path: &str,
        subject: Subject,
        additions: &mut Additions,
    ) {
        match container.env.iter().flatten().find(|variable| variable.name.as_str() == name) {
            Some(variable) if variable.value.as_ref().is_some_and(|value| value.as_str() == path) => {}
            Some(_) => {
                self.add_finding(Finding::EnvTaken {
                    container: container.name.as_str(),
                    env: name,
                    subject,
                });
            }
            None => additions.env.push(object([("name", name.into()), ("value", path.into())])),
        }
    }

    fn append(
        &mut self,
        member: &impl Fn(&'static str) -> PointerBuf,
        container: &Container<'_>,
        additions: Additions,
    ) {
        let Additions { mounts, env } = additions;
        if !mounts.is_empty() {
            self.patch.append(&member(MOUNTS), container.volume_mounts.is_some(), mounts);
        }
        if !env.is_empty() {
            self.patch.append(&member("env"), container.env.is_some(), env);
        }
    }
}

fn token_mount<'p>(index: usize, volume: &'p TokenVolume) -> TokenMount<'p> {
    let env = |token: &'p Token| Some((token.env.as_deref()?, &*token.file));
    TokenMount {
        subject: Subject::Volume(index),
        volume: &volume.name,
        directory: &volume.directory,
        env: volume.tokens.iter().filter_map(env).collect(),
    }
}

fn volume_mount(TokenMount { volume, directory, .. }: &TokenMount<'_>) -> Value {
    object([("name", (*volume).into()), ("readOnly", true.into()), ("mountPath", (*directory).into())])
}
