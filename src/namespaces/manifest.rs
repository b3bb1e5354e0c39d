//! Manifests as far as Namespaces are concerned: kind, name, and the entries of ours, with lines.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::Spanned;

use crate::policy::keys::PREFIX;

/// One object of a manifest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Object {
    /// `kind`.
    pub(super) kind: Option<String>,
    /// `metadata`.
    pub(super) metadata: Option<Metadata>,
    /// `items` of a list.
    pub(super) items: Option<Vec<Spanned<Self>>>,
}

/// `metadata`, without what belongs to others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    /// `name`.
    pub(super) name: Option<String>,
    /// `labels`.
    pub(super) labels: Option<Ours>,
    /// `annotations`.
    pub(super) annotations: Option<Ours>,
}

/// The entries of a map whose keys carry our prefix.
#[derive(Debug, Default)]
pub(super) struct Ours(pub(super) Vec<(String, Spanned<Scalar>)>);

/// A value as YAML sees it.
#[derive(Debug)]
pub(super) enum Scalar {
    /// A number, `true`, or `null`: the API server accepts only strings here.
    NoString {
        /// What it is.
        what: &'static str,
        /// How to write it as a string.
        quoted: String,
    },
    /// A string.
    Text(String),
}

impl<'de> Deserialize<'de> for Ours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OursVisitor;

        impl<'de> Visitor<'de> for OursVisitor {
            type Value = Ours;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ours, A::Error> {
                let mut ours = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key.starts_with(PREFIX) {
                        ours.push((key, map.next_value()?));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Ours(ours))
            }
        }

        deserializer.deserialize_map(OursVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        fn number(text: &impl ToString) -> Scalar {
            Scalar::NoString { what: "a number", quoted: format!("{:?}", text.to_string()) }
        }

        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::NoString { what: "a boolean", quoted: format!("\"{value}\"") })
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(number(&value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(number(&value))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(number(&value))
            }

            fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
                Ok(Scalar::NoString { what: "nothing at all", quoted: "\"\"".to_owned() })
            }
        }

        deserializer.deserialize_any(ScalarVisitor)
    }
}
