//! The entries of a map whose keys are ours, or meant to be.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::policy::keys::is_ours;

/// The entries of ours; the values of others may be anything.
#[derive(Debug)]
pub(super) struct Ours<V>(pub(super) Vec<(String, V)>);

impl<V> Default for Ours<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ours<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OursVisitor(PhantomData))
    }
}

struct OursVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for OursVisitor<V> {
    type Value = Ours<V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ours<V>, A::Error> {
        let mut ours = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if is_ours(&key) {
                ours.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Ours(ours))
    }
}
