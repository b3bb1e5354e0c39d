//! Turns findings in a Pod into warnings: the setting concerned, and the consequence.

use crate::pod::view::PodSpec;
use crate::pod::{Finding, Subject};

use super::Mode;
use super::compile::Compiled;
use super::diagnostics::Code;
use super::keys::Key;
use super::nearest::nearest;
use super::origin::Origin;
use super::settings::Setting;
use super::value::Value;
use super::value_error::did_you_mean;
use super::warnings::{Warning, Warnings, about, quoted};

/// Most containers whose names are compared with a misspelled one.
const MAX_COMPARED: usize = 100;

impl Warnings {
    /// Adds the warnings for the findings in a Pod.
    pub(super) fn findings(&mut self, findings: &[Finding<'_>], compiled: &Compiled, spec: &PodSpec<'_>) {
        let words = Words { compiled, spec };
        for warning in findings.iter().filter_map(|finding| words.of(*finding)) {
            if !self.push(warning) {
                break;
            }
        }
    }
}

/// The context for wording warnings: a Pod and its settings.
struct Words<'w> {
    compiled: &'w Compiled,
    spec: &'w PodSpec<'w>,
}

impl Words<'_> {
    /// The warning for a finding; `None` if it is not worth one.
    fn of(&self, finding: Finding<'_>) -> Option<Warning> {
        match finding {
            Finding::AutomountOverruled => self.automount_overruled(),
            Finding::ForeignAudience(subject) => Some(self.foreign_audience(subject)),
            Finding::MountTaken { container, directory, subject } => {
                Some(self.mount_taken(container, directory, subject))
            }
            Finding::EnvTaken { container, env, subject } => Some(self.env_taken(container, env, subject)),
            Finding::NoDefaultToken => self.no_default_token(),
            Finding::OtherSecret { volume } => Some(other_secret(volume)),
            Finding::SubPath { container } => Some(sub_path(container)),
            Finding::UnknownContainer { name, subject, held } => self.unknown_container(name, subject, held),
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
        let path = if self.compiled.settings.find(Value::path).is_some() { Key::Path } else { Key::Mode };
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

    /// Warns only about settings on the Pod itself: defaults of a Namespace need not apply to every Pod.
    fn no_default_token(&self) -> Option<Warning> {
        let on_pod = |setting: &&Setting| setting.origin == Origin::Pod && !setting.key.adds_tokens();
        let key = self.compiled.settings.valid().find(on_pod)?.key;
        let who = match self.spec.automount_service_account_token {
            Some(false) => "it",
            _ => "its service account",
        };
        let text = format!("{key} has no effect: the Pod has no default token, {who} says no automount");
        Some(self.about(Code::NoEffect, key, text))
    }

    /// Warns about an unknown container in a list. A list of the Namespace may name containers that this Pod
    /// lacks, so it causes a warning only if the token reaches no container.
    fn unknown_container(&self, name: &str, subject: Subject, held: bool) -> Option<Warning> {
        let list = self.list(subject);
        if held && list.map(|list| &list.origin) != Some(&Origin::Pod) {
            return None;
        }
        let containers = self.spec.all_containers().take(MAX_COMPARED);
        let names = containers.map(|(_, _, container)| container.name.as_str());
        let guess = did_you_mean(nearest(name, names).map(quoted));
        let key = list.map_or(Key::Containers, |list| list.key);
        let text = format!("{key}: the Pod has no container {}{guess}", quoted(name));
        Some(self.about(Code::UnknownContainer, key, text))
    }

    /// Builds a warning about a key. The origin is `None` for a default.
    fn about(&self, code: Code, key: Key, text: String) -> Warning {
        about(code, key, self.compiled.settings.get(key).map(|setting| &setting.origin), text)
    }

    /// Whether a subject comes from `tokens` rather than from the keys for a single token.
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

    /// The setting of a subject's container list.
    fn list(&self, subject: Subject) -> Option<&Setting> {
        let settings = &self.compiled.settings;
        if self.is_further(subject) { settings.get(Key::Tokens) } else { settings.container_list() }
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
