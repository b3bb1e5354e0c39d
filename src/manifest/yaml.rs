//! Writes YAML that Kubernetes' parser, which follows YAML 1.1, reads as the same values.

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::DoubleQuoted;

/// Writes a value as one YAML document, ending with a line break.
///
/// # Errors
/// When the value is nested too deeply.
pub fn to_yaml(value: &Value) -> Result<String, serde_saphyr::ser::Error> {
    // The library writes such texts without quotes, and a line that starts with `---` would separate documents.
    let separates = |text: &str| text.starts_with("---");
    if value.as_str().is_some_and(separates)
        || value.as_object().is_some_and(|map| map.keys().any(|key| separates(key)))
    {
        return Ok(format!("{value:#}\n"));
    }
    // Long lines are not folded: that would make a diff of an annotation hard to read.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(&Yaml(value), options)
}

/// A value for serialisation. Strings that Kubernetes' parser would not accept as block scalars are
/// double-quoted.
struct Yaml<'a>(&'a Value);

impl Serialize for Yaml<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Yaml)),
            Value::Object(map) => serializer.collect_map(map.iter().map(|(key, value)| (key, Yaml(value)))),
            Value::String(text) if text.lines().any(|line| line.starts_with('\t')) => {
                DoubleQuoted(text).serialize(serializer)
            }
            value => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;
    use serde_json::json;

    /// Strings that some YAML 1.1 parser reads as another type unless they are quoted.
    const AMBIGUOUS: [&str; 40] = [
        "yes",
        "No",
        "ON",
        "off",
        "y",
        "N",
        "true",
        "False",
        "null",
        "Null",
        "~",
        "",
        "0644",
        "0o17",
        "0x1F",
        "0b1",
        "1e3",
        "1_000",
        ".5",
        "-1",
        "+1",
        "12:30:45",
        "1.",
        ".inf",
        ".NaN",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "<<",
        "=",
        "- a",
        "a: b",
        "a #b",
        "#a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        " a ",
        "---",
    ];

    #[test]
    fn strings_remain_strings() {
        for text in AMBIGUOUS {
            for value in [json!(text), json!({ text: 1 }), json!([text])] {
                let yaml = to_yaml(&value).unwrap();
                assert!(yaml.contains(['"', '\'']), "{text:?} is not quoted: {yaml}");
            }
            let value = json!({ text: text });
            assert_eq!(parse("", &to_yaml(&value).unwrap()).unwrap()[0].root.to_value(), value);
        }
    }

    #[test]
    fn no_text_separates_documents() {
        for text in ["---", "---a", "--- a", "---\na"] {
            for value in [json!(text), json!({ text: { text: 1 }, "a": [{ text: "---\nb\n" }] })] {
                let parsed = parse("", &to_yaml(&value).unwrap()).unwrap();
                assert_eq!((parsed.len(), parsed[0].root.to_value()), (1, value));
            }
        }
    }

    #[test]
    fn a_block_never_starts_with_a_tab() {
        for text in ["\ta\nb\n", "\n\ta\n", "\t\n"] {
            let yaml = to_yaml(&json!({ "a": text })).unwrap();
            assert!(yaml.starts_with("a: \""), "{yaml}");
        }
    }

    #[test]
    fn strings_survive_a_round_trip() {
        let long = "word ".repeat(100);
        for text in ["a\nb\n", "a\n\n  b", "\n", "a\r\nb", "\ta", "\u{1}", "é😀", "it's \"so\"", &long] {
            let value = json!({ "a": [{ "b": text }] });
            assert_eq!(parse("", &to_yaml(&value).unwrap()).unwrap()[0].root.to_value(), value, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_strings_survive_a_round_trip(key: String, value: String, words in "[a-z0-9 :#'\"\n.+_,~&*!|>%@`{}\\[\\]-]{0,12}") {
            let value = json!({ "key": key, "value": [{ "of": value, "words": words }], words.clone(): words });
            let parsed = parse("", &to_yaml(&value).unwrap()).unwrap();
            proptest::prop_assert_eq!(&parsed[0].root.to_value(), &value);
        }
    }
}
