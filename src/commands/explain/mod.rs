//! `boundtoken explain`: explains keys and diagnostic codes, from the tables that the webhook uses.

mod page;

use std::ffi::OsStr;
use std::io::Write;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};

use self::page::TextPage;
use super::stdio::{self, StreamError};
use super::{CommandError, Exit, program};
use crate::policy::diagnostics::{self, Diagnostic, Severity};
use crate::policy::keys::{
    self, Entry, Form, OPT_IN_LABEL, OPT_IN_VALUE, PREFIX, Scope, corrected_key, is_misspelled_label,
};
use crate::policy::nearest::nearest;
use crate::policy::{check_value, quote};

/// The explanation of the label.
const LABEL: &str = "A label of Namespaces, not an annotation: the webhook admits the Pods that are created in a \
    labelled Namespace. Without annotations, each of their tokens lives one hour.";

/// Explain an annotation key, a value, the label or a diagnostic code; without one, list them all
///
/// Exit codes: 0 explained, 1 the value is not valid, 2 failure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Annotation key such as ttl or boundtoken.dev/ttl, the label webhook, a value such as disable or ttl=90m, or
    /// a code such as BT004
    #[arg(value_name = "KEY|KEY=VALUE|CODE", value_parser = NameParser, hide_possible_values = true)]
    name: Option<String>,
}

/// Accepts any name, because unknown ones get a better message later. Shells offer the known ones.
#[derive(Clone, Debug)]
struct NameParser;

impl TypedValueParser for NameParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names().chain(codes()).chain(words()).map(PossibleValue::new)))
    }
}

/// An error of `boundtoken explain`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is unknown.
    #[error("unknown key or code {0:?}; `boundtoken explain` lists them")]
    Unknown(String),
    /// The name is unknown, but similar to a known one.
    #[error("unknown key or code {name:?}; did you mean {nearest}?")]
    Misspelt {
        /// The name.
        name: String,
        /// The known name that is nearest to it.
        nearest: &'static str,
    },
    /// The explanation cannot be written.
    #[error(transparent)]
    Write(#[from] StreamError),
}

/// Writes the explanation.
///
/// # Errors
/// When the name is unknown, or the output cannot be written.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    Ok(explain(args, &mut stdio::stdout())?)
}

fn explain(args: &Args, out: &mut dyn Write) -> Result<Exit, Error> {
    let mut page = TextPage::of_terminal();
    let exit = match args.name.as_deref().map(str::trim) {
        None => list(&mut page),
        Some(name) => match name.split_once(['=', ':']) {
            Some((key, value)) => setting(key.trim_end(), value.trim().trim_matches('"'), &mut page)?,
            None => one(name, &mut page)?,
        },
    };
    out.write_all(page.into_text().as_bytes()).map_err(StreamError::from)?;
    Ok(exit)
}

/// The keys and the label without prefix.
fn names() -> impl Iterator<Item = &'static str> {
    keys::all().map(Entry::short_name).chain([label()])
}

fn codes() -> impl Iterator<Item = &'static str> {
    diagnostics::all().map(|diagnostic| diagnostic.name)
}

fn one(name: &str, page: &mut TextPage) -> Result<Exit, Error> {
    let is_code = |code: &&Diagnostic| code.name.eq_ignore_ascii_case(name);
    if is_label(name) {
        about_label(page);
    } else if let Some(entry) = entry(name).or_else(|| entry_of_word(name)) {
        about_key(entry, page);
    } else if let Some(diagnostic) = diagnostics::all().find(is_code) {
        about_code(diagnostic, page);
    } else {
        return Err(unknown(name));
    }
    Ok(Exit::Done)
}

/// Explains a value of a key.
fn setting(key: &str, value: &str, page: &mut TextPage) -> Result<Exit, Error> {
    let is_label = is_label(key);
    let Some(entry) = entry(key).filter(|_| !is_label) else {
        return if is_label { Ok(label_value(value, page)) } else { Err(unknown(key)) };
    };
    let mistakes = check_value(entry.key, value);
    if mistakes.is_empty() {
        page.paragraph(&format!("{}: {} is valid.", entry.name, quote(value)));
        page.gap();
        about_key(entry, page);
        return Ok(Exit::Done);
    }
    for (code, sentence) in &mistakes {
        page.paragraph(&format!("{sentence} ({code})"));
        page.gap();
    }
    if let Some((code, _)) = mistakes.first() {
        about_code(code.diagnostic(), page);
    }
    Ok(Exit::Found)
}

fn label_value(value: &str, page: &mut TextPage) -> Exit {
    let (sentence, exit) = match value {
        OPT_IN_VALUE => ("is valid".to_owned(), Exit::Done),
        _ => (format!("means the same as no label; write {}", quote(OPT_IN_VALUE)), Exit::Found),
    };
    page.paragraph(&format!("{OPT_IN_LABEL}: {} {sentence}.", quote(value)));
    page.gap();
    about_label(page);
    exit
}

