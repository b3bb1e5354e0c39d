//! The labels and annotations of an object, reduced to those that boundtoken reads.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::keys::has_own_prefix;
use crate::pod::text::{Text, start, unexpected_text};
use crate::rfc1123::MAX_KEY;

/// Annotation of mirror Pods, which a kubelet creates for static Pods (`MirrorPodAnnotationKey` in
/// `k8s.io/api/core/v1/annotation_key_constants.go`).
pub const MIRROR_POD: &str = "kubernetes.io/config.mirror";

/// Annotations or labels, reduced to the keys of boundtoken and the annotation of mirror Pods.
#[derive(Clone, Debug, Default)]
pub struct Entries<'a>(Vec<(Text<'a>, Text<'a>)>);

impl Entries<'_> {
    /// Whether a key is kept.
    fn keeps(key: &str) -> bool {
        has_own_prefix(key) || key == MIRROR_POD
    }

    /// Whether the annotation of mirror Pods is present.
    pub fn has_mirror(&self) -> bool {
        self.get(MIRROR_POD).is_some()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value.as_str())
    }

    /// The entries with boundtoken's prefix or a misspelled one, in the order of the document.
    pub fn own_annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())).filter(|(key, _)| *key != MIRROR_POD)
    }

    /// A key that occurs twice. Keys are sorted first, because their number is unbounded.
    fn duplicate(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.0.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of strings")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Err(unexpected_text(text, &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut kept = Entries::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if Entries::keeps(key.as_str()) {
                        let value: Option<Text<'de>> = map.next_value()?;
                        kept.0.push((key, value.unwrap_or_default()));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                match kept.duplicate() {
                    Some(key) => {
                        Err(A::Error::custom(format_args!("duplicate key {:?}", start(key, MAX_KEY))))
                    }
                    None => Ok(kept),
                }
            }
        }

        deserializer.deserialize_any(EntriesVisitor)
    }
}
