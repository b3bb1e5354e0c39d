//! The containers of a Pod: which mounts and environment variables go and come.

use json_patch::jsonptr::{self, PointerBuf};
use serde_json::Value;

use super::decide::Draft;
use super::directories::Directories;
use super::finding::{Finding, Subject};
use super::patch::{join, object};
use super::plan::{self, DefaultToken, Token};
use super::roles::TokenVolume;
use super::token::{Containers, DEFAULT_DIRECTORY};
use super::view::{Container, VolumeMount};

/// Member of a container.
const MOUNTS: &str = "volumeMounts";

/// What one container gets.
#[derive(Debug, Default)]
struct Additions {
    mounts: Vec<Value>,
    env: Vec<Value>,
}

/// A token that a container is to hold.
struct Held<'p> {
    subject: Subject,
    volume: &'p str,
    directory: &'p str,
    /// Environment variables with the file whose path they hold.
    env: Vec<(&'p str, &'p str)>,
}

/// A container with what is to know of it, found out once however many tokens it gets.
struct Holder<'p> {
    container: &'p Container<'p>,
    /// Whether its mounts of the default token go.
    drops_default: bool,
    /// The mounts that stay, by directory.
    mounts: Directories<'p, &'p VolumeMount<'p>>,
    devices: Directories<'p, ()>,
}

impl<'p> Draft<'p> {
    /// Edits every init container, sidecar and regular container.
    ///
    /// Ephemeral containers cannot be there when a Pod is created, and cannot bring volumes later.
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
        let naming = self.lists.naming(container.name.as_str());
        let holds_default = match &plan.default_token {
            DefaultToken::Rebind { containers, .. } => naming.include(containers, Subject::DefaultToken),
            DefaultToken::Bound | DefaultToken::Remove => false,
        };
        let volumes = plan.volumes.iter().enumerate();
        let held: Vec<_> = volumes
            .filter(|(index, volume)| naming.include(&volume.containers, Subject::Volume(*index)))
            .map(|(index, volume)| planned(index, volume))
            .collect();
        let holder = self.holder(container, plan.default_token != DefaultToken::Bound && !holds_default);
        self.remove_mounts(member, &holder);
        let mut additions = Additions::default();
        if holds_default {
            self.hold_default(&holder, &mut additions);
        }
        for held in held {
            self.hold(&holder, &held, &mut additions);
        }
        self.add(member, container, additions);
    }

    fn holder(&self, container: &'p Container<'p>, drops_default: bool) -> Holder<'p> {
        let stays = |mount: &&VolumeMount<'_>| !(drops_default && self.is_default(mount));
        let mounts = container.mounts().iter().filter(stays);
        let mounts = Directories::of(mounts.map(|mount| (mount.mount_path.as_str(), mount)));
        let devices = Directories::of(container.device_paths().map(|path| (path, ())));
        Holder { container, drops_default, mounts, devices }
    }

    fn remove_mounts(&mut self, member: &impl Fn(&'static str) -> PointerBuf, holder: &Holder<'_>) {
        let Holder { container, drops_default, .. } = holder;
        for (index, mount) in container.mounts().iter().enumerate().rev() {
            if *drops_default && self.is_default(mount) {
                self.patch.remove(join(&member(MOUNTS), [index]));
            } else if mount.has_sub_path() && self.roles.mounted(mount).is_some() {
                self.note(Finding::SubPath { container: container.name.as_str().to_owned() });
            }
        }
    }

    /// Whether a mount is of the default token.
    fn is_default(&self, mount: &VolumeMount<'_>) -> bool {
        self.roles.mounted(mount).is_some_and(|volume| volume.role.is_default())
    }

    /// Lets a container hold the default token: under a list, the mount is ours to add.
    fn hold_default(&mut self, holder: &Holder<'p>, additions: &mut Additions) {
        let Some(DefaultToken::Rebind { containers, env, .. }) = self.plan.map(|plan| &plan.default_token)
        else {
            return;
        };
        let mounted = self.default_volume(holder.container);
        let volume = match containers {
            Containers::All => mounted,
            Containers::Except(_) | Containers::Only(_) => mounted.or(self.roles.first_default),
        };
        if let Some(TokenVolume { name: volume, file, .. }) = volume {
            let env = env.iter().map(|env| (&**env, file)).collect();
            let subject = Subject::DefaultToken;
            self.hold(holder, &Held { subject, volume, directory: DEFAULT_DIRECTORY, env }, additions);
        }
    }

    /// The default token volume that a container mounts where it belongs.
    fn default_volume(&self, container: &Container<'_>) -> Option<TokenVolume<'p>> {
        let mounts = container.mounts().iter().filter(|mount| mount.is_at(DEFAULT_DIRECTORY));
        mounts.filter_map(|mount| self.roles.mounted(mount)).find(|volume| volume.role.is_default())
    }

    /// Mounts a volume in a container and sets its variables, unless something else is there.
    fn hold(&mut self, holder: &Holder<'_>, held: &Held<'_>, additions: &mut Additions) {
        let Holder { container, mounts, devices, .. } = holder;
        // The mount point of a mount inside a read-only volume could not be made.
        let blocked = devices.at(held.directory).is_some() || mounts.has_below(held.directory);
        match mounts.at(held.directory) {
            Some(mount) if mount.name.as_str() == held.volume => {}
            None if !blocked => additions.mounts.push(mount(held)),
            _ => {
                self.note(Finding::MountTaken {
                    container: container.name.as_str().to_owned(),
                    directory: held.directory.to_owned(),
                    subject: held.subject,
                });
                return;
            }
        }
        if !self.held.contains(&held.subject) {
            self.held.push(held.subject);
        }
        for (name, file) in &held.env {
            self.set_env(container, name, &format!("{}/{file}", held.directory), held.subject, additions);
        }
    }

    fn set_env(
        &mut self,
        container: &Container<'_>,
        name: &str,
        path: &str,
        subject: Subject,
        additions: &mut Additions,
    ) {
        match container.env.iter().flatten().find(|variable| variable.name.as_str() == name) {
            Some(variable) if variable.value.as_ref().is_some_and(|value| value.as_str() == path) => {}
            Some(_) => self.note(Finding::EnvTaken {
                container: container.name.as_str().to_owned(),
                env: name.to_owned(),
                subject,
            }),
            None => additions.env.push(object([("name", name.into()), ("value", path.into())])),
        }
    }

    fn add(
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

/// A volume of the plan, to be held by a container.
fn planned<'p>(index: usize, volume: &'p plan::TokenVolume) -> Held<'p> {
    let env = |token: &'p Token| Some((token.env.as_deref()?, &*token.file));
    Held {
        subject: Subject::Volume(index),
        volume: &volume.name,
        directory: &volume.directory,
        env: volume.tokens.iter().filter_map(env).collect(),
    }
}

fn mount(held: &Held<'_>) -> Value {
    let members =
        [("name", held.volume.into()), ("readOnly", true.into()), ("mountPath", held.directory.into())];
    object(members)
}