fn is_label(name: &str) -> bool {
    name == OPT_IN_LABEL || name == label()
}

/// The key of this name, with or without prefix.
fn entry(name: &str) -> Option<&'static Entry> {
    keys::all().find(|entry| entry.name == name || entry.short_name() == name)
}

/// The key that has this word as a value, such as `mode` for `disable`.
fn entry_of_word(word: &str) -> Option<&'static Entry> {
    keys::all().find(|entry| matches!(entry.form, Form::Words(words) if words().contains(&word)))
}

fn unknown(name: &str) -> Error {
    match nearest_name(name) {
        Some(nearest) => Error::Misspelt { name: name.to_owned(), nearest },
        None => Error::Unknown(name.to_owned()),
    }
}

fn nearest_name(name: &str) -> Option<&'static str> {
    if is_misspelled_label(name) {
        return Some(OPT_IN_LABEL);
    }
    if let Some(known) = code_of_number(name).or_else(|| corrected_key(name)) {
        return Some(known);
    }
    let mut continued = names().filter(|known| known.starts_with(short_name(name)));
    if let (Some(only), None) = (continued.next(), continued.next()) {
        return Some(only);
    }
    let lowercase: Vec<String> = codes().map(str::to_lowercase).collect();
    let near = |near: &str| codes().find(|code| code.eq_ignore_ascii_case(near));
    nearest(short_name(name), names())
        .or_else(|| nearest(name, lowercase.iter().map(String::as_str)).and_then(near))
        .or_else(|| nearest(name, words()))
}

/// A name without its prefix, which may be misspelled.
fn short_name(name: &str) -> &str {
    match name.split_once('/') {
        Some((prefix, short)) if nearest(prefix, [PREFIX.trim_end_matches('/')]).is_some() => short,
        _ => name,
    }
}

/// The words that are values of keys.
fn words() -> impl Iterator<Item = &'static str> {
    keys::all().flat_map(|entry| match entry.form {
        Form::Words(words) => words(),
        Form::Text { .. } => Vec::new(),
    })
}

/// The code for a number in any spelling, such as `bt4` or `BT0004`.
fn code_of_number(name: &str) -> Option<&'static str> {
    let number = |code: &str| {
        let (prefix, digits) = code.split_at_checked(2)?;
        let is_code = prefix.eq_ignore_ascii_case("BT") && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u32>().ok().filter(|_| is_code)
    };
    let wanted = number(name)?;
    codes().find(|code| number(code) == Some(wanted))
}

/// The label without prefix.
fn label() -> &'static str {
    OPT_IN_LABEL.trim_start_matches(PREFIX)
}

fn about_label(page: &mut TextPage) {
    page.title(OPT_IN_LABEL, "");
    page.gap();
    page.paragraph(LABEL);
    page.gap();
    let rows = [
        ("Value", format!("`{OPT_IN_VALUE}`; any other value means the same as no label")),
        ("Default", "no label: the webhook is not called".to_owned()),
        ("Set on", "a Namespace".to_owned()),
    ];
    page.table(rows.into_iter());
    page.example(&format!("{OPT_IN_LABEL}: \"{OPT_IN_VALUE}\""));
}

fn list(page: &mut TextPage) -> Exit {
    page.title("Label", "");
    page.table(std::iter::once((OPT_IN_LABEL, format!("`{OPT_IN_VALUE}`: the Namespace opts in"))));
    page.gap();
    page.title("Keys", "");
    page.table(keys::all().map(|entry| (entry.name, entry.value().into_owned())));
    page.gap();
    page.title("Codes", "");
    let codes = diagnostics::all();
    page.table(codes.map(|code| (code.name, format!("{}: {}", severity(code.severity), code.title))));
    Exit::Done
}

fn about_key(entry: &Entry, page: &mut TextPage) {
    let Entry { name, scope, default, meaning, example, .. } = entry;
    let place = match scope {
        Scope::Namespace => "a Namespace",
        Scope::NamespaceAndPod => {
            "a Namespace, as the default of its Pods; a Pod or Pod template, which overrides it"
        }
    };
    page.title(name, "");
    page.gap();
    page.paragraph(meaning);
    page.gap();
    let rows = [("Value", &*entry.value()), ("Default", default), ("Set on", place)];
    page.table(rows.map(|(what, text)| (what, text.to_owned())).into_iter());
    // Quoted, because an annotation must be a string even if it looks like a number or a Boolean.
    page.example(&format!("{name}: \"{example}\""));
}

