//! Manifests as far as Namespaces are concerned: kind, name, and the entries of ours, with lines.
//!
//! [`crate::manifest`] keeps whole documents; this keeps so little that thousands of Namespaces take no room.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::ours::Ours;
use crate::manifest::NoString;

/// One object of a manifest; `None` for what is no map, so that the reader can tell its line.
#[derive(Debug)]
pub(super) struct Object(pub(super) Option<Fields>);

/// What of an object matters.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Fields {
    /// `apiVersion`.
    pub(super) api_version: Option<String>,
    /// `kind`.
    pub(super) kind: Option<String>,
    /// `metadata`.
    pub(super) metadata: Option<Metadata>,
    /// `items` of a list.
    pub(super) items: Option<Vec<Spanned<Object>>>,
}

/// `metadata`, without what belongs to others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    /// `name`.
    pub(super) name: Option<String>,
    /// `labels`.
    pub(super) labels: Option<Ours<Spanned<Scalar>>>,
    /// `annotations`.
    pub(super) annotations: Option<Ours<Spanned<Scalar>>>,
}

/// A value as YAML sees it.
#[derive(Debug)]
pub(super) enum Scalar {
    /// The API server accepts only strings here. With the value as YAML reads it.
    NoString(NoString, String),
    /// A string.
    Text(String),
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Object, E> {
                Ok(Object(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Object, E> {
                Ok(Object(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Object, E> {
                Ok(Object(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Object, E> {
                Ok(Object(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Object, E> {
                Ok(Object(None))
            }

            fn visit_str<E>(self, _: &str) -> Result<Object, E> {
                Ok(Object(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Object, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Object(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object, A::Error> {
                Fields::deserialize(MapAccessDeserializer::new(map)).map(|fields| Object(Some(fields)))
            }
        }

        deserializer.deserialize_any(ObjectVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Text(String::new()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::NoString(NoString::Boolean, value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::NoString(NoString::Number, value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::NoString(NoString::Number, value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::NoString(NoString::Number, value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::NoString(NoString::List, String::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::NoString(NoString::Map, String::new()))
    }
}
