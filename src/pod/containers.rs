//! The containers of a Pod: which mounts and environment variables go and come.

use json_patch::jsonptr::{self, PointerBuf};
use serde_json::Value;

use super::decide::Draft;
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

impl<'p> Draft<'p> {
    /// Edits every init container, sidecar and regular container.
    ///
    /// Ephemeral containers cannot be there when a Pod is created, and cannot bring volumes later.
    pub(super) fn edit_containers(&mut self) {
        let Some(plan) = self.plan else { return };
        for (list, index, container) in self.spec.all_containers() {
            if self.patch.is_too_large() {
                break;
            }
            let member = |name: &'static str| join(list, [index.into(), jsonptr::Token::from(name)]);
            self.remove_mounts(&member, container);
            let mut additions = Additions::default();
            self.hold_default(container, &mut additions);
            for (index, volume) in plan.volumes.iter().enumerate() {
                if volume.containers.include(container.name.as_str()) {
                    self.hold(container, &planned(index, volume), &mut additions);
                }
            }
            self.add(&member, container, additions);
        }
    }

    fn remove_mounts(&mut self, member: &impl Fn(&'static str) -> PointerBuf, container: &Container<'_>) {
        for (index, mount) in container.mounts().iter().enumerate().rev() {
            if self.drops(container, mount) {
                self.patch.remove(join(&member(MOUNTS), [index]));
            } else if mount.has_sub_path() && self.roles.mounted(mount).is_some() {
                self.note(Finding::SubPath { container: container.name.as_str().to_owned() });
            }
        }
    }

    /// Whether a mount of the default token goes from this container.
    fn drops(&self, container: &Container<'_>, mount: &VolumeMount<'_>) -> bool {
        self.roles.mounted(mount).is_some_and(|volume| volume.role.is_default())
            && match self.plan.map(|plan| &plan.default_token) {
                Some(DefaultToken::Remove) => true,
                Some(DefaultToken::Rebind { containers, .. }) => !containers.include(container.name.as_str()),
                Some(DefaultToken::Bound) | None => false,
            }
    }

    /// Lets a container hold the default token: under a list, the mount is ours to add.
    fn hold_default(&mut self, container: &'p Container<'p>, additions: &mut Additions) {
        let Some(DefaultToken::Rebind { containers, env, .. }) = self.plan.map(|plan| &plan.default_token)
        else {
            return;
        };
        let mounted = self.default_volume(container);
        let volume = match containers {
            Containers::All => mounted,
            list if list.include(container.name.as_str()) => mounted.or(self.roles.first_default),
            _ => None,
        };
        if let Some(TokenVolume { name: volume, file, .. }) = volume {
            let env = env.iter().map(|env| (&**env, file)).collect();
            let subject = Subject::DefaultToken;
            self.hold(container, &Held { subject, volume, directory: DEFAULT_DIRECTORY, env }, additions);
        }
    }

    /// The default token volume that a container mounts where it belongs.
    fn default_volume(&self, container: &Container<'_>) -> Option<TokenVolume<'p>> {
        let mounts = container.mounts().iter().filter(|mount| mount.is_at(DEFAULT_DIRECTORY));
        mounts.filter_map(|mount| self.roles.mounted(mount)).find(|volume| volume.role.is_default())
    }

    /// Mounts a volume in a container and sets its variables, unless something else is there.
    fn hold(&mut self, container: &Container<'_>, held: &Held<'_>, additions: &mut Additions) {
        let remaining = || container.mounts().iter().filter(|mount| !self.drops(container, mount));
        // The mount point of a mount inside a read-only volume could not be made.
        let blocked = container.has_device_at(held.directory)
            || remaining().any(|mount| mount.is_below(held.directory));
        match remaining().find(|mount| mount.is_at(held.directory)) {
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
