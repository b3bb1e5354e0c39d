//! The fields of a Pod that matter for tokens, borrowed from the JSON text.
//!
//! Other fields are ignored, so that a patch never touches them. `null` counts as absent, like in the API
//! server's own decoder. A duplicate field is an error, because an API server never sends one.

use json_patch::jsonptr::Pointer;
use serde::de::IgnoredAny;

use super::text::{Text, boolean, integer, list, nullable, optional, optional_list};
use super::token::{Ttl, is_same_directory};

/// The specification of a Pod.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// `serviceAccountName`; empty means `default`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub service_account_name: Text<'a>,
    /// `automountServiceAccountToken`.
    #[serde(default, deserialize_with = "boolean")]
    pub automount_service_account_token: Option<bool>,
    /// `volumes`; `None` when the list itself is absent.
    #[serde(borrow, default, deserialize_with = "optional_list")]
    pub volumes: Option<Vec<Volume<'a>>>,
    /// `initContainers`, sidecars among them.
    #[serde(borrow, default, deserialize_with = "list")]
    pub init_containers: Vec<Container<'a>>,
    /// `containers`.
    #[serde(borrow, default, deserialize_with = "list")]
    pub containers: Vec<Container<'a>>,
}

/// `/spec/initContainers`.
const INIT_CONTAINERS: &Pointer = Pointer::from_static("/spec/initContainers");

/// `/spec/containers`.
const CONTAINERS: &Pointer = Pointer::from_static("/spec/containers");

impl PodSpec<'_> {
    /// The name of the service account; the ServiceAccount admission plugin fills in `default`.
    pub fn service_account(&self) -> &str {
        match self.service_account_name.as_str() {
            "" => "default",
            name => name,
        }
    }
}

impl<'a> PodSpec<'a> {
    /// Every container of a new Pod, with its list and its index in the list.
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
    #[serde(borrow, default, deserialize_with = "optional")]
    pub projected: Option<ProjectedVolumeSource<'a>>,
    /// `secret`.
    #[serde(borrow, default, deserialize_with = "optional")]
    pub secret: Option<SecretVolumeSource<'a>>,
}

impl Volume<'_> {
    /// The sources of a projected volume; empty for any other volume.
    pub fn sources(&self) -> &[VolumeProjection<'_>] {
        self.projected.as_ref().and_then(|projected| projected.sources.as_deref()).unwrap_or_default()
    }

    /// The `serviceAccountToken` sources with their indices.
    pub fn tokens(&self) -> impl Iterator<Item = (usize, &ServiceAccountTokenProjection<'_>)> {
        let sources = self.sources().iter().enumerate();
        sources
            .filter_map(|(index, source)| source.service_account_token.as_ref().map(|token| (index, token)))
    }
}

/// A projected volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct ProjectedVolumeSource<'a> {
    /// `sources`; `None` when the list itself is absent.
    #[serde(borrow, default, deserialize_with = "optional_list")]
    pub sources: Option<Vec<VolumeProjection<'a>>>,
}

/// A Secret as a volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretVolumeSource<'a> {
    /// `secretName`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub secret_name: Text<'a>,
    /// `defaultMode`.
    #[serde(default, deserialize_with = "integer")]
    pub default_mode: Option<i64>,
}

/// One source of a projected volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeProjection<'a> {
    /// `serviceAccountToken`.
    #[serde(borrow, default, deserialize_with = "optional")]
    pub service_account_token: Option<ServiceAccountTokenProjection<'a>>,
    /// `configMap`.
    #[serde(borrow, default, deserialize_with = "optional")]
    pub config_map: Option<ConfigMapProjection<'a>>,
    /// `downwardAPI`.
    #[serde(default, rename = "downwardAPI")]
    pub downward_api: Option<IgnoredAny>,
}

/// A ConfigMap as a source.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct ConfigMapProjection<'a> {
    /// `name`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub name: Text<'a>,
}

/// A service account token as a source.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountTokenProjection<'a> {
    /// `audience`; absent or empty means the API server's own.
    #[serde(borrow, default)]
    pub audience: Option<Text<'a>>,
    /// `expirationSeconds`.
    #[serde(default, deserialize_with = "integer")]
    pub expiration_seconds: Option<i64>,
    /// `path`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub path: Text<'a>,
}

impl ServiceAccountTokenProjection<'_> {
    /// The audience; `None` if it is absent or empty.
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_ref().map(Text::as_str).filter(|audience| !audience.is_empty())
    }

    /// The requested lifetime, in seconds; 3600 if the field is absent
    /// (`SetDefaults_ServiceAccountTokenProjection` in `pkg/apis/core/v1/defaults.go`).
    pub fn seconds(&self) -> u64 {
        match self.expiration_seconds {
            Some(seconds) => u64::try_from(seconds).unwrap_or(0),
            None => Ttl::HOUR.seconds(),
        }
    }

    /// Whether the API server may extend the token to up to a year: see [`Ttl::YEAR_LONG_REQUEST`].
    pub fn is_year_long(&self) -> bool {
        self.seconds() == Ttl::YEAR_LONG_REQUEST.seconds()
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
    #[serde(borrow, default, deserialize_with = "optional_list")]
    pub volume_mounts: Option<Vec<VolumeMount<'a>>>,
    /// `volumeDevices`.
    #[serde(borrow, default, deserialize_with = "list")]
    volume_devices: Vec<VolumeDevice<'a>>,
    /// `env`; `None` when the list itself is absent.
    #[serde(borrow, default, deserialize_with = "optional_list")]
    pub env: Option<Vec<EnvVar<'a>>>,
}

impl Container<'_> {
    /// The mounts.
    pub fn mounts(&self) -> &[VolumeMount<'_>] {
        self.volume_mounts.as_deref().unwrap_or_default()
    }

    /// The paths of the block devices.
    pub fn device_paths(&self) -> impl Iterator<Item = &str> {
        self.volume_devices.iter().map(|device| device.device_path.as_str())
    }
}

/// A block device in a container.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeDevice<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    device_path: Text<'a>,
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
    /// Whether `subPath` is set.
    #[serde(default, deserialize_with = "is_set")]
    sub_path: bool,
    /// Whether `subPathExpr` is set.
    #[serde(default, deserialize_with = "is_set")]
    sub_path_expr: bool,
}

impl VolumeMount<'_> {
    /// Whether the mount is at this normalised directory.
    pub fn is_at(&self, directory: &str) -> bool {
        is_same_directory(self.mount_path.as_str(), directory)
    }

    /// Whether the mount is of a single file or subdirectory, which the kubelet never refreshes.
    pub fn has_sub_path(&self) -> bool {
        self.sub_path || self.sub_path_expr
    }
}

/// Deserialises whether a string is neither absent nor empty.
fn is_set<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text: Text<'_> = nullable(deserializer)?;
    Ok(!text.as_str().is_empty())
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
