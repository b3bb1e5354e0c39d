//! Tokens that are mounted with `subPath`: the kubelet never refreshes such a file.

use super::containers::IndexedContainer;
use super::finding::Finding;
use super::pod_patch::Draft;
use super::token::DEFAULT_FILE;
use super::view::{MountedPart, VolumeMount};
use super::volume_index::{IndexedVolume, VolumeKind};
use super::volume_paths::VolumePaths;

impl<'p> Draft<'p> {
    /// Reports a container that mounts with `subPath` a token whose lifetime the patch sets or limits.
    pub(super) fn find_sub_paths(&mut self, container: &IndexedContainer<'p>) {
        if container.mounts.entries().any(|(_, mount)| self.shows_token(mount)) {
            self.add_finding(Finding::SubPath { container: container.name() });
        }
    }

    fn shows_token(&self, mount: &VolumeMount<'_>) -> bool {
        let part = match mount.part() {
            MountedPart::Whole => return false,
            MountedPart::SubPath(path) => path,
            MountedPart::Unknown => "",
        };
        self.limited_tokens().holds(mount.name.as_str(), part)
    }

    /// The tokens whose lifetime the patch sets or limits, or an earlier patch did.
    fn limited_tokens(&self) -> &VolumePaths<'p> {
        self.limited_tokens.get_or_init(|| VolumePaths::new(self.volumes.iter().flat_map(limited_tokens_of)))
    }
}

/// The tokens of a volume whose lifetime is set or limited, with the name of the volume.
fn limited_tokens_of(indexed: IndexedVolume<'_>) -> impl Iterator<Item = (&str, &str)> {
    let IndexedVolume { name, kind, file, volume, .. } = indexed;
    let legacy = (kind == VolumeKind::Legacy).then_some(DEFAULT_FILE);
    let tokens = volume.tokens().map(|(_, token)| token);
    let is_limited = move |path: &str| match kind {
        VolumeKind::Default | VolumeKind::HandMade => path == file,
        VolumeKind::Planned(_) => true,
        VolumeKind::Legacy | VolumeKind::Other => false,
    };
    let limited = tokens.filter(move |token| token.is_year_long() || is_limited(token.path.as_str()));
    legacy.into_iter().chain(limited.map(|token| token.path.as_str())).map(move |path| (name, path))
}
