//! `serve --namespaces FILE`: a manifest of Namespaces, reloaded when its content changes.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::Error;
use super::{CurrentDefaults, Namespaces, manifest};
use crate::files::{Fingerprint, ReloadState};
use crate::telemetry::metrics::{Metrics, ResultLabel};

/// The manifest of Namespaces of a running server.
#[derive(Debug)]
pub struct NamespacesFile {
    path: PathBuf,
    last: ReloadState,
    namespaces: Arc<Namespaces>,
    metrics: Arc<Metrics>,
}

impl NamespacesFile {
    /// Loads the file at startup.
    ///
    /// # Errors
    /// When the file cannot be used: a server starts with all settings or not at all.
    pub fn open(path: PathBuf, defaults: CurrentDefaults, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let last = ReloadState::new(Fingerprint::of([path.as_path()]));
        let namespaces = Namespaces::empty(defaults, None);
        manifest::load(&path, &namespaces)?;
        namespaces.measure(&metrics);
        Ok(Self { path, last, namespaces: Arc::new(namespaces), metrics })
    }

    /// The Namespaces of the file.
    pub fn namespaces(&self) -> Arc<Namespaces> {
        Arc::clone(&self.namespaces)
    }

    /// The note of `/readyz` about the settings in use, which are complete in any case.
    pub fn note(&self) -> impl Fn() -> Option<&'static str> + Send + Sync + 'static + use<> {
        self.last.note()
    }

    /// Reloads the file if it changed. If it cannot be used, the previous settings stay in use.
    pub fn reload(&mut self) {
        let seen = Fingerprint::of([self.path.as_path()]);
        if self.last.is_changed(seen) {
            self.load(seen);
        }
    }

    fn load(&mut self, seen: Fingerprint) {
        match manifest::load(&self.path, &self.namespaces) {
            Ok(()) => {
                self.last.loaded(seen);
                let namespaces = self.namespaces.len();
                tracing::info!(namespaces, "reloaded the manifest of Namespaces");
                self.namespaces.measure(&self.metrics);
                self.metrics.record_namespaces_reload(ResultLabel::Success);
            }
            Err(error) => self.failed(seen, &error),
        }
    }

    /// Reports a failure once. A manifest with a mistake is read again only when it changes, since reading a
    /// large one takes long.
    fn failed(&mut self, seen: Fingerprint, error: &Error) {
        let content = (!error.is_temporary()).then_some(seen);
        let error = crate::telemetry::chain(error);
        if self.last.failed(content, &error) {
            tracing::warn!(
                error,
                "the new manifest of Namespaces cannot be used; the previous one stays in use"
            );
            self.metrics.record_namespaces_reload(ResultLabel::Failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::namespaces::{Lookup, NamespaceStore};

    const A: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  labels:\n    boundtoken.dev/webhook: enabled\n";

    fn open(text: &str) -> (tempfile::TempDir, NamespacesFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("namespaces.yaml");
        fs::write(&path, text).unwrap();
        let file = NamespacesFile::open(path, Arc::default(), Arc::default()).unwrap();
        (directory, file)
    }

    fn opted_in(namespaces: &Namespaces, name: &str) -> bool {
        matches!(namespaces.cached(name), Some(Lookup::Settings(_)))
    }

    #[test]
    fn a_new_version_replaces_the_one_before() {
        let (_directory, mut file) = open(A);
        let namespaces = file.namespaces();
        assert!(opted_in(&namespaces, "a"));
        fs::write(&file.path, A.replace("name: a", "name: b")).unwrap();
        file.reload();
        assert!(!opted_in(&namespaces, "a"));
        assert!(opted_in(&namespaces, "b"));
    }

    #[test]
    fn a_broken_new_version_keeps_the_one_before() {
        let (_directory, mut file) = open(A);
        let (namespaces, note) = (file.namespaces(), file.note());
        assert_eq!(note(), None);
        for broken in ["", "apiVersion: v1\nkind: Pod\n", "a: b: c\n"] {
            fs::write(&file.path, broken).unwrap();
            file.reload();
            assert!(opted_in(&namespaces, "a"), "{broken:?}");
        }
        fs::remove_file(&file.path).unwrap();
        for _ in 0..2 {
            file.reload();
            assert!(opted_in(&namespaces, "a"));
            assert_eq!(note(), Some("last change failed to load"));
        }
        let text = file.metrics.text();
        for line in
            ["boundtoken_namespaces 1\n", "boundtoken_namespaces_reloads_total{result=\"failure\"} 4\n"]
        {
            assert!(text.contains(line), "{text}");
        }
        fs::write(&file.path, A).unwrap();
        file.reload();
        assert_eq!(note(), None);
        assert!(file.metrics.text().contains("boundtoken_namespaces_reloads_total{result=\"success\"} 1\n"));
    }

    #[test]
    fn a_temporary_read_error_is_retried() {
        let (_directory, mut file) = open(A);
        let namespaces = file.namespaces();
        let next = A.replace("name: a", "name: b");
        fs::write(&file.path, &next).unwrap();
        let seen = Fingerprint::of([file.path.as_path()]);
        fs::remove_file(&file.path).unwrap();
        file.load(seen);
        assert!(opted_in(&namespaces, "a"));
        fs::write(&file.path, &next).unwrap();
        file.reload();
        assert!(opted_in(&namespaces, "b"));
    }

    #[test]
    fn a_manifest_with_a_mistake_is_read_once() {
        let (_directory, mut file) = open(A);
        fs::write(&file.path, "apiVersion: v1\nkind: Pod\n").unwrap();
        let seen = Fingerprint::of([file.path.as_path()]);
        file.reload();
        assert!(!file.last.is_changed(seen));
        fs::remove_file(&file.path).unwrap();
        file.reload();
        assert!(file.last.is_changed(Fingerprint::of([file.path.as_path()])));
    }
}
