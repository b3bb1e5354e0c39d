//! Two characters that Kubernetes' YAML parser reads as text where YAML 1.2 does not: the dash of `[apply, -]`
//! and the last colon of `[2001:db8::]`.
//!
//! The parser of this crate follows YAML 1.2. Both characters are therefore hidden from it, and restored in each
//! scalar. That needs no context: a dash before `,`, `]` or `}` and a colon between other text and `,` or a
//! bracket are never an indicator for Kubernetes' parser (`scannerc.go` of `go.yaml.in/yaml/v2`).

use std::borrow::Cow;

/// Stands for the dash, and for the colon, in masked text. Text that already has one of them is not masked.
const MASKS: [(char, char); 2] = [('-', '\u{e000}'), (':', '\u{e001}')];

/// Hides dashes and colons that are text for Kubernetes' parser. Each remains one character.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let positions: Vec<_> = memchr::memchr2_iter(b'-', b':', text.as_bytes())
        .filter(|position| is_text(text.as_bytes(), *position))
        .collect();
    if positions.is_empty() || text.contains(MASKS.map(|(_, mask)| mask)) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len() + 2 * positions.len());
    let mut rest = text;
    let mut start = 0;
    for position in positions {
        let (before, after) = rest.split_at_checked(position - start).unwrap_or((rest, ""));
        let mut after = after.chars();
        let character = after.next();
        masked.push_str(before);
        masked.extend(MASKS.into_iter().find(|(known, _)| character == Some(*known)).map(|(_, mask)| mask));
        (rest, start) = (after.as_str(), position + 1);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// Whether the dash or colon at a position is text within a flow list or map.
fn is_text(text: &[u8], position: usize) -> bool {
    let before = position.checked_sub(1).and_then(|before| text.get(before));
    match (before, text.get(position), text.get(position + 1)) {
        (_, Some(b'-'), Some(b',' | b']' | b'}')) => true,
        // After a quote, a bracket or a space, a colon ends a key.
        (Some(before), Some(b':'), Some(b',' | b'[' | b']' | b'{' | b'}')) => {
            !matches!(before, b'"' | b'\'' | b'[' | b']' | b'{' | b'}' | b',')
                && !before.is_ascii_whitespace()
        }
        _ => false,
    }
}

/// Restores what [`mask`] hid.
pub(super) fn unmask(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(MASKS.map(|(_, mask)| mask)) {
        return text;
    }
    let restore =
        |char| MASKS.into_iter().find(|(_, mask)| *mask == char).map_or(char, |(character, _)| character);
    text.chars().map(restore).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dashes_and_colons_that_are_text_are_masked() {
        for (text, expected) in [
            ("[a, -]", "[a, \u{e000}]"),
            ("[-, 2001:db8::, b:]", "[\u{e000}, 2001:db8:\u{e001}, b\u{e001}]"),
            ("{\"a\":[1], 'b':{c: d}}", "{\"a\":[1], 'b':{c: d}}"),
            ("{a :[1]}", "{a :[1]}"),
            ("a: [b]\n- c", "a: [b]\n- c"),
            ("\u{e000}[-]", "\u{e000}[-]"),
            (":]", ":]"),
            ("é:]é", "é\u{e001}]é"),
        ] {
            assert_eq!(mask(text), expected, "{text}");
            if mask(text) != text {
                assert_eq!(unmask(mask(text)), text);
            }
        }
    }
}