fn about_code(diagnostic: &Diagnostic, page: &mut TextPage) {
    let Diagnostic { code: _, name, severity: of, title, meaning, remedy } = diagnostic;
    page.title(&format!("{name}: {title}"), &format!(" ({})", severity(*of)));
    page.gap();
    page.paragraph(&program::as_typed(meaning));
    page.gap();
    page.paragraph(&program::as_typed(remedy));
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Forbidden => "refused, forbidden by the Namespace",
        Severity::Invalid => "refused, invalid",
        Severity::Malformed => "refused, malformed",
        Severity::Warning => "warning",
        Severity::Note => "note of preview",
        Severity::Error => "error of preview",
        Severity::Reason => "reason of audit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained_in(name: &str, width: usize) -> String {
        let mut page = TextPage::new(width);
        one(name, &mut page).unwrap();
        anstream::adapter::strip_str(&page.into_text()).to_string()
    }

    fn explained(name: &str) -> String {
        explained_in(name, 80)
    }

    #[test]
    fn a_key_is_found_with_and_without_prefix() {
        assert_eq!(explained("mode"), explained("boundtoken.dev/mode"));
        assert!(explained("mode").starts_with("boundtoken.dev/mode\n\nWhat happens to the default token."));
    }

    #[test]
    fn a_code_is_found_in_either_case() {
        assert_eq!(explained("bt004"), explained("BT004"));
        assert!(explained("BT004").starts_with("BT004: "));
    }

    #[test]
    fn paragraphs_and_tables_fit_the_width() {
        for name in keys::all().map(|entry| entry.name).chain(codes()) {
            for width in [40, 60, 80] {
                let text = explained_in(name, width);
                let fits = |line: &str| {
                    line.chars().count() <= width
                        || line.starts_with("  Example  ")
                        || !line.trim_start_matches("  Default  ").trim().contains(' ')
                };
                assert!(text.lines().count() > 2 && text.lines().skip(1).all(fits), "{text}");
            }
        }
        assert!(explained_in("BT004", 40).lines().count() > explained_in("BT004", 60).lines().count());
    }

    #[test]
    fn the_list_has_every_key_and_code() {
        let mut page = TextPage::new(80);
        list(&mut page);
        let text = page.into_text();
        for name in keys::all().map(|entry| entry.name).chain(codes()) {
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        for (name, message) in [
            ("tll", "unknown key or code \"tll\"; did you mean ttl?"),
            ("boundtoken.dev/max-tl", "unknown key or code \"boundtoken.dev/max-tl\"; did you mean max-ttl?"),
            ("BT0004", "unknown key or code \"BT0004\"; did you mean BT004?"),
            (
                "boundtoken.io/ttl",
                "unknown key or code \"boundtoken.io/ttl\"; did you mean boundtoken.dev/ttl?",
            ),
            ("bountoken.dev/tll", "unknown key or code \"bountoken.dev/tll\"; did you mean ttl?"),
            (
                "boundtoken.io/webhook",
                "unknown key or code \"boundtoken.io/webhook\"; did you mean boundtoken.dev/webhook?",
            ),
            ("disabel", "unknown key or code \"disabel\"; did you mean disable?"),
            ("example.com/ttl", "unknown key or code \"example.com/ttl\"; `boundtoken explain` lists them"),
            ("zebra\u{1b}", "unknown key or code \"zebra\\u{1b}\"; `boundtoken explain` lists them"),
        ] {
            assert_eq!(one(name, &mut TextPage::new(80)).unwrap_err().to_string(), message);
        }
    }
    #[test]
    fn a_value_is_explained_with_its_key() {
        assert_eq!(explained("disable"), explained("mode"));
        assert_eq!(explained("deny"), explained("pod-overrides"));
    }

    #[test]
    fn a_setting_is_valid_or_gets_the_sentence_of_a_refusal() {
        for (words, exit, start) in [
            ("ttl=90m", Exit::Done, "boundtoken.dev/ttl: \"90m\" is valid.\n\nboundtoken.dev/ttl\n"),
            ("boundtoken.dev/ttl: \"599\"", Exit::Found, "boundtoken.dev/ttl: \"599\" is too short: must be"),
            ("mode=disabel", Exit::Found, "boundtoken.dev/mode: \"disabel\" must be"),
            ("max-ttl=1h", Exit::Done, "boundtoken.dev/max-ttl: \"1h\" is valid."),
            ("webhook=true", Exit::Found, "boundtoken.dev/webhook: \"true\" means the same as no label"),
            ("webhook=enabled", Exit::Done, "boundtoken.dev/webhook: \"enabled\" is valid."),
        ] {
            let mut out = Vec::new();
            assert_eq!(explain(&Args { name: Some(words.to_owned()) }, &mut out).unwrap(), exit, "{words}");
            let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
            assert!(text.starts_with(start), "{text}");
        }
        let error = explain(&Args { name: Some("tll=1h".to_owned()) }, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().ends_with("\"tll\"; did you mean ttl?"), "{error}");
    }
}
