//! What was found in a Pod, in words: which setting it concerns, and what follows.

use crate::pod::token::Containers;
use crate::pod::view::PodSpec;
use crate::pod::{Finding, Subject};

use super::Mode;
use super::compile::Compiled;
use super::diagnostics::Code;
use super::keys::Key;
use super::nearest::nearest;
use super::violation::{Origin, did_you_mean};
use super::warnings::{Warning, Warnings, about, quoted};

/// Most containers whose names are compared with a mistyped one.
const MAX_COMPARED: usize = 100;

impl Warnings {
    /// What the decision found in the Pod.
    pub(super) fn findings(&mut self, findings: &[Finding], compiled: &Compiled, spec: &PodSpec<'_>) {
        let words = Words { compiled, spec };
        for warning in findings.iter().filter_map(|finding| words.of(finding)) {
            if !self.push(warning) {
                break;
            }
        }
    }
}

/// The words for a finding in this Pod under these settings.
struct Words<'w> {
    compiled: &'w Compiled,
    spec: &'w PodSpec<'w>,
}

impl Words<'_> {
    /// The warning; `None` where nobody needs one.
    fn of(&self, finding: &Finding) -> Option<Warning> {
        match finding {
            Finding::AutomountOverruled => self.automount_overruled(),
            Finding::ForeignAudience(subject) => Some(self.foreign_audience(*subject)),
            Finding::MountTaken { container, directory, subject } => {
                Some(self.mount_taken(container, directory, *subject))
            }
            Finding::EnvTaken { container, env, subject } => Some(self.env_taken(container, env, *subject)),
            Finding::NoDefaultToken => self.no_default_token(),
            Finding::OtherSecret { volume } => Some(other_secret(volume)),
            Finding::SubPath { container } => Some(sub_path(container)),
            Finding::UnknownContainer { name, subject, held } => {
                self.unknown_container(name, *subject, *held)
            }
        }
    }

    fn automount_overruled(&self) -> Option<Warning> {
        let text = "disable overrules automountServiceAccountToken: true; set replace to keep a token";
        let disabled = self.compiled.mode == Mode::Disable;
        disabled.then(|| self.about(Code::AutomountOverruled, Key::Mode, format!("{}: {text}", Key::Mode)))
    }

    fn foreign_audience(&self, subject: Subject) -> Warning {
        let key = self.key(subject, Key::Audience);
        let text = "clients of the API server get 401 with this token; mode add keeps both";
        self.about(Code::ForeignAudience, key, format!("{key}: {text}"))
    }

    fn mount_taken(&self, container: &str, directory: &str, subject: Subject) -> Warning {
        let path = if self.compiled.settings.path.is_some() { Key::Path } else { Key::Mode };
        let (key, container, directory) = (self.key(subject, path), quoted(container), quoted(directory));
        let text =
            format!("{key}: container {container} keeps what it mounts at {directory}, and gets no token");
        self.about(Code::MountTaken, key, text)
    }

    fn env_taken(&self, container: &str, env: &str, subject: Subject) -> Warning {
        let key = self.key(subject, Key::Env);
        let text = format!("{key}: container {} keeps its own {}", quoted(container), quoted(env));
        self.about(Code::EnvTaken, key, text)
    }

    /// A Namespace's defaults need not suit every Pod; a Pod's own settings should.
    fn no_default_token(&self) -> Option<Warning> {
        let of_pod = |(key, origin): &(Key, &Origin)| **origin == Origin::Pod && *key != Key::Tokens;
        let (key, _) = self.compiled.settings.keys().into_iter().find(of_pod)?;
        let who = match self.spec.automount_service_account_token {
            Some(false) => "it",
            _ => "its service account",
        };
        let text = format!("{key} has no effect: the Pod has no default token, {who} says no automount");
        Some(self.about(Code::NoEffect, key, text))
    }

    /// A Namespace's list need not suit every Pod, but one that leaves a Pod without its token should.
    fn unknown_container(&self, name: &str, subject: Subject, held: bool) -> Option<Warning> {
        if held && self.list_origin(subject) != Some(&Origin::Pod) {
            return None;
        }
        let containers = self.spec.all_containers().take(MAX_COMPARED);
        let names = containers.map(|(_, _, container)| container.name.as_str());
        let guess = did_you_mean(nearest(name, names).map(quoted));
        let key = self.list_key(subject);
        let text = format!("{key}: the Pod has no container {}{guess}", quoted(name));
        Some(self.about(Code::UnknownContainer, key, text))
    }

    /// A warning about a key; a key that is set nowhere has its default.
    fn about(&self, code: Code, key: Key, text: String) -> Warning {
        let set = self.compiled.settings.keys().into_iter().find(|(set, _)| *set == key);
        about(code, key, set.map(|(_, origin)| origin), text)
    }

    /// Whether a subject comes from `tokens`, and not from the keys for one token.
    fn is_further(&self, subject: Subject) -> bool {
        match subject {
            Subject::DefaultToken => false,
            Subject::Volume(index) => index > 0 || !self.compiled.has_main_volume,
        }
    }

    /// The key that a subject comes from: `key`, or `tokens`.
    fn key(&self, subject: Subject, key: Key) -> Key {
        if self.is_further(subject) { Key::Tokens } else { key }
    }

    fn list(&self, subject: Subject) -> &Containers {
        let settings = &self.compiled.settings;
        match subject {
            Subject::DefaultToken => settings.containers.as_ref().map(|setting| &setting.value),
            Subject::Volume(index) => {
                let volumes = self.compiled.plan.as_ref().map(|plan| &plan.volumes);
                volumes.and_then(|volumes| volumes.get(index)).map(|volume| &volume.containers)
            }
        }
        .unwrap_or(&Containers::All)
    }

    fn list_key(&self, subject: Subject) -> Key {
        let list = match self.list(subject) {
            Containers::Except(_) => Key::SkipContainers,
            Containers::All | Containers::Only(_) => Key::Containers,
        };
        self.key(subject, list)
    }

    fn list_origin(&self, subject: Subject) -> Option<&Origin> {
        let settings = &self.compiled.settings;
        if self.is_further(subject) {
            settings.tokens.as_ref().map(|setting| &setting.origin)
        } else {
            settings.containers.as_ref().map(|setting| &setting.origin)
        }
    }
}

fn other_secret(volume: &str) -> Warning {
    let text = format!("volume {} puts a Secret where the default token belongs; it stays", quoted(volume));
    Warning { code: Code::OtherSecret, key: None, origin: None, text }
}

fn sub_path(container: &str) -> Warning {
    let text =
        format!("container {} mounts the token with subPath: it is never refreshed", quoted(container));
    Warning { code: Code::SubPath, key: None, origin: None, text }
}
