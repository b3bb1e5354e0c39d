//! Warnings: what somebody should fix, in at most 120 characters each.

use crate::pod::entries::PREFIX;
use crate::pod::token::Containers;
use crate::pod::view::Pod;
use crate::pod::{Finding, Subject};

use super::Mode;
use super::compile::Compiled;
use super::diagnostics::Code;
use super::keys::{KEYS, Key, OPT_IN_LABEL};
use super::mistake::{Mistake, Origin, did_you_mean, printable};
use super::nearest::nearest;

/// Longest warning, in characters: the API asks for no more (`AdmissionResponse.warnings`).
const MAX_CHARS: usize = 120;

/// Most warnings in one answer: the API server keeps 4096 characters in all.
const MAX_WARNINGS: usize = 16;

/// Most containers whose names are compared with a mistyped one.
const MAX_COMPARED: usize = 100;

/// Longest piece of a Pod that a warning repeats, in characters.
const MAX_QUOTED: usize = 40;

/// The warnings of one answer.
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<String>);

impl Warnings {
    /// Puts a warning before all others, so that no limit takes it away.
    fn push_first(&mut self, code: Code, text: &str) {
        let warning = fitted(code, text);
        self.0.retain(|other| *other != warning);
        self.0.truncate(MAX_WARNINGS - 1);
        self.0.insert(0, warning);
    }

    fn push(&mut self, code: Code, text: &str) {
        let warning = fitted(code, text);
        if self.0.len() < MAX_WARNINGS && !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    /// The texts.
    pub(super) fn into_texts(self) -> Vec<String> {
        self.0
    }

    /// A key of ours that nobody knows.
    pub(super) fn unknown_key(&mut self, name: &str, origin: &Origin) {
        if name == OPT_IN_LABEL {
            self.push(
                Code::UnknownKey,
                &format!("{name} on {origin} is an annotation, but opts in as a label only"),
            );
            return;
        }
        let known = KEYS.iter().filter_map(|entry| entry.name.strip_prefix(PREFIX));
        let guess = name.strip_prefix(PREFIX).and_then(|bare| nearest(bare, known));
        let guess = did_you_mean(guess.map(|guess| format!("{PREFIX}{guess}")));
        self.push(Code::UnknownKey, &format!("{} on {origin} is unknown{guess}", short(name)));
    }

    /// A key on a Pod that only a Namespace has.
    pub(super) fn misplaced_key(&mut self, key: Key) {
        self.push(
            Code::NamespaceKey,
            &format!("{key} has no effect on a Pod: it is read on Namespaces only"),
        );
    }

    /// What would have happened to a Pod without `dry-run`.
    pub(super) fn would_patch(&mut self, mode: Mode, operations: usize) {
        let text =
            format!("{}: mode {mode} would change the Pod, patch operations: {operations}", Key::DryRun);
        self.push_first(Code::DryRun, &text);
    }

    /// What a Pod would have been refused for without `dry-run`.
    pub(super) fn would_refuse(&mut self, mistake: &Mistake) {
        self.push_first(mistake.code, &format!("{}: dry-run would refuse: {}", mistake.field, mistake.text));
    }

    /// A Namespace with settings that does not opt in.
    pub(super) fn not_opted_in(&mut self, key: Key) {
        let text = format!("{key} has no effect without the label {OPT_IN_LABEL}: enabled on the Namespace");
        self.push(Code::NotOptedIn, &text);
    }

    /// Settings that the mode makes meaningless, if the same object or the Pod says both.
    pub(super) fn ineffective(&mut self, compiled: &Compiled) {
        let mode_origin = compiled.settings.mode.as_ref().map(|setting| &setting.origin);
        for (key, origin) in compiled.settings.keys() {
            let chosen_here = *origin == Origin::Pod || Some(origin) == mode_origin;
            if chosen_here && !has_effect(key, compiled.mode) {
                self.push(Code::NoEffect, &format!("{key} has no effect with mode {}", compiled.mode));
            }
        }
    }

    /// What the decision found in the Pod.
    pub(super) fn findings(&mut self, findings: &[Finding], compiled: &Compiled, pod: &Pod<'_>) {
        let keys = SubjectKeys(compiled);
        for finding in findings {
            match finding {
                Finding::AutomountOverruled => self.automount_overruled(compiled),
                Finding::ForeignAudience(subject) => self.push(
                    Code::ForeignAudience,
                    &format!(
                        "{}: clients of the API server get 401 with this token; mode add keeps both",
                        keys.audience(*subject)
                    ),
                ),
                Finding::MountTaken { container, directory, subject } => self.push(
                    Code::MountTaken,
                    &format!(
                        "{}: container {} keeps what it mounts at {}, and gets no token",
                        keys.path(*subject),
                        quoted(container),
                        quoted(directory)
                    ),
                ),
                Finding::EnvTaken { container, env, subject } => self.push(
                    Code::EnvTaken,
                    &format!(
                        "{}: container {} keeps its own {}",
                        keys.env(*subject),
                        quoted(container),
                        quoted(env)
                    ),
                ),
                Finding::NoDefaultToken => self.no_default_token(compiled, pod),
                Finding::OtherSecret { volume } => self.push(
                    Code::OtherSecret,
                    &format!(
                        "volume {} puts a Secret where the default token belongs; it stays",
                        quoted(volume)
                    ),
                ),
                Finding::SubPath { container } => self.push(
                    Code::SubPath,
                    &format!(
                        "container {} mounts the token with subPath: it is never refreshed",
                        quoted(container)
                    ),
                ),
                Finding::UnknownContainer { name, subject } => {
                    if keys.warns_of_unknown(*subject, pod) {
                        self.unknown_container(keys.containers(*subject), name, pod);
                    }
                }
            }
        }
    }

    fn automount_overruled(&mut self, compiled: &Compiled) {
        if compiled.mode == Mode::Disable {
            let text = "disable overrules automountServiceAccountToken: true; set replace to keep a token";
            self.push(Code::AutomountOverruled, &format!("{}: {text}", Key::Mode));
        }
    }

    /// A Namespace's defaults need not suit every Pod; a Pod's own settings should.
    fn no_default_token(&mut self, compiled: &Compiled, pod: &Pod<'_>) {
        let of_pod = |(key, origin): &(Key, &Origin)| **origin == Origin::Pod && *key != Key::Tokens;
        let Some((key, _)) = compiled.settings.keys().into_iter().find(of_pod) else { return };
        let who = match pod.spec.automount_service_account_token {
            Some(false) => "it",
            _ => "its service account",
        };
        let text = format!("{key} has no effect: the Pod has no default token, {who} says no automount");
        self.push(Code::NoEffect, &text);
    }

    fn unknown_container(&mut self, key: Key, name: &str, pod: &Pod<'_>) {
        let containers = pod.spec.all_containers().take(MAX_COMPARED);
        let names = containers.map(|(_, _, container)| container.name.as_str());
        let guess = did_you_mean(nearest(name, names).map(quoted));
        self.push(
            Code::UnknownContainer,
            &format!("{key}: the Pod has no container {}{guess}", quoted(name)),
        );
    }
}

/// The key that a subject of the plan comes from.
struct SubjectKeys<'c>(&'c Compiled);

