//! What keeps a container from mounting a volume: mounts and devices at its directory, inside it and above it.
//!
//! The kubelet makes the mount points inside the volumes that it fills, and the container runtime all others. A
//! container whose mount point cannot be made never starts.

use super::api_access::is_default_file;
use super::containers::{IndexedContainer, TokenMount};
use super::finding::Obstacle;
use super::paths::first_below;
use super::pod_patch::Draft;
use super::view::{MountPoints, VolumeMount};
use super::volume_index::{IndexedVolume, VolumeKind};

impl<'p> Draft<'p> {
    /// The first obstacle to a mount at this folded directory.
    pub(super) fn obstacle(
        &self,
        container: &IndexedContainer<'p>,
        token_mount: &TokenMount<'p>,
        directory: &str,
    ) -> Option<Obstacle<'p>> {
        let IndexedContainer { mounts, devices, .. } = container;
        if mounts.at(directory).is_some() || devices.at(directory).is_some() {
            return Some(Obstacle::Mount(token_mount.directory));
        }
        let device = devices.below(directory).map(|(_, path)| *path).next();
        let device = device.or_else(|| devices.above(directory).map(|(_, path)| *path));
        let inside = || {
            let mut inside = mounts.below(directory);
            inside.find(|(path, mount)| self.breaks_inside(token_mount, directory, path, mount))
        };
        let taken = device.or_else(|| inside().map(|(_, mount)| mount.mount_path.as_str()));
        if let Some(path) = taken {
            return Some(Obstacle::Mount(path));
        }
        let (parent, mount) = mounts.above(directory)?;
        self.breaks_above(mount, first_below(directory, parent))
            .then(|| Obstacle::Parent(mount.mount_path.as_str()))
    }

    /// Whether a mount inside the directory of a token fails, because it is a file and the kubelet makes a directory
    /// as its mount point, or takes the place of a file of the token's volume.
    fn breaks_inside(
        &self,
        token_mount: &TokenMount<'p>,
        directory: &str,
        path: &str,
        mount: &VolumeMount<'_>,
    ) -> bool {
        let volume = self.volumes.mounted(mount).map(|volume| volume.volume);
        let segment = first_below(path, directory);
        mount.may_be_file(volume) || segment.is_some_and(|segment| token_mount.has_file(segment))
    }

    /// Whether a mount inside `mount`, in the directory of this name or deeper, fails or hides a file.
    fn breaks_above(&self, mount: &VolumeMount<'_>, segment: Option<&str>) -> bool {
        let volume = self.volumes.mounted(mount);
        if !mount.takes_mount_point(volume.map(|volume| volume.volume)) {
            return true;
        }
        let filled = |volume: &IndexedVolume<'_>| volume.volume.mount_points == MountPoints::Kubelet;
        match (volume.filter(filled), segment) {
            // The sources of today take the place of the Secret.
            (Some(IndexedVolume { kind: VolumeKind::Legacy, .. }), Some(segment)) => is_default_file(segment),
            (Some(volume), Some(segment)) => self.files().holds(volume.name, segment),
            _ => false,
        }
    }
}
