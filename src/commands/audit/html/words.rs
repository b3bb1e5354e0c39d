//! What the words of the page mean, for a reader who has only the page.

use super::markup::Markup;
use crate::audit::document::AuditDocument;

/// A word with its meaning.
type WordMeaning = (&'static str, &'static str);

/// The classes of tokens.
const TOKENS: [WordMeaning; 5] = [
    ("legacy", "a token of a Secret, which never expires"),
    ("year", "a token for the API server that is extended to up to a year"),
    ("bounded", "a token for the API server with another lifetime"),
    ("audience", "a token for another recipient"),
    ("none", "no token"),
];

/// What an audit log shows.
const USES: [WordMeaning; 6] = [
    ("denied", "requests were refused with 401"),
    ("stale", "a token was used that should have been read again before"),
    ("reloads", "requests after more than an hour, and none with a token that is too old"),
    ("young", "requests, but none after more than an hour"),
    ("quiet", "no request, although the log would show one"),
    ("unknown", "too little to say: no log, a shared service account, or a log with gaps"),
];

/// The verdicts, most urgent first.
const VERDICTS: [WordMeaning; 8] = [
    ("fix-first", "is broken, or would break with a token of an hour"),
    ("restart", "the namespace opted in, and a Pod holds something other than what its settings ask for"),
    ("unknown", "the evidence does not decide it; the reasons name what is missing"),
    ("replace-from", "reads its token again, but late: survives tokens of this lifetime or more"),
    ("replace", "reads its token again in time: survives tokens of an hour or more"),
    ("disable", "never used its token, so it can be removed"),
    ("done", "the namespace opted in, and every Pod holds what its settings ask for"),
    ("nothing", "holds no token"),
];

/// Adds the classes of tokens, and the uses and verdicts that are on the page.
pub(super) fn glossary(document: &AuditDocument, page: &mut Markup) {
    let is_used = |word: &str| document.workloads.iter().any(|workload| workload.usage.state == word);
    let is_verdict = |word: &str| document.summary.by_verdict.0.iter().any(|(verdict, _)| *verdict == word);
    page.raw("<details>\n<summary>What the words mean</summary>\n");
    section("TOKEN", TOKENS.iter(), page);
    section("USE", USES.iter().filter(|(word, _)| is_used(word)), page);
    section("VERDICT", VERDICTS.iter().filter(|(word, _)| is_verdict(word)), page);
    page.raw("</details>\n");
}

fn section<'e>(column: &str, entries: impl Iterator<Item = &'e WordMeaning>, page: &mut Markup) {
    page.element("h3", "", column);
    page.raw("<dl>\n");
    for (word, meaning) in entries {
        page.element("dt", "", word);
        page.element("dd", "", meaning);
    }
    page.raw("</dl>\n");
}
