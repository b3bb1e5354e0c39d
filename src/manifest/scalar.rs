//! The values of YAML scalars, resolved as `go.yaml.in/yaml/v2` does, which Kubernetes uses (its `resolve.go`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use granit_parser::Tag;
use serde_json::Number;

use super::node::{Content, Node};

/// The namespace of the tags of YAML, such as `!!str`.
const TAGS: &str = "tag:yaml.org,2002:";

/// The value of a scalar with an explicit tag, other than the one that means no tag (`!`).
///
/// # Errors
/// When the text is not of the type that the tag names.
pub(super) fn tagged(tag: &Tag, text: &str) -> Result<Content, String> {
    // Tags of applications do not change a string.
    let Some(name) = tag.suffix_in_namespace(TAGS) else { return Ok(Content::Text(text.into())) };
    let value = match &*name {
        "binary" => return binary(text),
        "bool" | "float" | "int" | "null" => plain(text)?,
        _ => return Ok(Content::Text(text.into())),
    };
    let fits = match (&value, &*name) {
        (Content::Null, "null") | (Content::Bool(_), "bool") | (Content::Number(_), "float") => true,
        (Content::Number(number), "int") => !number.is_f64(),
        _ => false,
    };
    if fits { Ok(value) } else { Err(format!("the value is not a valid !!{name}")) }
}

fn binary(text: &str) -> Result<Content, String> {
    let text: String = text.chars().filter(|char| !matches!(char, '\r' | '\n')).collect();
    let bytes = STANDARD.decode(text).map_err(|_| "the value is not a valid !!binary".to_owned())?;
    Ok(Content::Text(String::from_utf8_lossy(&bytes).into()))
}

/// The value of a scalar without quotes and tag.
///
/// # Errors
/// When it is a number that JSON does not have.
pub(super) fn plain(text: &str) -> Result<Content, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Content::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Content::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => {
            return Err(format!("{text}: a number must be finite; to write text, quote it"));
        }
        _ => number(text).map_or_else(|| Content::Text(text.into()), Content::Number),
    })
}

fn number(text: &str) -> Option<Number> {
    match text.as_bytes().first()? {
        b'.' => float(text),
        b'+' | b'-' | b'0'..=b'9' if text.contains('_') => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| float(&digits))
        }
        b'+' | b'-' | b'0'..=b'9' => integer(text).or_else(|| float(text)),
        _ => None,
    }
}

/// A decimal, hexadecimal, octal or binary number. `0644` is octal, as in YAML 1.1.
fn integer(text: &str) -> Option<Number> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, unsigned.get(2..)?),
        [b'0', b'o' | b'O', _, ..] => (8, unsigned.get(2..)?),
        [b'0', b'b' | b'B', _, ..] => (2, unsigned.get(2..)?),
        [b'0', _, ..] => (8, unsigned.get(1..)?),
        _ => (10, unsigned),
    };
    // `from_str_radix` accepts a sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if is_negative {
        return 0i64.checked_sub_unsigned(value).map(Number::from);
    }
    // kubectl reads a larger number as one with a fraction.
    i64::try_from(value).map_or_else(|_| float(&value.to_string()), |value| Some(value.into()))
}

/// A decimal number with a fraction or an exponent. One that is whole becomes an integer, as in the JSON that
/// kubectl makes of YAML.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_mantissa = match whole {
        "" => is_number(fraction),
        whole => is_number(whole) && (fraction.is_empty() || is_number(fraction)),
    };
    if !is_mantissa || !is_number(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    match value.to_string().parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(value),
    }
}

/// The key that kubectl makes of a scalar: JSON has no keys but strings.
///
/// # Errors
/// When the value cannot be a key.
pub(super) fn key(node: Node) -> Result<Box<str>, &'static str> {
    match node.content {
        Content::Text(text) => Ok(text),
        Content::Bool(value) => Ok(value.to_string().into()),
        Content::Number(number) => Ok(number.to_string().into()),
        Content::Null => Err("a key must not be null"),
        Content::List(_) | Content::Map(_) => Err("a key must not be a list or map"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn value(text: &str) -> Value {
        Node::new(plain(text).unwrap()).to_value()
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", json!(0)),
            ("-0", json!(0)),
            ("+7", json!(7)),
            ("0644", json!(420)),
            ("-0644", json!(-420)),
            ("08", json!(8)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("-0x1f", json!(-31)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("_1", json!("_1")),
            ("1e3", json!(1000)),
            ("1.50", json!(1.5)),
            ("1.", json!(1)),
            (".5", json!(0.5)),
            ("-.5", json!(-0.5)),
            ("1e-2", json!(0.01)),
            ("9223372036854775807", json!(i64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("9223372036854775808", json!(9_223_372_036_854_775_808.0)),
            ("99999999999999999999", json!(1e20)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn other_text_remains_text() {
        for text in [
            "+",
            "-",
            "--1",
            "+-1",
            "0x",
            "0xg",
            "0b2",
            "0o8",
            "1e",
            "1e+",
            "1.2.3",
            "1-1",
            "1:30",
            "2026-01-01",
            ".",
            "..",
            "._5",
            "1e999",
            "0x1.8p1",
            "Infinity",
            "nan",
            "nULL",
            "tRUE",
            "0x-1",
            "1 2",
            "١",
        ] {
            assert_eq!(value(text), json!(text), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_an_error() {
        for text in [".nan", ".NaN", ".inf", "+.Inf", "-.INF"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }
}
