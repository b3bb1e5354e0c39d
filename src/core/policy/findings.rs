//! Turns findings in a Pod into warnings: the setting concerned, and the consequence.

use crate::pod::token::DEFAULT_PREFIX;
use crate::pod::view::PodSpec;
use crate::pod::{Finding, Obstacle, Subject};

use super::Mode;
use super::compile::Compiled;
use super::diagnostics::Code;
use super::keys::Key;
use super::nearest::nearest;
use super::origin::Origin;
use super::settings::Setting;
use super::value_error::did_you_mean;
use super::warnings::{Warning, Warnings, about, quoted};

/// Most containers whose names are compared with a misspelled one.
const MAX_COMPARED: usize = 100;

impl Warnings {
    /// Adds the warnings for the findings in a Pod.
    pub(super) fn findings(&mut self, findings: &[Finding<'_>], compiled: &Compiled, spec: &PodSpec<'_>) {
        let words = Words { compiled, spec };
        for finding in findings {
            let warnings = match *finding {
                Finding::NoDefaultToken { instead } => words.no_default_token(instead),
                finding => words.of(finding).into_iter().collect(),
            };
            for warning in warnings {
                self.push(warning);
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
            Finding::MountTaken { container, obstacle, subject, held } => {
                self.mount_taken(container, obstacle, subject, held)
            }
            Finding::EnvTaken { container, env, subject } => Some(self.env_taken(container, env, subject)),
            Finding::NoDefaultToken { .. } => None,
            Finding::ListWithoutEffect { volume } => self.list_without_effect(volume),
            Finding::NoHolder(subject) => Some(self.no_holder(subject)),
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
        let key = self.compiled.key(subject, Key::Audience);
        let text = "clients of the API server get 401 with this token; mode add keeps both";
        self.about(Code::ForeignAudience, key, format!("{key}: {text}"))
    }

    /// A mount in the way of a setting of the Namespace is no mistake of the Pod, so it causes a warning only if the
    /// token reaches no container.
    fn mount_taken(
        &self,
        container: &str,
        obstacle: Obstacle<'_>,
        subject: Subject,
        held: bool,
    ) -> Option<Warning> {
        let key = match subject {
            Subject::DefaultToken => self.list(subject).map_or(Key::Mode, |list| list.key),
            Subject::Volume(_) => self.compiled.key(subject, self.place()),
        };
        let is_on_pod = self.compiled.settings.get(key).is_some_and(|setting| setting.origin == Origin::Pod);
        if held && !is_on_pod {
            return None;
        }
        let reason = match obstacle {
            Obstacle::Mount(path) => format!("it keeps what is at {}", quoted(path)),
            Obstacle::Parent(path) => format!("no directory can be made in its {}", quoted(path)),
        };
        let text = format!("{key}: container {} gets no token: {reason}", quoted(container));
        Some(self.about(Code::MountTaken, key, text))
    }

    /// The setting that decides where the token is mounted: `path` or `mode`, preferably of the Pod.
    fn place(&self) -> Key {
        let settings = [Key::Path, Key::Mode].map(|key| self.compiled.settings.get(key));
        let is_on_pod = |setting: &&Setting| setting.origin == Origin::Pod;
        let on_pod = settings.into_iter().flatten().find(is_on_pod);
        on_pod.or_else(|| settings.into_iter().flatten().next()).map_or(Key::Mode, |setting| setting.key)
    }

    fn env_taken(&self, container: &str, env: &str, subject: Subject) -> Warning {
        let key = self.compiled.key(subject, Key::Env);
        let text = format!("{key}: container {} keeps its own {}", quoted(container), quoted(env));
        self.about(Code::EnvTaken, key, text)
    }

    /// Warns only about settings on the Pod itself: defaults of a Namespace need not apply to every Pod.
    fn no_default_token(&self, instead: Option<&str>) -> Vec<Warning> {
        let has_effect_otherwise = |setting: &&Setting| {
            setting.origin == Origin::Pod
                && !setting.key.adds_tokens()
                && setting.key.has_effect(self.compiled.mode)
        };
        let reason = match (instead, self.spec.automount_service_account_token) {
            // A generated name would keep events from aggregating.
            (Some(volume), _) if volume.starts_with(DEFAULT_PREFIX) => {
                "the Pod mounts a volume of its own in place of the default token".to_owned()
            }
            (Some(volume), _) => {
                format!("the Pod mounts its own volume {} in place of the default token", quoted(volume))
            }
            (None, Some(false)) => "the Pod has no default token, it says no automount".to_owned(),
            (None, _) => "the Pod has no default token, its service account says no automount".to_owned(),
        };
        let settings = self.compiled.settings.valid().filter(has_effect_otherwise);
        let warning = |key: Key| {
            let text = format!("{key} has no effect: {reason}");
            self.about(Code::NoEffect, key, text)
        };
        settings.map(|setting| warning(setting.key)).collect()
    }

    /// Warns about a container list on a Pod that mounts a token in place of the default token itself.
    fn list_without_effect(&self, volume: &str) -> Option<Warning> {
        let list = self.compiled.settings.container_list().filter(|list| list.origin == Origin::Pod)?;
        let key = list.key;
        let text =
            format!("{key} has no effect on the mounts of the Pod's own token, volume {}", quoted(volume));
        Some(self.about(Code::NoEffect, key, text))
    }

    fn no_holder(&self, subject: Subject) -> Warning {
        let key = self.list(subject).map_or(Key::Containers, |list| list.key);
        let text = format!("{key} leaves out every container of the Pod: no container gets the token");
        self.about(Code::NoHolder, key, text)
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

    /// The setting of a subject's container list.
    fn list(&self, subject: Subject) -> Option<&Setting> {
        let settings = &self.compiled.settings;
        if self.compiled.is_further(subject) { settings.get(Key::Tokens) } else { settings.container_list() }
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
