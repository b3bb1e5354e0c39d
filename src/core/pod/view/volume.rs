//! The volumes of a Pod: their tokens and files, and whether a mount point can be made in them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::pod::text::{Text, boolean, integer, nullable, object, optional, optional_list};
use crate::pod::token::Ttl;

/// A volume.
#[derive(Clone, Debug, Default)]
pub struct Volume<'a> {
    /// `name`.
    pub name: Text<'a>,
    /// `projected`.
    pub projected: Option<ProjectedVolumeSource<'a>>,
    /// `secret`.
    pub secret: Option<SecretVolumeSource<'a>>,
    /// The paths that a Secret, a ConfigMap or the downward API lists for its files in the volume.
    items: Vec<ListedFile<'a>>,
    /// The component that makes a mount point in the volume.
    pub mount_points: MountPoints,
    /// Whether the volume may be a single file.
    pub may_be_file: bool,
}

/// The component that makes the mount point of a mount inside a volume.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MountPoints {
    /// The container runtime, unless the mount is read-only.
    #[default]
    Runtime,
    /// The kubelet, also if the mount is read-only, but not in a part that is mounted with `subPath`
    /// (`MakeNestedMountpoints` in `pkg/volume/util/nested_volumes.go`).
    Kubelet,
    /// None: the volume is read-only itself, or a file.
    Nothing,
}

/// The members of a volume that are read. From `awsElasticBlockStore` on they are those of drivers, whose `readOnly`
/// makes the volume itself read-only (`VolumeSource` in `k8s.io/api/core/v1/types.go`).
const MEMBERS: [&str; 25] = [
    "name",
    "projected",
    "secret",
    "configMap",
    "downwardAPI",
    "hostPath",
    "image",
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "gcePersistentDisk",
    "glusterfs",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
];

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VolumeVisitor;

        impl<'de> Visitor<'de> for VolumeVisitor {
            type Value = Volume<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a volume")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Volume<'de>, A::Error> {
                let mut volume = Volume::default();
                // A bit for each member so far: a list would be one allocation more for each volume.
                let mut seen = 0_u32;
                while let Some(member) = map.next_key::<Text<'de>>()? {
                    let Some(index) = MEMBERS.iter().position(|known| *known == member.as_str()) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if seen & (1 << index) != 0 {
                        return Err(A::Error::custom(format_args!("duplicate field `{}`", member.as_str())));
                    }
                    seen |= 1 << index;
                    volume.read(member.as_str(), &mut map)?;
                }
                Ok(volume)
            }
        }

        deserializer.deserialize_map(VolumeVisitor)
    }
}

/// A member that is an object or `null`.
#[derive(serde::Deserialize)]
#[serde(transparent, bound(deserialize = "T: Deserialize<'de>"))]
struct Optional<T>(#[serde(deserialize_with = "optional")] Option<T>);

/// A member that is a string or `null`.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Nullable<'a>(#[serde(borrow, deserialize_with = "nullable")] Text<'a>);

impl<'a> Volume<'a> {
    /// Reads one of [`MEMBERS`].
    fn read<A: MapAccess<'a>>(&mut self, member: &str, map: &mut A) -> Result<(), A::Error> {
        match member {
            "name" => self.name = map.next_value::<Nullable<'a>>()?.0,
            "projected" => {
                self.projected = map.next_value::<Optional<_>>()?.0;
                self.set_mount_points(MountPoints::Kubelet, self.projected.is_some());
            }
            "secret" => self.set_secret(map.next_value::<Optional<_>>()?.0),
            "configMap" | "downwardAPI" => self.set_files(map.next_value::<Optional<_>>()?.0),
            "hostPath" => self.set_host_path(map.next_value::<Optional<_>>()?.0),
            "image" => {
                let image: Optional<IgnoredAny> = map.next_value()?;
                self.set_mount_points(MountPoints::Nothing, image.0.is_some());
            }
            _ => {
                let driver: Optional<Driver> = map.next_value()?;
                let is_read_only = driver.0.is_some_and(|driver| driver.read_only == Some(true));
                self.set_mount_points(MountPoints::Nothing, is_read_only);
            }
        }
        Ok(())
    }

    fn set_secret(&mut self, secret: Option<SecretFiles<'a>>) {
        self.set_mount_points(MountPoints::Kubelet, secret.is_some());
        self.secret = secret.map(|secret| {
            self.items = secret.items.unwrap_or_default();
            SecretVolumeSource { secret_name: secret.secret_name, default_mode: secret.default_mode }
        });
    }

    fn set_files(&mut self, files: Option<FileSource<'a>>) {
        self.set_mount_points(MountPoints::Kubelet, files.is_some());
        self.items = files.and_then(|files| files.items).unwrap_or_default();
    }

    fn set_host_path(&mut self, path: Option<HostPath<'a>>) {
        if let Some(path) = path {
            self.may_be_file = !path.is_directory();
            self.set_mount_points(MountPoints::Nothing, path.is_file());
        }
    }

    /// Sets the component that makes a mount point in the volume, if that follows from a member.
    fn set_mount_points(&mut self, mount_points: MountPoints, applies: bool) {
        if applies {
            self.mount_points = mount_points;
        }
    }
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

    /// The paths of the files in the volume, as far as the Pod lists them.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let tokens = self.tokens().map(|(_, token)| token.path.as_str());
        let projected = self.sources().iter().flat_map(VolumeProjection::files);
        tokens.chain(projected).chain(self.items.iter().map(|item| item.path.as_str()))
    }
}

