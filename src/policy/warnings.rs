//! Warnings: what somebody should fix, in at most 120 characters each.

use std::borrow::Cow;
use std::fmt;

use crate::pod::token::TokenPath;
use crate::printable::shortened;

use super::Mode;
use super::compile::{ADD_DIRECTORY, Compiled};
use super::diagnostics::Code;
use super::keys::{Key, OPT_IN_LABEL, PREFIX, meant, nearest_key};
use super::settings::Setting;
use super::violation::{Origin, Violation, did_you_mean};

/// Longest warning, in characters: the API asks for no more (`AdmissionResponse.warnings`).
const MAX_CHARS: usize = 120;

/// Most warnings in one answer: the API server keeps 4096 characters in all.
const MAX_WARNINGS: usize = 16;

/// Longest word that is left out rather than cut, in characters.
const MAX_BROKEN_WORD: usize = 20;

/// Longest piece of a Pod that a warning repeats, in characters.
const MAX_QUOTED: usize = 40;

/// Something that the author of an object should fix; the object is allowed all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The stable code.
    pub code: Code,
    /// The annotation that it is about, known or not.
    pub key: Option<Cow<'static, str>>,
    /// The object that the annotation is set on; `None` for a default.
    pub origin: Option<Origin>,
    /// The sentence. It starts with the key, if there is one.
    pub text: String,
}

impl Warning {
    /// The sentence and the code in at most 120 characters, as the API asks for.
    pub fn fitted(&self) -> String {
        fitted(self.code, &self.text)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.text, self.code)
    }
}

/// A violation as a warning, for a place where nothing is refused.
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

/// The warnings of one evaluation, each once.
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    /// Puts a warning before all others, so that no limit takes it away.
    fn push_first(&mut self, warning: Warning) {
        self.0.retain(|other| *other != warning);
        self.0.truncate(MAX_WARNINGS - 1);
        self.0.insert(0, warning);
    }

    /// Adds a warning; returns whether there is room for more.
    pub(super) fn push(&mut self, warning: Warning) -> bool {
        if self.0.len() < MAX_WARNINGS && !self.0.contains(&warning) {
            self.0.push(warning);
        }
        self.0.len() < MAX_WARNINGS
    }

    /// The warnings, in the order in which they are shown.
    pub(super) fn into_vec(self) -> Vec<Warning> {
        self.0
    }

    /// Warns about a key with our prefix, or nearly so, that does not exist.
    pub(super) fn unknown_key(&mut self, name: &str, origin: &Origin) {
        let text = if name == OPT_IN_LABEL {
            format!("{name} on {origin} is an annotation, but opts in as a label of the Namespace only")
        } else {
            let nearest = || nearest_key(name.strip_prefix(PREFIX)?).map(Key::name);
            let guess = did_you_mean(meant(name).or_else(nearest));
            format!("{} on {origin} is unknown{guess}", quoted(name))
        };
        let (code, key, origin) = (Code::UnknownKey, Some(name.to_owned().into()), Some(origin.clone()));
        self.push(Warning { code, key, origin, text });
    }

    /// Warns about a key on a Pod that has a meaning on a Namespace only.
    pub(super) fn misplaced_key(&mut self, key: Key) {
        let text = format!("{key} has no effect on a Pod: it is read on Namespaces only");
        self.push(about(Code::NamespaceKey, key, Some(&Origin::Pod), text));
    }

    /// Reports the patch that `dry-run` holds back.
    pub(super) fn would_patch(&mut self, mode: Mode, operations: usize, origin: &Origin) {
        let text =
            format!("{}: mode {mode} would change the Pod, patch operations: {operations}", Key::DryRun);
        self.push_first(about(Code::DryRun, Key::DryRun, Some(origin), text));
    }

    /// Reports a refusal that `dry-run` holds back.
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
    }

    /// In mode `add`, the path of the default token is no path at all: that token stays.
    fn default_path(&mut self, compiled: &Compiled) {
        let is_default = compiled.settings.path().is_some_and(TokenPath::is_default);
        if let (Mode::Add, true, Some(path)) = (compiled.mode, is_default, compiled.settings.get(Key::Path)) {
            let text = format!("{}: the default token stays there; add mounts at {ADD_DIRECTORY}", Key::Path);
            self.push(about(Code::NoEffect, Key::Path, Some(&path.origin), text));
        }
    }
}

/// A warning about a key of the table.
pub(super) fn about(code: Code, key: Key, origin: Option<&Origin>, text: String) -> Warning {
    Warning { code, key: Some(key.name().into()), origin: origin.cloned(), text }
}

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

/// A cut text without the word that the cut went through, unless that is a long one.
fn whole_words(cut: &str) -> &str {
    let words = cut.rsplit_once(' ').filter(|(_, broken)| broken.chars().count() <= MAX_BROKEN_WORD);
    words.map_or(cut, |(whole, _)| whole)
}

/// A piece of a Pod, short and without characters that a terminal would not print.
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
