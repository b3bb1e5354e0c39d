//! Warnings: what somebody should fix, in at most 120 characters each.

use super::Mode;
use super::compile::{ADD_DIRECTORY, Compiled};
use super::diagnostics::Code;
use super::keys::{KEYS, Key, OPT_IN_LABEL, PREFIX, meant};
use super::nearest::nearest;
use super::violation::{Origin, Violation, did_you_mean, printable};

/// Longest warning, in characters: the API asks for no more (`AdmissionResponse.warnings`).
const MAX_CHARS: usize = 120;

/// Most warnings in one answer: the API server keeps 4096 characters in all.
const MAX_WARNINGS: usize = 16;

/// Longest word that is left out rather than cut, in characters.
const MAX_BROKEN_WORD: usize = 20;

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

    /// Adds a warning; whether there is room for more.
    pub(super) fn push(&mut self, code: Code, text: &str) -> bool {
        let warning = fitted(code, text);
        if self.0.len() < MAX_WARNINGS && !self.0.contains(&warning) {
            self.0.push(warning);
        }
        self.0.len() < MAX_WARNINGS
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
                &format!("{name} on {origin} is an annotation, but opts in as a label of the Namespace only"),
            );
            return;
        }
        let guess = did_you_mean(meant(name).or_else(|| nearest_key(name)));
        self.push(Code::UnknownKey, &format!("{} on {origin} is unknown{guess}", quoted(name)));
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
    pub(super) fn would_refuse(&mut self, violation: &Violation) {
        self.push_first(
            violation.code,
            &format!("{}: dry-run would refuse: {}", violation.field, violation.text),
        );
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
        self.default_path(compiled);
    }

    /// In mode `add`, the path of the default token is no path at all: that token stays.
    fn default_path(&mut self, compiled: &Compiled) {
        let path = compiled.settings.path.as_ref().filter(|setting| setting.value.is_default());
        if compiled.mode == Mode::Add && path.is_some() {
            let text = format!("{}: the default token stays there; add mounts at {ADD_DIRECTORY}", Key::Path);
            self.push(Code::NoEffect, &text);
        }
    }
}

/// The key that somebody meant who wrote its prefix right.
fn nearest_key(name: &str) -> Option<&'static str> {
    let bare = |name| str::strip_prefix(name, PREFIX);
    let guess = nearest(bare(name)?, KEYS.iter().filter_map(|entry| bare(entry.name)))?;
    KEYS.iter().map(|entry| entry.name).find(|known| bare(known) == Some(guess))
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
    match printable(text, MAX_QUOTED) {
        (shown, true) => shown,
        (shown, false) => shown + "…",
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}

/// A mistake as a warning, for a place where nothing is refused.
pub fn warning(violation: &Violation) -> String {
    fitted(violation.code, &format!("{}: {}", violation.field, violation.text))
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