/// A projected volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectedVolumeSource<'a> {
    /// `sources`; `None` when the list itself is absent.
    #[serde(borrow, default, deserialize_with = "optional_list")]
    pub sources: Option<Vec<VolumeProjection<'a>>>,
    /// `defaultMode`.
    #[serde(default, deserialize_with = "integer")]
    pub default_mode: Option<i64>,
}

/// A Secret as a volume.
#[derive(Clone, Debug, Default)]
pub struct SecretVolumeSource<'a> {
    /// `secretName`.
    pub secret_name: Text<'a>,
    /// `defaultMode`.
    pub default_mode: Option<i64>,
}

/// A Secret as a volume, with the list of its files.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretFiles<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    secret_name: Text<'a>,
    #[serde(default, deserialize_with = "integer")]
    default_mode: Option<i64>,
    #[serde(borrow, default, deserialize_with = "optional_list")]
    items: Option<Vec<ListedFile<'a>>>,
}

/// A Secret, a ConfigMap or the downward API as a source of files.
#[derive(Default, serde::Deserialize)]
struct FileSource<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "optional_list")]
    items: Option<Vec<ListedFile<'a>>>,
}

/// A file of a source, by its path.
#[derive(Clone, Debug, Default, serde::Deserialize)]
struct ListedFile<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    path: Text<'a>,
}

/// A file or directory of the node.
#[derive(serde::Deserialize)]
struct HostPath<'a> {
    #[serde(borrow, default, rename = "type", deserialize_with = "nullable")]
    kind: Text<'a>,
}

impl HostPath<'_> {
    fn is_directory(&self) -> bool {
        matches!(self.kind.as_str(), "Directory" | "DirectoryOrCreate")
    }

    /// Without a type it may be a file as well.
    fn is_file(&self) -> bool {
        !self.is_directory() && !self.kind.as_str().is_empty()
    }
}

/// A volume of a driver.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    #[serde(default, deserialize_with = "boolean")]
    read_only: Option<bool>,
}

/// One source of a projected volume.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(from = "WireProjection<'a>")]
pub struct VolumeProjection<'a> {
    /// `serviceAccountToken`.
    #[serde(borrow)]
    pub service_account_token: Option<ServiceAccountTokenProjection<'a>>,
    /// The name in `configMap`, if the source is one.
    pub config_map: Option<Text<'a>>,
    /// Whether the source is the downward API.
    pub is_downward_api: bool,
    /// The files of any source but a token.
    items: Vec<ListedFile<'a>>,
}

impl VolumeProjection<'_> {
    /// The paths of the files, as far as the Pod lists them, without that of a token.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.path.as_str())
    }
}

/// A source of a projected volume as the API writes it.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProjection<'a> {
    #[serde(borrow, default, deserialize_with = "optional")]
    service_account_token: Option<ServiceAccountTokenProjection<'a>>,
    #[serde(borrow, default, deserialize_with = "optional")]
    config_map: Option<FileSource<'a>>,
    #[serde(borrow, default, rename = "downwardAPI", deserialize_with = "optional")]
    downward_api: Option<FileSource<'a>>,
    #[serde(borrow, default, deserialize_with = "object")]
    secret: FileSource<'a>,
    #[serde(borrow, default, deserialize_with = "optional")]
    cluster_trust_bundle: Option<ListedFile<'a>>,
}

impl<'a> From<WireProjection<'a>> for VolumeProjection<'a> {
    fn from(wire: WireProjection<'a>) -> Self {
        let WireProjection { service_account_token, config_map, downward_api, secret, .. } = wire;
        let (config_map, of_map) = config_map.map(|map| (map.name, map.items)).unzip();
        let is_downward_api = downward_api.is_some();
        let of_downward_api = downward_api.and_then(|files| files.items);
        let bundle = wire.cluster_trust_bundle.map(|bundle| vec![bundle]);
        let items = of_map.flatten().or(of_downward_api).or(secret.items).or(bundle).unwrap_or_default();
        Self { service_account_token, config_map, is_downward_api, items }
    }
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
