//! What of a Pod matters here, borrowed from the JSON text.
//!
//! Every other field is passed over and therefore survives. A `null` counts as
//! absent, as in the API server's own decoder; a field that occurs twice is an
//! error, since an API server never sends one.

use std::borrow::Cow;
use std::fmt;

use json_patch::jsonptr::Pointer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::token::{ApiAudiences, Ttl, is_year_long, normalised};

/// Prefix of every annotation and label of ours.
pub const PREFIX: &str = "boundtoken.dev/";

/// A string that is borrowed unless the JSON escapes something in it.
///
/// `Option<Cow<str>>` would always copy (serde-rs/json#587).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// The string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Reads `null` as the default value, as Go's decoder does.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A Pod as far as its tokens are concerned.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Pod<'a> {
    /// `metadata`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub metadata: Metadata<'a>,
    /// `spec`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub spec: Spec<'a>,
}

impl Pod<'_> {
    /// Whether a kubelet made this Pod from a file.
    #[must_use]
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.get(MIRROR_POD).is_some()
    }
}

/// Metadata as far as settings are concerned.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Metadata<'a> {
    /// `annotations`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub annotations: Entries<'a>,
    /// `labels`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub labels: Entries<'a>,
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
        key.starts_with(PREFIX) || key == MIRROR_POD
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value.as_str())
    }

    /// The entries with our prefix, in the order of the document.
    pub fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(key, _)| key.starts_with(PREFIX))
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

/// The specification of a Pod.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec<'a> {
    /// `serviceAccountName`; empty means `default`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub service_account_name: Text<'a>,
    /// `automountServiceAccountToken`.
    #[serde(default)]
    pub automount_service_account_token: Option<bool>,
    /// `volumes`; `None` when the list itself is absent.
    #[serde(borrow, default)]
    pub volumes: Option<Vec<Volume<'a>>>,
    /// `initContainers`, sidecars among them.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub init_containers: Vec<Container<'a>>,
    /// `containers`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub containers: Vec<Container<'a>>,
}

/// `/spec/initContainers`.
const INIT_CONTAINERS: &Pointer = Pointer::from_static("/spec/initContainers");

/// `/spec/containers`.
const CONTAINERS: &Pointer = Pointer::from_static("/spec/containers");

impl Spec<'_> {
    /// The name of the service account; the ServiceAccount admission plugin fills in `default`.
    #[must_use]
    pub fn service_account(&self) -> &str {
        match self.service_account_name.as_str() {
            "" => "default",
            name => name,
        }
    }
}

impl<'a> Spec<'a> {
    /// Every container that can be there at creation, with its list and its index in the list.
    pub fn all_containers(&self) -> impl Iterator<Item = (&'static Pointer, usize, &Container<'a>)> {
        let in_list = |list| move |(index, container)| (list, index, container);
        let init = self.init_containers.iter().enumerate().map(in_list(INIT_CONTAINERS));
        init.chain(self.containers.iter().enumerate().map(in_list(CONTAINERS)))
    }
}

/// A volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Volume<'a> {
    /// `name`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub name: Text<'a>,
    /// `projected`.
    #[serde(borrow, default)]
    pub projected: Option<Projected<'a>>,
    /// `secret`.
    #[serde(borrow, default)]
    pub secret: Option<Secret<'a>>,
}

impl Volume<'_> {
    /// The sources of a projected volume; none for another kind of volume.
    #[must_use]
    pub fn sources(&self) -> &[Source<'_>] {
        self.projected.as_ref().and_then(|projected| projected.sources.as_deref()).unwrap_or_default()
    }
}

/// A projected volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Projected<'a> {
    /// `sources`; `None` when the list itself is absent.
    #[serde(borrow, default)]
    pub sources: Option<Vec<Source<'a>>>,
}

/// A volume that holds a Secret.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret<'a> {
    /// `secretName`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub secret_name: Text<'a>,
    /// `defaultMode`.
    #[serde(default)]
    pub default_mode: Option<i64>,
}

/// One source of a projected volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source<'a> {
    /// `serviceAccountToken`.
    #[serde(borrow, default)]
    pub service_account_token: Option<ServiceAccountToken<'a>>,
    /// `configMap`.
    #[serde(borrow, default)]
    pub config_map: Option<ConfigMap<'a>>,
    /// `downwardAPI`.
    #[serde(default, rename = "downwardAPI")]
    pub downward_api: Option<IgnoredAny>,
}

/// A ConfigMap as a source.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct ConfigMap<'a> {
    /// `name`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub name: Text<'a>,
}

/// A service account token as a source.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountToken<'a> {
    /// `audience`; absent or empty means the API server's own.
    #[serde(borrow, default)]
    pub audience: Option<Text<'a>>,
    /// `expirationSeconds`.
    #[serde(default)]
    pub expiration_seconds: Option<i64>,
    /// `path`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub path: Text<'a>,
}

impl ServiceAccountToken<'_> {
    /// The audience, if it is not empty.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_ref().map(Text::as_str).filter(|audience| !audience.is_empty())
    }

    /// The lifetime that is asked for, in seconds; 3600 when the field is absent
    /// (`SetDefaults_ServiceAccountTokenProjection` in `pkg/apis/core/v1/defaults.go`).
    #[must_use]
    pub fn seconds(&self) -> u64 {
        match self.expiration_seconds {
            Some(seconds) => u64::try_from(seconds).unwrap_or(0),
            None => Ttl::HOUR.seconds(),
        }
    }

    /// Whether the token would live up to a year.
    #[must_use]
    pub fn is_year_long(&self, api: &ApiAudiences) -> bool {
        is_year_long(self.audience(), self.seconds(), api)
    }
}

/// A container, init container or sidecar.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    /// `name`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub name: Text<'a>,
    /// `volumeMounts`; `None` when the list itself is absent.
    #[serde(borrow, default)]
    pub volume_mounts: Option<Vec<VolumeMount<'a>>>,
    /// `env`; `None` when the list itself is absent.
    #[serde(borrow, default)]
    pub env: Option<Vec<EnvVar<'a>>>,
}

impl Container<'_> {
    /// The mounts.
    #[must_use]
    pub fn mounts(&self) -> &[VolumeMount<'_>] {
        self.volume_mounts.as_deref().unwrap_or_default()
    }
}

/// A mount of a volume in a container.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount<'a> {
    /// `name` of the volume.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub name: Text<'a>,
    /// `mountPath`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub mount_path: Text<'a>,
    /// `subPath`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_path: Text<'a>,
    /// `subPathExpr`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_path_expr: Text<'a>,
}

impl VolumeMount<'_> {
    /// Whether the mount is at this normalised directory.
    #[must_use]
    pub fn is_at(&self, directory: &str) -> bool {
        self.mount_path.as_str() == directory || normalised(self.mount_path.as_str()) == directory
    }

    /// Whether a single file or subdirectory is mounted, which the kubelet never refreshes.
    #[must_use]
    pub fn has_sub_path(&self) -> bool {
        !self.sub_path.as_str().is_empty() || !self.sub_path_expr.as_str().is_empty()
    }
}

/// An environment variable.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct EnvVar<'a> {
    /// `name`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub name: Text<'a>,
    /// `value`.
    #[serde(borrow, default)]
    pub value: Option<Text<'a>>,
}