impl SubjectKeys<'_> {
    fn is_further(&self, subject: Subject) -> bool {
        match subject {
            Subject::DefaultToken => false,
            Subject::Volume(index) => index > 0 || !self.0.has_main_volume,
        }
    }

    fn of(&self, subject: Subject, key: Key) -> Key {
        if self.is_further(subject) { Key::Tokens } else { key }
    }

    fn audience(&self, subject: Subject) -> Key {
        self.of(subject, Key::Audience)
    }

    fn env(&self, subject: Subject) -> Key {
        self.of(subject, Key::Env)
    }

    fn path(&self, subject: Subject) -> Key {
        let key = if self.0.settings.path.is_some() { Key::Path } else { Key::Mode };
        self.of(subject, key)
    }

    fn containers(&self, subject: Subject) -> Key {
        let list = match self.list(subject) {
            Containers::Except(_) => Key::SkipContainers,
            Containers::All | Containers::Only(_) => Key::Containers,
        };
        self.of(subject, list)
    }

    fn list(&self, subject: Subject) -> &Containers {
        let plan = self.0.plan.as_ref();
        let volume =
            |index: usize| plan.and_then(|plan| plan.volumes.get(index)).map(|volume| &volume.containers);
        match subject {
            Subject::Volume(index) => volume(index).unwrap_or(&Containers::All),
            Subject::DefaultToken => {
                self.0.settings.containers.as_ref().map_or(&Containers::All, |setting| &setting.value)
            }
        }
    }

    /// A Namespace's list need not suit every Pod, but one that leaves a Pod without its token should.
    fn warns_of_unknown(&self, subject: Subject, pod: &Pod<'_>) -> bool {
        let origin = if self.is_further(subject) {
            self.0.settings.tokens.as_ref().map(|setting| &setting.origin)
        } else {
            self.0.settings.containers.as_ref().map(|setting| &setting.origin)
        };
        let list = self.list(subject);
        let holds = |(_, _, container): (_, _, &crate::pod::view::Container<'_>)| {
            list.include(container.name.as_str())
        };
        origin == Some(&Origin::Pod) || !pod.spec.all_containers().any(holds)
    }
}

fn has_effect(key: Key, mode: Mode) -> bool {
    match mode {
        Mode::Add | Mode::Replace => true,
        Mode::Disable => matches!(key, Key::Mode | Key::Tokens),
        Mode::Off => key == Key::Mode,
    }
}

fn fitted(code: Code, text: &str) -> String {
    let suffix = format!(" ({code})");
    let room = MAX_CHARS - suffix.len();
    if text.chars().count() <= room {
        return format!("{text}{suffix}");
    }
    let cut: String = text.chars().take(room - 1).collect();
    format!("{cut}…{suffix}")
}

/// A piece of a Pod, short and without characters that a terminal would not print.
fn short(text: &str) -> String {
    match printable(text, MAX_QUOTED) {
        (shown, true) => shown,
        (shown, false) => shown + "…",
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}

/// A mistake as a warning, for a place where nothing is refused.
#[must_use]
pub fn warning(mistake: &Mistake) -> String {
    fitted(mistake.code, &format!("{}: {}", mistake.field, mistake.text))
}
