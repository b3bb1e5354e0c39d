//! Reduces JSON to the fields that matter, without building a tree of values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::pod::text::Text;

/// The parts of a JSON value that are kept. In a list, the mask applies to each item.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mask {
    /// Everything.
    All,
    /// Whether there is a value; an object becomes empty.
    Presence,
    /// These fields of an object.
    Fields(&'static [(&'static str, Self)]),
    /// The fields of an object for whose names there is a mask.
    Names(fn(&str) -> Option<Self>),
}

/// The JSON text of the parts of `json` that the mask keeps, in the order of the text.
///
/// # Errors
/// When `json` is not valid JSON.
pub(super) fn prune(json: &RawValue, mask: Mask) -> serde_json::Result<String> {
    let mut kept = String::new();
    Pruner { mask, kept: &mut kept }.deserialize(&mut serde_json::Deserializer::from_str(json.get()))?;
    Ok(kept)
}

struct Pruner<'o> {
    mask: Mask,
    kept: &'o mut String,
}

impl Pruner<'_> {
    /// The mask of a field; `None` if it is not kept.
    fn field(&self, name: &str) -> Option<Mask> {
        match self.mask {
            Mask::Fields(fields) => fields.iter().find(|(field, _)| *field == name).map(|(_, mask)| *mask),
            Mask::Names(mask) => mask(name),
            Mask::All | Mask::Presence => None,
        }
    }

    fn push(&mut self, value: impl fmt::Display) {
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(self.kept, format_args!("{value}"));
    }
}

impl<'de> DeserializeSeed<'de> for Pruner<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.mask {
            Mask::All => {
                let raw: &RawValue = serde::Deserialize::deserialize(deserializer)?;
                self.kept.push_str(raw.get());
            }
            Mask::Presence => {
                let is_present =
                    <Option<IgnoredAny> as serde::Deserialize>::deserialize(deserializer)?.is_some();
                self.kept.push_str(if is_present { "{}" } else { "null" });
            }
            Mask::Fields(_) | Mask::Names(_) => deserializer.deserialize_any(self)?,
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Pruner<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.kept.push('{');
        let mut is_first = true;
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let Some(mask) = self.field(name.as_str()) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if !std::mem::take(&mut is_first) {
                self.kept.push(',');
            }
            self.kept.push_str(&quoted(name.as_str()));
            self.kept.push(':');
            map.next_value_seed(Pruner { mask, kept: &mut *self.kept })?;
        }
        self.kept.push('}');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.kept.push('[');
        let start = self.kept.len();
        loop {
            let before = self.kept.len();
            if before > start {
                self.kept.push(',');
            }
            if list.next_element_seed(Pruner { mask: self.mask, kept: &mut *self.kept })?.is_none() {
                self.kept.truncate(before);
                break;
            }
        }
        self.kept.push(']');
        Ok(())
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.push("null");
        Ok(())
    }

    fn visit_bool<E>(mut self, value: bool) -> Result<(), E> {
        self.push(value);
        Ok(())
    }

    fn visit_i64<E>(mut self, value: i64) -> Result<(), E> {
        self.push(value);
        Ok(())
    }

    fn visit_u64<E>(mut self, value: u64) -> Result<(), E> {
        self.push(value);
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        self.push(serde_json::Value::from(value));
        Ok(())
    }

    fn visit_str<E>(mut self, value: &str) -> Result<(), E> {
        self.push(quoted(value));
        Ok(())
    }
}

/// A string as JSON.
fn quoted(text: &str) -> Cow<'static, str> {
    Cow::Owned(serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruned(json: &str, mask: Mask) -> String {
        prune(serde_json::from_str(json).unwrap(), mask).unwrap()
    }

    #[test]
    fn only_the_fields_of_the_mask_are_kept() {
        const ITEM: Mask = Mask::Fields(&[("name", Mask::All), ("empty", Mask::Presence)]);
        const MASK: Mask = Mask::Fields(&[
            ("items", ITEM),
            ("notes", Mask::Names(|name| name.starts_with('a').then_some(Mask::All))),
        ]);
        for (json, expected) in [
            (
                r#"{"items": [{"name": "x\"\u00e9", "value": "secret"}, {"empty": {"a": 1}}]}"#,
                r#"{"items":[{"name":"x\"\u00e9"},{"empty":{}}]}"#,
            ),
            (r#"{"notes": {"a": {"deep": [1]}, "b": 2}, "other": 1}"#, r#"{"notes":{"a":{"deep": [1]}}}"#),
            (r#"{"items": null}"#, r#"{"items":null}"#),
            (
                r#"{"items": [{"empty": null}, {}, 7, -7, 1.5, true, "a\nb"]}"#,
                r#"{"items":[{"empty":null},{},7,-7,1.5,true,"a\nb"]}"#,
            ),
            ("[]", "[]"),
            ("[[], []]", "[[],[]]"),
        ] {
            assert_eq!(pruned(json, MASK), expected, "{json}");
        }
    }

    #[test]
    fn skipped_fields_may_hold_any_json() {
        let json = r#"{"managedFields": [{"f:\ud800": 1e999}], "items": []}"#;
        assert_eq!(pruned(json, Mask::Fields(&[("items", Mask::All)])), r#"{"items":[]}"#);
    }
}
