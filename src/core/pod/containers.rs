//! The volume mounts and environment variables of a Pod's containers.

use std::cell::OnceCell;

use json_patch::jsonptr::{self, PointerBuf};
use serde_json::Value;

use super::api_access::is_api_access_file;
use super::directories::Directories;
use super::finding::{Finding, Obstacle, Subject};
use super::patch::{join, object};
use super::paths::PodOs;
use super::plan::{DefaultToken, Token, TokenVolume};
use super::pod_patch::Draft;
use super::token::{Containers, DEFAULT_DIRECTORY};
use super::view::{Container, MountedPart, VolumeMount};
use super::volume_index::{IndexedVolume, VolumeKind, is_at_default};

/// Member of a container.
const MOUNTS: &str = "volumeMounts";

/// The list items that the patch appends to a container.
#[derive(Debug, Default)]
struct Additions {
    mounts: Vec<Value>,
    env: Vec<Value>,
}

/// A volume that a container needs, and the variables that name its files.
pub(super) struct TokenMount<'p> {
    subject: Subject,
    volume: &'p str,
    pub(super) directory: &'p str,
    files: TokenFiles<'p>,
    /// Environment variables, each with the file whose path it holds.
    env: Vec<(&'p str, &'p str)>,
}

/// The files of a volume with tokens.
enum TokenFiles<'p> {
    /// Those of the default token's volume, with the token in this file.
    Default(&'p str),
    /// Those of a volume of the plan.
    Planned(&'p TokenVolume),
}

impl TokenMount<'_> {
    /// Whether the volume has a file of this name.
    pub(super) fn has_file(&self, name: &str) -> bool {
        let (has_token, api_access) = match self.files {
            TokenFiles::Default(file) => (file == name, true),
            TokenFiles::Planned(volume) => {
                (volume.tokens.iter().any(|token| *token.file == *name), volume.api_access)
            }
        };
        has_token || api_access && is_api_access_file(name)
    }
}

/// A container with its mounts indexed once for all of its tokens.
pub(super) struct IndexedContainer<'p> {
    container: &'p Container<'p>,
    /// Whether its mounts of the default token are removed.
    removes_default: bool,
    /// The remaining mounts, by directory.
    pub(super) mounts: Directories<'p, &'p VolumeMount<'p>>,
    /// See [`Self::files`].
    files: OnceCell<Directories<'p, &'p str>>,
}

