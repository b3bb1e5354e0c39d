//! `serve --namespaces FILE`: a manifest of Namespaces, read again when its content changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;
use super::read::read;
use super::{Known, Namespaces, SettingsByName, known};
use crate::files::{Fingerprint, ReloadState};
use crate::policy::Defaults;
use crate::telemetry::metrics::{Metrics, ResultLabel};

/// `--namespaces` of a running server.
#[derive(Debug)]
pub struct NamespacesFile {
    path: PathBuf,
    defaults: Arc<Defaults>,
    last: ReloadState,
    known: Known,
    namespaces: Arc<Namespaces>,
    metrics: Arc<Metrics>,
    /// Whether the last change could not be used.
    stale: Arc<AtomicBool>,
}

impl NamespacesFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it cannot be used: a server starts with all settings or not at all.
    pub fn open(path: PathBuf, defaults: Arc<Defaults>, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let seen = Fingerprint::of([path.as_path()]);
        let (first, known) = read(&path, &defaults, &Known::new())?;
        show(&metrics, &first);
        let (namespaces, last) = (Arc::new(Namespaces::new(first)), ReloadState::loaded(seen));
        Ok(Self { path, defaults, last, known, namespaces, metrics, stale: Arc::default() })
    }

    /// What requests look up.
    pub fn namespaces(&self) -> Arc<Namespaces> {
        Arc::clone(&self.namespaces)
    }

    /// What `/readyz` says about the settings in use, which are complete in any case.
    pub fn note(&self) -> impl Fn() -> Option<&'static str> + Send + Sync + 'static + use<> {
        let stale = Arc::clone(&self.stale);
        move || stale.load(Ordering::Relaxed).then_some("last change failed to load")
    }

    /// Takes over what the file holds now, if that changed and can be used.
    pub fn reload(&mut self) {
        let seen = Fingerprint::of([self.path.as_path()]);
        if self.last.is_changed(seen) {
            self.load(seen);
        }
    }

    fn load(&mut self, seen: Fingerprint) {
        let loaded = read(&self.path, &self.defaults, &self.known);
        self.stale.store(loaded.is_err(), Ordering::Relaxed);
        match loaded {
            Ok((next, known)) => {
                (self.last, self.known) = (ReloadState::loaded(seen), known);
                tracing::info!(namespaces = next.len(), "read the Namespaces again");
                show(&self.metrics, &next);
                self.namespaces.replace(next);
                self.metrics.record_namespaces_reload(ResultLabel::Success);
            }
            Err(error) => self.complain(seen, &error),
        }
    }

    /// A large manifest takes long to read: with a mistake in it, not before it changes.
    fn complain(&mut self, seen: Fingerprint, error: &Error) {
        let content = (!error.may_pass()).then_some(seen);
        let error = crate::telemetry::chain(error);
        if self.last.failed(content, &error) {
            tracing::warn!(error, "the new manifest of Namespaces cannot be used; the one before stays");
            self.metrics.record_namespaces_reload(ResultLabel::Failure);
        }
    }
}

fn show(metrics: &Metrics, settings: &SettingsByName) {
    metrics.set_namespaces(settings.len());
    for (namespace, settings) in settings {
        known::warn(namespace, settings);
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

    async fn opted_in(namespaces: &Namespaces, name: &str) -> bool {
        matches!(namespaces.get(name).await, Lookup::Settings(_))
    }

    #[tokio::test]
    async fn a_new_version_replaces_the_one_before() {
        let (_directory, mut file) = open(A);
        let namespaces = file.namespaces();
        assert!(opted_in(&namespaces, "a").await);
        fs::write(&file.path, A.replace("name: a", "name: b")).unwrap();
        file.reload();
        assert!(!opted_in(&namespaces, "a").await);
        assert!(opted_in(&namespaces, "b").await);
    }

    #[tokio::test]
    async fn a_broken_new_version_keeps_the_one_before() {
        let (_directory, mut file) = open(A);
        let (namespaces, note) = (file.namespaces(), file.note());
        assert_eq!(note(), None);
        for broken in ["", "apiVersion: v1\nkind: Pod\n", "a: b: c\n"] {
            fs::write(&file.path, broken).unwrap();
            file.reload();
            assert!(opted_in(&namespaces, "a").await, "{broken:?}");
        }
        fs::remove_file(&file.path).unwrap();
        for _ in 0..2 {
            file.reload();
            assert!(opted_in(&namespaces, "a").await);
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

    #[tokio::test]
    async fn a_read_error_that_passes_is_forgotten() {
        let (_directory, mut file) = open(A);
        let namespaces = file.namespaces();
        let next = A.replace("name: a", "name: b");
        fs::write(&file.path, &next).unwrap();
        let seen = Fingerprint::of([file.path.as_path()]);
        fs::remove_file(&file.path).unwrap();
        file.load(seen);
        assert!(opted_in(&namespaces, "a").await);
        fs::write(&file.path, &next).unwrap();
        file.reload();
        assert!(opted_in(&namespaces, "b").await);
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
