//! Escapes untrusted text for terminals, log lines and messages.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes the characters of a text that move the cursor, change the writing direction or are invisible. Tabs
/// are kept.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
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
pub(crate) fn shortened(text: &str, max: usize) -> (String, bool) {
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