impl<'p> IndexedContainer<'p> {
    /// The name of the container.
    pub(super) fn name(&self) -> &'p str {
        self.container.name.as_str()
    }

    /// The paths of its block devices and of its termination message, indexed when they are needed.
    pub(super) fn files(&self, os: PodOs) -> &Directories<'p, &'p str> {
        let paths = || self.container.file_paths().map(|path| (path, path));
        self.files.get_or_init(|| Directories::new(os, paths()))
    }
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
            self.edit_container(
                &|name| join(list.to_buf(), [index.into(), jsonptr::Token::from(name)]),
                container,
            );
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
        self.find_sub_paths(&container);
        let mut additions = Additions::default();
        self.keep_default_token(&container, keeps_default, &mut additions);
        for token_mount in token_mounts {
            self.mount_token(&container, &token_mount, &mut additions);
        }
        self.append(member, container.container, additions);
    }

    fn index(&self, container: &'p Container<'p>, removes_default: bool) -> IndexedContainer<'p> {
        let stays = |mount: &&VolumeMount<'_>| !(removes_default && self.is_default(mount));
        let mounts = container.mounts().iter().filter(stays);
        let mounts = Directories::new(self.os, mounts.map(|mount| (mount.mount_path.as_str(), mount)));
        IndexedContainer { container, removes_default, mounts, files: OnceCell::new() }
    }

    fn remove_mounts(
        &mut self,
        member: &impl Fn(&'static str) -> PointerBuf,
        container: &IndexedContainer<'p>,
    ) {
        if container.removes_default {
            for (index, mount) in container.container.mounts().iter().enumerate().rev() {
                if self.is_default(mount) {
                    self.patch.remove(join(member(MOUNTS), [index]));
                }
            }
        }
    }

    /// Whether a mount refers to a default token volume.
    fn is_default(&self, mount: &VolumeMount<'_>) -> bool {
        self.volumes.mounted(mount).is_some_and(|volume| volume.kind.is_default())
    }

    /// Keeps the default token in a container, and sets its variable wherever the container holds it. With a
    /// container list, automounting is off, so the patch has to mount the token in a container that lacks it.
    fn keep_default_token(
        &mut self,
        container: &IndexedContainer<'p>,
        is_selected: bool,
        additions: &mut Additions,
    ) {
        let Some(DefaultToken::Replace { containers, env, .. }) = self.plan.map(|plan| &plan.default_token)
        else {
            return;
        };
        let (subject, directory) = (Subject::DefaultToken, DEFAULT_DIRECTORY);
        if is_selected
            && *containers != Containers::All
            && let Some(IndexedVolume { name: volume, file, .. }) = self.volumes.first_default
            && !self.mounts_token_at_default(container.container)
        {
            let env = env.iter().map(|env| (&**env, file)).collect();
            let files = TokenFiles::Default(file);
            let token_mount = TokenMount { subject, volume, directory, files, env };
            if self.mount_token(container, &token_mount, additions) {
                return;
            }
        }
        let Some((directory, file)) = self.held_default_token(container, is_selected) else { return };
        self.hold(subject);
        if let Some(env) = env {
            let path = file.map_or_else(|| directory.to_owned(), |file| format!("{directory}/{file}"));
            self.set_env(container.container, env, &path, subject, additions);
        }
    }

    /// Whether a container mounts the default token, or one in its place, at the default directory.
    fn mounts_token_at_default(&self, container: &Container<'_>) -> bool {
        let mut mounts = container.mounts().iter().filter(|mount| is_at_default(self.os, mount));
        mounts.any(|mount| self.volumes.mounted(mount).is_some_and(|volume| is_in_place(volume.kind, true)))
    }

    /// Where a container mounts the default token, preferably in the default directory: the path of the mount, and
    /// the file in it, unless the mount is the file. A container that is not selected may still hold a token of
    /// [`VolumeKind::HandMade`].
    fn held_default_token<'c>(
        &self,
        container: &'c IndexedContainer<'p>,
        is_selected: bool,
    ) -> Option<(&'c str, Option<&'p str>)> {
        let held = |(directory, mount): (&'c str, &&'p VolumeMount<'p>)| {
            let volume = self.volumes.mounted(mount)?;
            let file = is_in_place(volume.kind, is_selected).then_some(volume.file)?;
            match mount.part() {
                MountedPart::Whole => Some((directory, Some(file))),
                MountedPart::SubPath(path) if path == file => Some((directory, None)),
                MountedPart::SubPath(_) | MountedPart::Unknown => None,
            }
        };
        let at_default =
            container.mounts.at(DEFAULT_DIRECTORY).map(|mount| (DEFAULT_DIRECTORY, mount)).and_then(held);
        at_default.or_else(|| container.mounts.entries().find_map(held))
    }

    /// Mounts a volume in a container and sets its variables, unless something is in the way. Returns whether the
    /// container mounts the volume.
    fn mount_token(
        &mut self,
        container: &IndexedContainer<'p>,
        token_mount: &TokenMount<'p>,
        additions: &mut Additions,
    ) -> bool {
        let (subject, directory) = (token_mount.subject, self.os.folded(token_mount.directory));
        let mounted = container.mounts.at(&directory).map(|mount| mount.name.as_str());
        if mounted != Some(token_mount.volume) {
            let obstacle = self.obstacle(container, token_mount, &directory);
            let twice = || self.is_mounted_twice(&directory, additions).then_some(token_mount.directory);
            if let Some(obstacle) = obstacle.or_else(|| twice().map(Obstacle::Mount)) {
                let container = container.name();
                self.add_finding(Finding::MountTaken { container, obstacle, subject, held: false });
                return false;
            }
            additions.mounts.push(volume_mount(token_mount));
        }
        self.hold(subject);
        for (name, file) in &token_mount.env {
            let path = format!("{}/{file}", token_mount.directory);
            self.set_env(container.container, name, &path, subject, additions);
        }
        true
    }

    /// Whether the patch already mounts another volume at a directory, which only a difference in case allows.
    fn is_mounted_twice(&self, directory: &str, additions: &Additions) -> bool {
        let mut paths = additions.mounts.iter().filter_map(|mount| mount.get("mountPath")?.as_str());
        self.os == PodOs::Windows && paths.any(|path| self.os.is_at(path, directory))
    }

    /// Sets a variable to a normalised path.
    fn set_env(
        &mut self,
        container: &'p Container<'p>,
        name: &'p str,
        path: &str,
        subject: Subject,
        additions: &mut Additions,
    ) {
        let os = self.os;
        // The kubelet expands `$(NAME)` in a value, and reads `$$` as `$`.
        let wanted = os.native(path).replace('$', "$$");
        let is_wanted = |value: &str| {
            value == wanted || os == PodOs::Windows && os.is_at(&value.replace("$$", "$"), &os.folded(path))
        };
        let mut variables = container.env.iter().flatten();
        match variables.find(|variable| os.is_same_variable(variable.name.as_str(), name)) {
            Some(variable) if variable.value.as_ref().is_some_and(|value| is_wanted(value.as_str())) => {}
            Some(_) => {
                let container = container.name.as_str();
                self.add_finding(Finding::EnvTaken { container, env: name, subject });
            }
            None => {
                additions.env.push(object([("name", name.into()), ("value", wanted.into())]));
            }
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
            self.patch.append(member(MOUNTS), container.volume_mounts.is_some(), mounts);
        }
        if !env.is_empty() {
            self.patch.append(member("env"), container.env.is_some(), env);
        }
    }
}

/// Whether a volume provides the default token to a container that mounts it: a volume of the default token only if
/// the container is selected, and one of [`VolumeKind::HandMade`] always, since no container list applies to it.
fn is_in_place(kind: VolumeKind, is_selected: bool) -> bool {
    kind == VolumeKind::HandMade || is_selected && kind.is_default()
}

fn token_mount<'p>(index: usize, volume: &'p TokenVolume) -> TokenMount<'p> {
    let env = |token: &'p Token| Some((token.env.as_deref()?, &*token.file));
    TokenMount {
        subject: Subject::Volume(index),
        volume: &volume.name,
        directory: &volume.directory,
        files: TokenFiles::Planned(volume),
        env: volume.tokens.iter().filter_map(env).collect(),
    }
}

fn volume_mount(TokenMount { volume, directory, .. }: &TokenMount<'_>) -> Value {
    object([("name", (*volume).into()), ("readOnly", true.into()), ("mountPath", (*directory).into())])
}
