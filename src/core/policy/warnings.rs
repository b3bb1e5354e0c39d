//! Warnings about objects that are allowed, in at most 120 characters each.

use std::borrow::Cow;
use std::fmt;

use crate::pod::token::TokenPath;
use crate::printable::shortened;

use super::Mode;
use super::compile::{ADD_DIRECTORY, Compiled};
use super::diagnostics::Code;
use super::keys::{Key, OPT_IN_LABEL, PREFIX, corrected_key, is_misspelled_label, nearest_key};
use super::origin::Origin;
use super::settings::Setting;
use super::value::Value;
use super::value_error::did_you_mean;
use super::violation::Violation;

/// Longest warning, in characters, as the API recommends (`AdmissionResponse.warnings`).
const MAX_CHARS: usize = 120;

/// Most warnings in one response: the API server keeps 4096 characters in total.
const MAX_WARNINGS: usize = 16;

/// Longest word that is dropped rather than cut, in characters.
const MAX_BROKEN_WORD: usize = 20;

/// Longest text from a Pod that a warning quotes, in characters.
const MAX_QUOTED: usize = 40;

/// A problem that the author of an allowed object should fix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The stable code.
    pub code: Code,
    /// The annotation that the warning is about, known or not.
    pub key: Option<Cow<'static, str>>,
    /// The object that the annotation is set on; `None` for a default.
    pub origin: Option<Origin>,
    /// The message. It starts with the key, if there is one.
    pub text: String,
}

impl Warning {
    /// The message and the code in at most 120 characters, as the API recommends.
    pub fn fitted(&self) -> String {
        fitted(self.code, &self.text)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.text, self.code)
    }
}

/// A violation as a warning, where it does not lead to a refusal.
impl From<&Violation> for Warning {
    fn from(violation: &Violation) -> Self {
        Self {
            code: violation.code,
            key: violation.field.key().map(|key| key.name().into()),
            origin: Some(violation.origin.clone()),
            text: format!("{}: {}", violation.field, violation.text),
        }
    }
}

/// The warnings of one evaluation, without duplicates.
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    /// Inserts a warning before all others, so that no limit removes it.
    fn push_first(&mut self, warning: Warning) {
        self.0.retain(|other| *other != warning);
        self.0.truncate(MAX_WARNINGS - 1);
        self.0.insert(0, warning);
    }

    /// Adds a warning. When there are [`MAX_WARNINGS`], the code with most of them gives way, so that no number of
    /// containers holds back a warning about something else.
    pub(super) fn push(&mut self, warning: Warning) {
        if self.0.contains(&warning) {
            return;
        }
        self.0.push(warning);
        if self.0.len() > MAX_WARNINGS {
            let count = |code: Code| self.0.iter().filter(|other| other.code == code).count();
            let most = self.0.iter().enumerate().max_by_key(|(index, other)| (count(other.code), *index));
            if let Some((last, _)) = most {
                self.0.remove(last);
            }
        }
    }

    /// The warnings, in the order in which they are shown.
    pub(super) fn into_vec(self) -> Vec<Warning> {
        self.0
    }

    /// Warns about an unknown key with boundtoken's prefix or a misspelled one.
    pub(super) fn unknown_key(&mut self, name: &str, origin: &Origin) {
        let text = if name == OPT_IN_LABEL {
            format!("{name} on {origin} is an annotation, but opts in as a label of the Namespace only")
        } else {
            format!("{} on {origin} is unknown{}", quoted(name), did_you_mean(guess(name)))
        };
        let (code, key, origin) = (Code::UnknownKey, Some(name.to_owned().into()), Some(origin.clone()));
        self.push(Warning { code, key, origin, text });
    }

    /// Warns about a key on a Pod that only has an effect on Namespaces.
    pub(super) fn misplaced_key(&mut self, key: Key) {
        let text = format!("{key} has no effect on a Pod: it is read on Namespaces only");
        self.push(about(Code::NamespaceKey, key, Some(&Origin::Pod), text));
    }

    /// Reports the patch that `dry-run` suppresses.
    pub(super) fn would_patch(&mut self, mode: Mode, operations: usize, origin: &Origin) {
        let text =
            format!("{}: mode {mode} would change the Pod, patch operations: {operations}", Key::DryRun);
        self.push_first(about(Code::DryRun, Key::DryRun, Some(origin), text));
    }

    /// Reports a refusal that `dry-run` suppresses.
    pub(super) fn would_refuse(&mut self, violation: &Violation) {
        let text = format!("{}: dry-run would refuse: {}", violation.field, violation.text);
        self.push_first(Warning { text, ..Warning::from(violation) });
    }

    /// Warns about settings on a Namespace that does not opt in.
    pub(super) fn not_opted_in(&mut self, key: Key, origin: &Origin) {
        let text = format!("{key} has no effect without the label {OPT_IN_LABEL}: enabled on the Namespace");
        self.push(about(Code::NotOptedIn, key, Some(origin), text));
    }

    /// Warns about settings without effect in this mode, if the mode comes from the same object or they
    /// are set on the Pod.
    pub(super) fn ineffective(&mut self, compiled: &Compiled) {
        let mode_origin = compiled.settings.get(Key::Mode).map(|setting| &setting.origin);
        for Setting { key, origin, .. } in compiled.settings.valid() {
            let chosen_here = *origin == Origin::Pod || Some(origin) == mode_origin;
            if chosen_here && !key.has_effect(compiled.mode) {
                let text = format!("{key} has no effect with mode {}", compiled.mode);
                self.push(about(Code::NoEffect, *key, Some(origin), text));
            }
        }
        self.default_path(compiled);
        self.hazards(compiled);
    }

    /// Warns in mode `add` about the path of the default token: it has no effect, because that token stays.
    fn default_path(&mut self, compiled: &Compiled) {
        let is_default = compiled.settings.find(Value::path).is_some_and(TokenPath::is_default);
        if let (Mode::Add, true, Some(path)) = (compiled.mode, is_default, compiled.settings.get(Key::Path)) {
            let text = format!("{}: the default token stays there; add mounts at {ADD_DIRECTORY}", Key::Path);
            self.push(about(Code::NoEffect, Key::Path, Some(&path.origin), text));
        }
    }
}

