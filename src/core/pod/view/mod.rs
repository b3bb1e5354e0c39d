//! The fields of a Pod that matter for tokens, borrowed from the JSON text.
//!
//! Other fields are ignored, so that a patch never touches them. `null` counts as absent, like in the API
//! server's own decoder. If a field that is read occurs twice, that is an error, since programs differ in which of the
//! two they take; an API server never sends one.

mod volume;

use std::fmt;

use json_patch::jsonptr::Pointer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::paths::{PodOs, segments};
use super::text::{Text, boolean, list, nullable, object, optional_list, unexpected_text};

pub use volume::{
    MountPoints, ProjectedVolumeSource, SecretVolumeSource, ServiceAccountTokenProjection, Volume,
    VolumeProjection,
};

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
    /// `os`.
    #[serde(borrow, default, deserialize_with = "object")]
    os: OsField<'a>,
    /// Whether `nodeSelector` selects nodes with Windows.
    #[serde(default, rename = "nodeSelector", deserialize_with = "selects_windows")]
    selects_windows: bool,
}

/// The operating system of a Pod.
#[derive(Clone, Debug, Default, serde::Deserialize)]
struct OsField<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
}

/// The label of a node with its operating system (`LabelOSStable` in `k8s.io/api/core/v1/well_known_labels.go`).
const OS_LABEL: &str = "kubernetes.io/os";

/// The name of Windows in `os` and in [`OS_LABEL`].
const WINDOWS: &str = "windows";

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

    /// The operating system of the containers.
    pub fn os(&self) -> PodOs {
        match self.os.name.as_str() {
            WINDOWS => PodOs::Windows,
            "" if self.selects_windows => PodOs::Windows,
            _ => PodOs::Linux,
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
    /// `terminationMessagePath`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    termination_message_path: Text<'a>,
    /// `env`; `None` when the list itself is absent.
    #[serde(borrow, default, deserialize_with = "optional_list")]
    pub env: Option<Vec<EnvVar<'a>>>,
}

impl Container<'_> {
    /// The mounts.
    pub fn mounts(&self) -> &[VolumeMount<'_>] {
        self.volume_mounts.as_deref().unwrap_or_default()
    }

    /// The paths at which the container runtime mounts what is no directory: block devices, and the file for the
    /// termination message (`makeMounts` in `pkg/kubelet/kuberuntime/kuberuntime_container.go`).
    pub fn file_paths(&self) -> impl Iterator<Item = &str> {
        let message = Some(self.termination_message_path.as_str()).filter(|path| !path.is_empty());
        self.volume_devices.iter().map(|device| device.device_path.as_str()).chain(message)
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
    /// `subPath`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_path: Text<'a>,
    /// `subPathExpr`.
    #[serde(borrow, default, deserialize_with = "nullable")]
    sub_path_expr: Text<'a>,
    /// `readOnly`.
    #[serde(default, deserialize_with = "boolean")]
    read_only: Option<bool>,
}

/// The part of a volume that a mount shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MountedPart<'m> {
    /// The whole volume, whose files the kubelet refreshes.
    Whole,
    /// The file or directory at this path, which is never refreshed.
    SubPath(&'m str),
    /// A file or directory whose path depends on environment variables.
    Unknown,
}

impl VolumeMount<'_> {
    /// The part of the volume that the mount shows.
    pub fn part(&self) -> MountedPart<'_> {
        match (self.sub_path.as_str(), self.sub_path_expr.as_str()) {
            ("", "") => MountedPart::Whole,
            (_, path) if path.contains("$(") => MountedPart::Unknown,
            ("", path) | (path, _) if segments(path).next().is_some() => MountedPart::SubPath(path),
            _ => MountedPart::Whole,
        }
    }

    /// Whether a mount point can be made inside the mount. Read-only mounts of volumes that the kubelet fills
    /// can have one, see [`MountPoints::Kubelet`].
    pub fn takes_mount_point(&self, volume: Option<&Volume<'_>>) -> bool {
        match volume.map(|volume| volume.mount_points).unwrap_or_default() {
            MountPoints::Runtime => self.read_only != Some(true),
            MountPoints::Kubelet => self.part() == MountedPart::Whole,
            MountPoints::Nothing => false,
        }
    }

    /// Whether the mount may be that of a file. The mount point of a file is a file.
    pub fn may_be_file(&self, volume: Option<&Volume<'_>>) -> bool {
        volume.is_some_and(|volume| {
            volume.may_be_file
                || volume.mount_points == MountPoints::Kubelet && self.part() != MountedPart::Whole
        })
    }
}

/// Deserialises whether a node selector selects nodes with Windows.
fn selects_windows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct SelectorVisitor;

    impl<'de> Visitor<'de> for SelectorVisitor {
        type Value = bool;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a map of strings")
        }

        fn visit_unit<E: Error>(self) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
            Err(unexpected_text(text, &self))
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut selects = None;
            while let Some(key) = map.next_key::<Text<'de>>()? {
                if key.as_str() != OS_LABEL {
                    map.next_value::<IgnoredAny>()?;
                } else if selects.is_some() {
                    return Err(A::Error::duplicate_field(OS_LABEL));
                } else {
                    let value: Option<Text<'de>> = map.next_value()?;
                    selects = Some(value.is_some_and(|value| value.as_str() == WINDOWS));
                }
            }
            Ok(selects.unwrap_or_default())
        }
    }

    deserializer.deserialize_any(SelectorVisitor)
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
