//! What keeps a container from mounting a volume: mounts, devices and files at its directory, inside it and above it.
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
use super::volume_paths::is_kubelets_own;

impl<'p> Draft<'p> {
    /// The first obstacle to a mount at this folded directory.
    pub(super) fn obstacle(
        &self,
        container: &IndexedContainer<'p>,
        token_mount: &TokenMount<'p>,
        directory: &str,
    ) -> Option<Obstacle<'p>> {
        let (mounts, files) = (&container.mounts, container.files(self.os));
        if mounts.at(directory).is_some() || files.at(directory).is_some() {
            return Some(Obstacle::Mount(token_mount.directory));
        }
        let file = files.below(directory).map(|(_, path)| *path).next();
        let file = file.or_else(|| files.above(directory).map(|(_, path)| *path));
        let inside = || {
            let mut inside = mounts.below(directory);
            inside.find(|(path, mount)| self.breaks_inside(token_mount, directory, path, mount))
        };
        let taken = file.or_else(|| inside().map(|(_, mount)| mount.mount_path.as_str()));
        if let Some(path) = taken {
            return Some(Obstacle::Mount(path));
        }
        let (parent, _) = mounts.above(directory)?;
        // Which of several mounts at one directory is on top depends on the runtime.
        let mut parents = mounts.all_at(parent);
        let mount = parents.find(|mount| self.breaks_above(mount, first_below(directory, parent)))?;
        Some(Obstacle::Parent(mount.mount_path.as_str()))
    }

    /// Whether a mount inside the directory of a token fails, because the kubelet does not make its mount point, or it
    /// is a file and the kubelet makes a directory, or it takes the place of a file of the token's volume.
    fn breaks_inside(
        &self,
        token_mount: &TokenMount<'p>,
        directory: &str,
        path: &str,
        mount: &VolumeMount<'_>,
    ) -> bool {
        let volume = self.volumes.mounted(mount).map(|volume| volume.volume);
        let is_file = |segment| is_kubelets_own(segment) || token_mount.has_file(segment);
        self.os.is_relative(mount.mount_path.as_str())
            || mount.may_be_file(volume)
            || first_below(path, directory).is_some_and(is_file)
    }

    /// Whether a mount inside `mount`, in the directory of this name or deeper, fails or hides a file.
    fn breaks_above(&self, mount: &VolumeMount<'_>, segment: Option<&str>) -> bool {
        let volume = self.volumes.mounted(mount);
        if !mount.takes_mount_point(volume.map(|volume| volume.volume)) {
            return true;
        }
        let filled = |volume: &IndexedVolume<'_>| volume.volume.mount_points == MountPoints::Kubelet;
        volume.filter(filled).is_some_and(|volume| {
            let is_file = |segment| is_kubelets_own(segment) || self.has_file(&volume, segment);
            self.os.is_relative(mount.mount_path.as_str()) || segment.is_some_and(is_file)
        })
    }

    /// Whether a volume that the kubelet fills has a file of this name, as far as the Pod says.
    fn has_file(&self, volume: &IndexedVolume<'_>, name: &str) -> bool {
        match volume.kind {
            // The sources of today take the place of the Secret.
            VolumeKind::Legacy => is_default_file(name),
            _ => self.files().holds(volume.name, name),
        }
    }
}
