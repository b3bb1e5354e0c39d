//! The objects that a request may be about, as far as they matter here.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::pod::text::{Text, nullable, object};
use crate::pod::view::PodSpec;
use crate::policy::keys::{OPT_IN_LABEL, OPT_IN_VALUE, PREFIX, is_ours};

/// What a request may be about.
pub trait Object {
    /// What `kubectl` calls it.
    const KIND: &'static str;
    /// The resource, of the core group in version `v1`.
    const RESOURCE: &'static str;
    /// The operations that matter.
    const OPERATIONS: &'static [&'static str];

    /// Its metadata.
    fn metadata(&self) -> &ObjectMeta<'_>;
}

impl Object for Pod<'_> {
    const KIND: &'static str = "Pod";
    const RESOURCE: &'static str = "pods";
    const OPERATIONS: &'static [&'static str] = &["CREATE"];

    fn metadata(&self) -> &ObjectMeta<'_> {
        &self.metadata
    }
}

/// A Pod as far as its tokens are concerned.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Pod<'a> {
    /// `metadata`.
    #[serde(borrow, default, deserialize_with = "object")]
    pub metadata: ObjectMeta<'a>,
    /// `spec`.
    #[serde(borrow, default, deserialize_with = "object")]
    pub spec: PodSpec<'a>,
}

impl Pod<'_> {
    /// Whether a kubelet made this Pod from a file.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.get(MIRROR_POD).is_some()
    }
}

/// Metadata as far as settings are concerned.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMeta<'a> {
    /// `generateName`: how the name begins where the API server makes it up.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub generate_name: Text<'a>,
    /// `annotations`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub annotations: Entries<'a>,
    /// `labels`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub labels: Entries<'a>,
}

/// A Namespace as far as its settings are concerned.
#[derive(Debug, Deserialize)]
pub struct Namespace<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    pub(super) metadata: ObjectMeta<'a>,
}

impl Namespace<'_> {
    pub(super) fn is_opted_in(&self) -> bool {
        self.metadata.labels.get(OPT_IN_LABEL) == Some(OPT_IN_VALUE)
    }

    /// What of the Namespace matters here, sorted.
    pub(super) fn settings(&self) -> (bool, Vec<(&str, &str)>) {
        let annotations = self.metadata.annotations.ours();
        let mut annotations: Vec<_> = annotations.filter(|(key, _)| key.starts_with(PREFIX)).collect();
        annotations.sort_unstable();
        (self.is_opted_in(), annotations)
    }
}

impl Object for Namespace<'_> {
    const KIND: &'static str = "Namespace";
    const RESOURCE: &'static str = "namespaces";
    const OPERATIONS: &'static [&'static str] = &["CREATE", "UPDATE"];

    fn metadata(&self) -> &ObjectMeta<'_> {
        &self.metadata
    }
}

/// Annotation of Pods that a kubelet made from a file
/// (`MirrorPodAnnotationKey` in `k8s.io/api/core/v1/annotation_key_constants.go`).
const MIRROR_POD: &str = "kubernetes.io/config.mirror";

/// Annotations or labels, reduced to those that are ours and the mark of mirror Pods.
#[derive(Clone, Debug, Default)]
pub struct Entries<'a>(Vec<(Text<'a>, Text<'a>)>);

impl Entries<'_> {
    /// Whether a key is kept.
    fn keeps(key: &str) -> bool {
        is_ours(key) || key == MIRROR_POD
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value.as_str())
    }

    /// The entries that are ours, or meant to be, in the order of the document.
    pub fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())).filter(|(key, _)| *key != MIRROR_POD)
    }

    /// A key that occurs twice. Sorted, because whoever creates Pods chooses how many there are.
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
                    Some(key) => Err(A::Error::custom(format_args!("duplicate key {key:?}"))),
                    None => Ok(kept),
                }
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}
