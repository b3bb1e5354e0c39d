//! A running server that keeps its own certificates in a directory.

use std::sync::Arc;

use time::OffsetDateTime;

use super::super::ServingCertificate;
use super::{Directory, DirectoryError, Ensured};
use crate::clock;
use crate::files::ReloadState;
use crate::telemetry::metrics::{Metrics, ResultLabel};

/// `--tls-dir` of a running server: renews what is due, takes over what somebody else wrote.
#[derive(Debug)]
pub struct SelfMade {
    directory: Directory,
    last: ReloadState,
    serving: Arc<ServingCertificate>,
    metrics: Arc<Metrics>,
}

impl SelfMade {
    /// Makes what is missing and starts to serve it.
    ///
    /// # Errors
    /// When the directory cannot be used: a server starts with a certificate or not at all.
    pub fn open(
        directory: Directory,
        metrics: Arc<Metrics>,
        now: OffsetDateTime,
    ) -> Result<Self, DirectoryError> {
        let last = ReloadState::loaded(directory.fingerprint());
        let ensured = directory.ensure(now)?;
        show_expiry(&metrics, &ensured);
        tracing::info!(
            authority = %directory.file("ca.crt").display(),
            not_after = clock::text(ensured.leaf.facts.not_after),
            "serving a self-made certificate",
        );
        let serving = Arc::new(ServingCertificate::new(ensured.leaf));
        Ok(Self { directory, last, serving, metrics })
    }

    /// What the listener serves.
    pub fn serving(&self) -> Arc<ServingCertificate> {
        Arc::clone(&self.serving)
    }

    /// Renews what is due, and serves what the directory holds now.
    pub fn reload(&mut self, now: OffsetDateTime) {
        let seen = self.directory.fingerprint();
        if !self.last.is_changed(seen) && !self.serving.is_due(now) {
            return;
        }
        match self.directory.ensure(now) {
            Ok(ensured) => {
                self.last = ReloadState::loaded(seen);
                self.take_over(ensured);
            }
            Err(error) => self.complain(&error),
        }
    }

    fn take_over(&self, ensured: Ensured) {
        show_expiry(&self.metrics, &ensured);
        if self.serving.serves(&ensured.leaf) {
            return;
        }
        tracing::info!(not_after = clock::text(ensured.leaf.facts.not_after), "serving a new certificate");
        self.metrics.record_rotation(ResultLabel::Success);
        self.serving.swap(ensured.leaf);
    }

    /// The directory is looked at again whatever the fault is: a clock may be put right, a disk have room.
    fn complain(&mut self, error: &DirectoryError) {
        let error = crate::telemetry::chain(error);
        if self.last.failed(None, &error) {
            tracing::warn!(error, "the certificate cannot be renewed; the one before stays");
            self.metrics.record_rotation(ResultLabel::Failure);
        }
    }
}

fn show_expiry(metrics: &Metrics, ensured: &Ensured) {
    metrics.set_serving_expiry(ensured.leaf.facts.not_after);
    metrics.set_ca_expiry(ensured.authority.not_after);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use time::Duration;

    use super::super::super::authority::LEAF_LIFE;
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn open(path: &std::path::Path) -> SelfMade {
        let directory = Directory::new(path.to_owned(), vec!["localhost".to_owned()]);
        SelfMade::open(directory, Arc::default(), NOW).unwrap()
    }

    #[test]
    fn the_leaf_is_renewed_while_the_server_runs() {
        let path = tempfile::tempdir().unwrap();
        let mut files = open(path.path());
        let first = files.directory.ensure(NOW).unwrap().leaf;
        files.reload(NOW + LEAF_LIFE / 2);
        assert!(files.serving.serves(&first));
        files.reload(NOW + LEAF_LIFE * 2 / 3 + Duration::hours(1));
        assert!(!files.serving.serves(&first));
        assert_eq!(files.serving.check(NOW + LEAF_LIFE), Ok(()));
    }

    #[test]
    fn a_certificate_that_is_too_young_is_served_once_the_clock_is_right() {
        let (path, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut files = open(path.path());
        let later = NOW + Duration::days(2);
        let other = Directory::new(other.path().to_owned(), vec!["localhost".to_owned()]);
        let young = other.ensure(later).unwrap().leaf;
        for name in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
            fs::copy(other.file(name), files.directory.file(name)).unwrap();
        }
        files.reload(NOW);
        assert!(!files.serving.serves(&young));
        files.reload(later);
        assert!(files.serving.serves(&young));
    }

    #[test]
    fn what_is_written_while_it_is_looked_at_is_looked_at_again() {
        let path = tempfile::tempdir().unwrap();
        let mut files = open(path.path());
        let is_new = |files: &SelfMade| files.last.is_changed(files.directory.fingerprint());
        assert!(is_new(&files));
        files.reload(NOW);
        assert!(!is_new(&files));
        files.reload(NOW + LEAF_LIFE * 3 / 4);
        assert!(is_new(&files));
    }

    #[test]
    fn a_directory_that_broke_keeps_the_certificate_and_complains_once() {
        let path = tempfile::tempdir().unwrap();
        let mut files = open(path.path());
        fs::remove_file(path.path().join("ca.key")).unwrap();
        let due = NOW + LEAF_LIFE * 3 / 4;
        files.reload(due);
        files.reload(due + Duration::seconds(5));
        assert_eq!(files.serving.check(due), Ok(()));
        assert!(
            files.metrics.text().contains("boundtoken_certificate_rotations_total{result=\"failure\"} 1\n")
        );
    }
}
