//! Words of the shell commands that are printed.

use std::borrow::Cow;

/// A text as one word of a POSIX shell, whatever it contains.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_');
    if !text.is_empty() && text.bytes().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_are_not_quoted() {
        for (text, expected) in [
            ("deployment/web-1.example_a", "deployment/web-1.example_a"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(id)`id`", "'$(id)`id`'"),
            ("a;b'c\nd", "'a;b'\\''c\nd'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