/// The known name that an unknown one with boundtoken's prefix or a misspelled one probably means.
pub fn guess(name: &str) -> Option<String> {
    if is_misspelled_label(name) {
        return Some(format!("the label {OPT_IN_LABEL}"));
    }
    let nearest = || nearest_key(name.strip_prefix(PREFIX)?).map(Key::name);
    corrected_key(name).or_else(nearest).map(str::to_owned)
}

/// Builds a warning about a known key.
pub(super) fn about(code: Code, key: Key, origin: Option<&Origin>, text: String) -> Warning {
    Warning { code, key: Some(key.name().into()), origin: origin.cloned(), text }
}

/// A text and a code in at most 120 characters.
fn fitted(code: Code, text: &str) -> String {
    let suffix = format!(" ({code})");
    let room = MAX_CHARS - suffix.len();
    if text.chars().count() <= room {
        return format!("{text}{suffix}");
    }
    let cut: String = text.chars().take(room - 1).collect();
    let in_a_word = text.chars().nth(room - 1).is_some_and(char::is_alphanumeric);
    let whole = if in_a_word { whole_words(&cut) } else { &cut };
    format!("{}…{suffix}", whole.trim_end_matches([' ', ',', ';', ':']))
}

/// Drops the last, incomplete word of a cut text, unless it is longer than [`MAX_BROKEN_WORD`].
fn whole_words(cut: &str) -> &str {
    let words = cut.rsplit_once(' ').filter(|(_, broken)| broken.chars().count() <= MAX_BROKEN_WORD);
    words.map_or(cut, |(whole, _)| whole)
}

/// Shortens a text from a Pod and escapes unprintable characters.
fn short(text: &str) -> String {
    match shortened(text, MAX_QUOTED) {
        (shown, true) => shown,
        (shown, false) => shown + "…",
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_warning_is_cut_between_words() {
        let words = fitted(Code::Mode, &"words, ".repeat(20));
        assert_eq!(words, format!("{}words… (BT001)", "words, ".repeat(15)));
        let in_a_word = fitted(Code::Mode, &format!("{}; {}", "x".repeat(95), "y".repeat(20)));
        assert_eq!(in_a_word, format!("{}… (BT001)", "x".repeat(95)));
        let at_the_end = fitted(Code::Mode, &format!("{}is not allowed: here", "x".repeat(96)));
        assert_eq!(at_the_end, format!("{}is not allowed… (BT001)", "x".repeat(96)));
        let long = fitted(Code::Mode, &format!("key: {}", "x".repeat(200)));
        assert_eq!(long, format!("key: {}… (BT001)", "x".repeat(106)));
        assert_eq!(long.chars().count(), MAX_CHARS);
    }
}
