//! Escapes untrusted text for terminals, log lines and messages.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes the characters of a text that move the cursor, change the writing direction or are invisible, and the
/// start of what a runner of pipelines would take for a command. Tabs are kept.
pub fn printable(text: &str) -> Cow<'_, str> {
    let shown = visible(text);
    if is_workflow_command(&shown) || shown.contains("##") {
        return Cow::Owned(without_commands(&shown));
    }
    shown
}

/// Whether a line starts with `::NAME::`, a command of GitHub Actions. Their runner skips white space before it
/// (`ActionCommand.TryParseV2` of actions/runner).
fn is_workflow_command(line: &str) -> bool {
    line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"))
}

/// Escapes the second character of each command. Anywhere in a line, `##[NAME]` is an older command of GitHub Actions
/// (`ActionCommand.TryParse`), and `##vso[NAME]` one of Azure Pipelines.
fn without_commands(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    if is_workflow_command(line) {
        let start = line.trim_start();
        shown.push_str(line.strip_suffix(start).unwrap_or_default());
        shown.push_str(":\\u{3a}");
        rest = start.strip_prefix("::").unwrap_or_default();
    }
    while let Some((before, after)) = rest.split_once("##") {
        shown.push_str(before);
        shown.push('#');
        let name = |character: char| character.is_ascii_alphabetic();
        if after.trim_start_matches(name).starts_with('[') {
            shown.push_str("\\u{23}");
            rest = after;
        } else {
            rest = rest.get(before.len() + 1..).unwrap_or_default();
        }
    }
    shown + rest
}

fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Returns the start of a text in at most `max` characters, escaped as in [`printable`] and for double
/// quotes, and whether that is the whole text.
pub fn shortened(text: &str, max: usize) -> (String, bool) {
    let mut shown = String::new();
    let mut room = max;
    for character in text.chars() {
        let is_escaped = is_unprintable(character) || matches!(character, '"' | '\\' | '\t');
        let escaped = if is_escaped { character.escape_default().to_string() } else { character.to_string() };
        match room.checked_sub(escaped.chars().count()) {
            Some(left) => room = left,
            None => return (shown, false),
        }
        shown.push_str(&escaped);
    }
    (shown, true)
}

fn is_unprintable(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control() && character != '\t';
    }
    is_blank(character) || is_escaped(character)
}

/// Whether a letter or mark is invisible: Hangul fillers, joiners and variation selectors.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Whether the standard library, which has the Unicode tables, escapes a character that follows a letter.
fn is_escaped(character: char) -> bool {
    let mut buffer = [b'a'; 5];
    let (_, rest) = buffer.split_at_mut(1);
    let length = 1 + character.encode_utf8(rest).len();
    let text = buffer.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.is_none_or(|text| text.escape_debug().nth(2).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_text_is_unchanged() {
        for text in ["plain\ttext", "é😀", "e\u{301}", "日本語", "\"'\\", "❤\u{fe0f}"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn commands_of_pipelines_are_escaped() {
        for (text, shown) in [
            ("a ##[group]b", "a #\\u{23}[group]b"),
            ("##vso[task.complete]", "#\\u{23}vso[task.complete]"),
            ("###[a]##[b]", "##\\u{23}[a]#\\u{23}[b]"),
            ("##\u{1b}[a]", "##\\u{1b}[a]"),
            ("::error file=a::b", ":\\u{3a}error file=a::b"),
            (" \t::add-mask::a::b", " \t:\\u{3a}add-mask::a::b"),
        ] {
            assert_eq!(printable(text), shown);
        }
        for text in ["## a [b]", "# a", "##", "::1", "fe80::1", "a ::error::b", "#[a]"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn deceptive_characters_are_escaped() {
        for character in [
            '\0',
            '\u{1b}',
            '\r',
            '\n',
            '\u{7f}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2028}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10ffff}',
        ] {
            let shown = printable(&format!("a{character}b")).into_owned();
            assert_eq!(shown, format!("a{}b", character.escape_default()));
        }
    }

    #[test]
    fn a_shortened_text_is_escaped_for_quotes_and_cut_between_characters() {
        assert_eq!(shortened("it's", 9), ("it's".to_owned(), true));
        assert_eq!(
            shortened("a\"\\\t\u{1b}e\u{301}", 20),
            (r#"a\"\\\t\u{1b}e"#.to_owned() + "\u{301}", true)
        );
        assert_eq!(shortened("ab\u{1b}", 7), ("ab".to_owned(), false));
    }
}
