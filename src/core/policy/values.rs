//! Parses the values of annotations into types that are valid by construction.

use std::borrow::Cow;
use std::sync::Arc;

use crate::pod::paths::{from_windows, normalised};
use crate::pod::token::{ApiAudiences, Audience, TokenPath};
use crate::rfc1123::is_label;

use super::Mode;
use super::diagnostics::Code;
use super::nearest::nearest;
use super::origin::Origin;
use super::value_error::{ValueError, did_you_mean, quote};

/// Longest path, in bytes (`PATH_MAX` of Linux).
pub(super) const MAX_PATH: usize = 4096;

/// Longest segment of a path, in bytes (`NAME_MAX` of Linux).
const MAX_SEGMENT: usize = 255;

/// Most items of a comma-separated list, far more than real lists have.
const MAX_ITEMS: usize = 100;

/// Longest list of container names, in bytes: room for [`MAX_ITEMS`] of the longest names with white space
/// between them.
pub(super) const MAX_CONTAINERS: usize = 8 * 1024;

/// Longest `allowed-audiences`, in bytes. A Namespace keeps them in memory.
pub(super) const MAX_AUDIENCES: usize = 16 * 1024;

/// Most invalid items that a message lists after the first one.
const MAX_NAMED: usize = 8;

/// Longest name of an environment variable that is accepted, in bytes.
pub(super) const MAX_ENV: usize = 255;

/// The values of `pod-overrides`, and whether Pods may then have settings.
pub(super) const POD_OVERRIDES: [(&str, bool); 2] = [("allow", true), ("deny", false)];

/// The values of `dry-run`.
pub(super) const DRY_RUN: [(&str, bool); 2] = [("true", true), ("false", false)];

/// The input of a value parser, besides the text.
pub(super) struct Context<'c> {
    /// The object with the annotation.
    pub(super) origin: &'c Origin,
    /// The API server's own audiences.
    pub(super) api: &'c ApiAudiences,
}

pub(super) fn mode(text: &str) -> Result<Mode, ValueError> {
    word(text, &Mode::ALL.map(|mode| (mode.as_str(), mode)), Code::Mode)
}

pub(super) fn pod_overrides(text: &str) -> Result<bool, ValueError> {
    word(text, &POD_OVERRIDES, Code::Switch)
}

pub(super) fn dry_run(text: &str) -> Result<bool, ValueError> {
    word(text, &DRY_RUN, Code::Switch)
}

fn word<T: Copy>(text: &str, words: &[(&str, T)], code: Code) -> Result<T, ValueError> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let is_empty = if text.is_empty() { "is empty: " } else { "" };
    let guess = nearest(text, names.iter().copied()).map(quote);
    Err(ValueError::new(
        code,
        format!("{is_empty}must be one of {}{}", names.join(", "), did_you_mean(guess)),
    ))
}

/// Parses an audience. An empty text and each name of the API server mean [`Audience::ApiServer`].
pub(super) fn audience(text: &str, api: &ApiAudiences) -> Result<Audience, ValueError> {
    check_audience(text, Code::Audience)?;
    if api.contains(Some(text)) {
        return Ok(Audience::ApiServer);
    }
    if text.contains(',') {
        let sentence =
            "has a \",\", but a token has one audience: list further audiences in boundtoken.dev/tokens";
        return Err(ValueError::new(Code::Audience, sentence));
    }
    Ok(Audience::Named(text.into()))
}

/// Refuses a text of more than `max` bytes.
pub(super) fn check_length(text: &str, max: usize, code: Code) -> Result<(), ValueError> {
    if text.len() <= max {
        return Ok(());
    }
    Err(ValueError::new(code, format!("is too long: {} bytes, must be at most {max}", text.len())))
}

fn check_audience(text: &str, code: Code) -> Result<(), ValueError> {
    check_length(text, Audience::MAX_BYTES, code)?;
    if text.chars().any(char::is_control) {
        return Err(ValueError::new(code, "has a control character: an audience is one line of text"));
    }
    Ok(())
}

/// Parses `allowed-audiences`.
pub(super) fn allowed_audiences(text: &str) -> Result<Vec<Box<str>>, ValueError> {
    check_length(text, MAX_AUDIENCES, Code::AllowedAudiences)?;
    let audiences = items(text, Code::AllowedAudiences)?;
    if audiences.is_empty() {
        let sentence = "is empty: list at least one audience, separated by commas; the API server's own is always \
                        allowed";
        return Err(ValueError::new(Code::AllowedAudiences, sentence));
    }
    let error = |audience: &str| check_audience(audience, Code::AllowedAudiences).err();
    check_items("item", &audiences, error)?;
    Ok(audiences.into_iter().map(Box::from).collect())
}

/// The items of a comma-separated list, at most [`MAX_ITEMS`]. Empty items are skipped. Of a longer list the items are
/// counted, but not kept.
fn items(text: &str, code: Code) -> Result<Vec<&str>, ValueError> {
    let mut items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let first: Vec<&str> = items.by_ref().take(MAX_ITEMS).collect();
    match items.count() {
        0 => Ok(first),
        more => {
            let count = MAX_ITEMS + more;
            Err(ValueError::new(code, format!("has {count} items: must have at most {MAX_ITEMS}")))
        }
    }
}

