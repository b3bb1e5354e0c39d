//! `serve --namespaces FILE`: a manifest of Namespaces, read again when its content changes.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::Error;
use super::read::{Known, read};
use super::{Namespaces, SettingsByName};
use crate::files::Fingerprint;
use crate::policy::Defaults;
use crate::telemetry::metrics::Metrics;

/// `--namespaces` of a running server.
#[derive(Debug)]
pub struct NamespacesFile {
    path: PathBuf,
    defaults: Arc<Defaults>,
    seen: Fingerprint,
    known: Known,
    namespaces: Arc<Namespaces>,
    metrics: Arc<Metrics>,
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
        let namespaces = Arc::new(Namespaces::new(first));
        Ok(Self { path, defaults, seen, known, namespaces, metrics })
    }

    /// What requests look up.
    #[must_use]
    pub fn namespaces(&self) -> Arc<Namespaces> {
        Arc::clone(&self.namespaces)
    }

    /// Takes over what the file holds now, if that changed and can be used.
    pub fn reload(&mut self) {
        let seen = Fingerprint::of([self.path.as_path()]);
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        match read(&self.path, &self.defaults, &self.known) {
            Ok((next, known)) => {
                self.known = known;
                tracing::info!(namespaces = next.len(), "read the Namespaces again");
                show(&self.metrics, &next);
                self.namespaces.replace(next);
            }
            Err(error) => {
                let error = crate::telemetry::chain(&error);
                tracing::warn!(error, "the new manifest of Namespaces cannot be used; the one before stays");
            }
        }
    }
}

/// A mistake of a Namespace does not stop the others: its Pods are refused with the reason.
fn show(metrics: &Metrics, settings: &SettingsByName) {
    metrics.set_namespaces(settings.len());
    for (namespace, settings) in settings.iter().filter(|(_, settings)| !settings.mistakes().is_empty()) {
        let mistakes = settings.mistakes().len();
        tracing::warn!(namespace = &**namespace, mistakes, "wrong annotations; its Pods are refused");
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
        let namespaces = file.namespaces();
        for broken in ["", "apiVersion: v1\nkind: Pod\n", "a: b: c\n"] {
            fs::write(&file.path, broken).unwrap();
            file.reload();
            assert!(opted_in(&namespaces, "a").await, "{broken:?}");
        }
        fs::remove_file(&file.path).unwrap();
        file.reload();
        assert!(opted_in(&namespaces, "a").await);
        assert!(file.metrics.text().contains("boundtoken_namespaces 1\n"));
    }
}