/// Checks each item of a list. The error describes the first invalid item and lists others.
fn check_items(
    what: &str,
    items: &[&str],
    error: impl Fn(&str) -> Option<ValueError>,
) -> Result<(), ValueError> {
    let mut bad = items.iter().filter_map(|item| error(item).map(|error| (*item, error)));
    let Some((first, mut error)) = bad.next() else { return Ok(()) };
    let others: Vec<String> = bad.take(MAX_NAMED).map(|(item, _)| quote(item)).collect();
    if !others.is_empty() {
        error.sentence.push_str("; likewise ");
        error.sentence.push_str(&others.join(", "));
    }
    Err(error.in_item(what, first))
}

/// Parses the path of a token file. A path of Windows, such as `C:\t\token`, is read as `/t/token`.
pub(super) fn path(text: &str) -> Result<TokenPath, ValueError> {
    check_length(text, MAX_PATH, Code::Path)?;
    let invalid = |sentence: String| Err(ValueError::new(Code::Path, sentence));
    let folded = from_windows(text).map_or(Cow::Borrowed(text), Cow::Owned);
    let Some(relative) = folded.strip_prefix('/') else { return invalid(not_absolute(text)) };
    if let Err(sentence) = check_segments(relative) {
        return invalid(sentence);
    }
    match relative.rsplit_once('/') {
        _ if relative.is_empty() => invalid("is the root directory: name a file in a directory".to_owned()),
        Some((_, "" | ".")) => {
            let guess = accepted_path(&format!("{}/token", normalised(&folded)));
            invalid(format!("is a directory: name the token file{}", did_you_mean(guess)))
        }
        Some((directory, file)) if !normalised(directory).is_empty() => {
            Ok(TokenPath { directory: normalised(directory).into(), file: file.into() })
        }
        _ => invalid(
            "is in the root directory, which cannot be mounted: name a file in a directory".to_owned(),
        ),
    }
}

fn not_absolute(text: &str) -> String {
    let is = match text.as_bytes() {
        [] => "is empty",
        [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic() => {
            return "is on another drive than C:, which cannot be mounted".to_owned();
        }
        _ => "is not absolute",
    };
    let guess = did_you_mean(accepted_path(&format!("/{text}")));
    format!("{is}: must be the absolute path of a token file{guess}")
}

/// Quotes a suggested path, if it is valid.
fn accepted_path(guess: &str) -> Option<String> {
    path(guess).is_ok().then(|| quote(guess))
}

fn check_segments(path: &str) -> Result<(), String> {
    if path.chars().any(char::is_control) {
        return Err("has a control character".to_owned());
    }
    if path.contains(':') {
        return Err("has a \":\", which the API refuses in a mount path".to_owned());
    }
    for segment in path.split('/') {
        if segment == ".." {
            return Err("has a \"..\" segment: write the path without it".to_owned());
        }
        if segment.len() > MAX_SEGMENT {
            return Err(format!("has a segment of {} bytes, must be at most {MAX_SEGMENT}", segment.len()));
        }
    }
    // The API refuses a projection whose path starts with "..", such as "..data".
    let file = path.rsplit('/').next().unwrap_or_default();
    if file.starts_with("..") {
        return Err("names a file that starts with \"..\", which the API refuses".to_owned());
    }
    Ok(())
}

/// Parses a comma-separated list of container names.
pub(super) fn container_names(text: &str) -> Result<Arc<[Box<str>]>, ValueError> {
    check_length(text, MAX_CONTAINERS, Code::Containers)?;
    let names = items(text, Code::Containers)?;
    if names.is_empty() {
        let sentence = "is empty: list container names separated by commas, or remove the annotation";
        return Err(ValueError::new(Code::Containers, sentence));
    }
    check_items("name", &names, |name| (!is_label(name)).then(|| invalid_container_name(name)))?;
    let mut names: Vec<Box<str>> = names.into_iter().map(Box::from).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.into())
}

fn invalid_container_name(name: &str) -> ValueError {
    let sentence = "is not a valid container name: must be up to 63 lower case letters, digits and \"-\"";
    let guess = with_commas(name).or_else(|| nearest_label(name)).map(|guess| quote(&guess));
    ValueError::new(Code::Containers, format!("{sentence}{}", did_you_mean(guess)))
}

/// Suggests a list with commas for names that are separated by other characters.
fn with_commas(text: &str) -> Option<String> {
    let is_separator = |char: char| char.is_whitespace() || ";|+".contains(char);
    let names: Vec<&str> = text.split(is_separator).filter(|name| !name.is_empty()).collect();
    (names.len() > 1 && names.iter().all(|name| is_label(name))).then(|| names.join(","))
}

/// Suggests a valid label: the text in lower case, with hyphens.
fn nearest_label(text: &str) -> Option<String> {
    let label = text.to_lowercase().replace(['_', ' ', '.'], "-");
    is_label(&label).then_some(label)
}

/// Parses the name of an environment variable by rules that every release of Kubernetes accepts
/// (`envVarNameFmt` in `k8s.io/apimachinery/pkg/util/validation/validation.go`).
pub(super) fn env(text: &str) -> Result<Arc<str>, ValueError> {
    check_length(text, MAX_ENV, Code::Env)?;
    let invalid = |sentence: &str| Err(ValueError::new(Code::Env, sentence));
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() {
        return invalid("is empty: write a name such as VAULT_TOKEN_FILE, or remove the annotation");
    }
    if text.contains('=') {
        return invalid("has a \"=\": write the name alone, its value is the path of the token file");
    }
    if text == "." || text.starts_with("..") {
        return invalid("starts with \"..\" or is \".\", which the API refuses");
    }
    if !text.bytes().all(inner) || text.starts_with(|first: char| first.is_ascii_digit()) {
        return invalid(
            "is not a valid variable name: must be letters, digits, \"_\", \"-\" and \".\", with no digit at the start",
        );
    }
    Ok(text.into())
}
