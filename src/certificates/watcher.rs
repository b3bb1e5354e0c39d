//! Reloads a certificate when its files change, or when it is due for renewal.

use std::error::Error;
use std::sync::Arc;

use time::OffsetDateTime;

use super::ServingCertificate;
use super::certificate::Certificate;
use super::pair::CheckedPair;
use crate::clock;
use crate::files::{Fingerprint, ReloadState};
use crate::telemetry::metrics::{CertificateLabel, Metrics, ResultLabel};

/// Files from which a certificate is served.
pub trait PairSource {
    /// The reason why the files cannot be served.
    type Error: Error + 'static;

    /// The content of the files.
    fn fingerprint(&self) -> Fingerprint;

    /// Loads what to serve.
    ///
    /// # Errors
    /// When the files cannot be served.
    fn load(&self, now: OffsetDateTime) -> Result<Loaded, Self::Error>;

    /// Whether to load again although no file changed, because loading renews the certificate.
    fn is_due(&self, _serving: &Certificate, _now: OffsetDateTime) -> bool {
        false
    }
}

/// The certificates in the files.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The certificate to serve.
    pub serving: CheckedPair,
    /// The CA, if it is in the files: its expiry is reported as well.
    pub ca: Option<Certificate>,
}

/// Serves a certificate from files that may change.
#[derive(Debug)]
pub struct PairWatcher<S> {
    source: S,
    state: ReloadState,
    serving: Arc<ServingCertificate>,
    metrics: Arc<Metrics>,
}

impl<S: PairSource> PairWatcher<S> {
    /// Loads the certificate for the first time.
    ///
    /// # Errors
    /// When it cannot be served: a server does not start without a certificate.
    pub fn open(source: S, metrics: Arc<Metrics>, now: OffsetDateTime) -> Result<Self, S::Error> {
        let state = ReloadState::new(source.fingerprint());
        let loaded = source.load(now)?;
        record_expiry(&metrics, &loaded);
        let serving = Arc::new(ServingCertificate::new(loaded.serving));
        Ok(Self { source, state, serving, metrics })
    }

    /// The certificate that the listener serves.
    pub fn serving(&self) -> Arc<ServingCertificate> {
        Arc::clone(&self.serving)
    }

    /// Loads the files again if they changed or the certificate is due, and serves what they contain.
    pub fn reload(&mut self, now: OffsetDateTime) {
        let fingerprint = self.source.fingerprint();
        let is_due = || self.serving.certificate().is_none_or(|serving| self.source.is_due(&serving, now));
        if !self.state.is_changed(fingerprint) && !is_due() {
            return;
        }
        match self.source.load(now) {
            Ok(loaded) => {
                self.state.loaded(fingerprint);
                self.serve(loaded);
            }
            Err(error) => self.report(&error),
        }
    }

    fn serve(&self, loaded: Loaded) {
        record_expiry(&self.metrics, &loaded);
        if self.serving.serves(&loaded.serving) {
            return;
        }
        let not_after = loaded.serving.certificate.validity.not_after;
        tracing::info!(not_after = clock::text(not_after), "serving a new certificate");
        self.metrics.record_rotation(ResultLabel::Success);
        self.serving.swap(loaded.serving);
    }

    /// Every tick tries again, also with the same content: the clock may be corrected, or the disk freed.
    fn report(&mut self, error: &S::Error) {
        let error = crate::telemetry::chain(error);
        if self.state.failed(None, &error) {
            tracing::warn!(error, "failed to load the certificate; still serving the previous one");
            self.metrics.record_rotation(ResultLabel::Failure);
        }
    }
}

fn record_expiry(metrics: &Metrics, loaded: &Loaded) {
    metrics.set_expiry(CertificateLabel::Serving, loaded.serving.certificate.validity.not_after);
    if let Some(ca) = &loaded.ca {
        metrics.set_expiry(CertificateLabel::Authority, ca.validity.not_after);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use time::Duration;

    use super::*;
    use crate::certificates::directory::Directory;
    use crate::certificates::directory::plan::SERVING_LIFE;
    use crate::certificates::files::PairFiles;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn directory(path: &Path) -> Directory {
        Directory::new(path.to_owned(), vec!["localhost".to_owned()])
    }

    fn watch<S: PairSource>(source: S) -> PairWatcher<S> {
        PairWatcher::open(source, Arc::default(), NOW).unwrap()
    }

    /// Writes another certificate that is valid from `from` on, and returns it.
    fn replace(path: &Path, from: OffsetDateTime) -> CheckedPair {
        let other = tempfile::tempdir().unwrap();
        let pair = directory(other.path()).ensure(from).unwrap().serving;
        for name in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
            fs::copy(other.path().join(name), path.join(name)).unwrap();
        }
        pair
    }

    fn files(path: &Path) -> PairFiles {
        replace(path, NOW - Duration::days(300));
        PairFiles { certificate: path.join("tls.crt"), key: path.join("tls.key") }
    }

    fn failures<S>(watcher: &PairWatcher<S>) -> String {
        let text = watcher.metrics.text();
        let line = text.lines().find(|line| line.contains("rotations_total{result=\"failure\"}"));
        line.and_then(|line| line.split(' ').next_back()).unwrap_or_default().to_owned()
    }

    fn serves_young_certificate_once_valid<S: PairSource>(mut watcher: PairWatcher<S>, path: &Path) {
        let later = NOW + Duration::days(2);
        let young = replace(path, later);
        watcher.reload(NOW);
        watcher.reload(NOW);
        assert!(!watcher.serving.serves(&young));
        assert_eq!(failures(&watcher), "1");
        watcher.reload(later);
        assert!(watcher.serving.serves(&young));
    }

    #[test]
    fn a_certificate_is_served_once_it_is_valid() {
        let path = tempfile::tempdir().unwrap();
        serves_young_certificate_once_valid(watch(files(path.path())), path.path());
    }

    #[test]
    fn a_certificate_in_a_directory_is_served_once_it_is_valid() {
        let path = tempfile::tempdir().unwrap();
        serves_young_certificate_once_valid(watch(directory(path.path())), path.path());
    }

    #[test]
    fn a_fault_that_returns_is_reported_again() {
        let path = tempfile::tempdir().unwrap();
        let mut watcher = watch(files(path.path()));
        for failed in ["1", "2"] {
            fs::remove_file(&watcher.source.key).unwrap();
            watcher.reload(NOW);
            watcher.reload(NOW);
            assert_eq!(failures(&watcher), failed);
            replace(path.path(), NOW);
            watcher.reload(NOW);
        }
    }

    #[test]
    fn a_due_certificate_is_renewed_while_the_server_runs() {
        let path = tempfile::tempdir().unwrap();
        let mut watcher = watch(directory(path.path()));
        let first = watcher.source.ensure(NOW).unwrap().serving;
        watcher.reload(NOW + SERVING_LIFE / 2);
        assert!(watcher.serving.serves(&first));
        watcher.reload(NOW + SERVING_LIFE * 2 / 3 + Duration::hours(1));
        assert!(!watcher.serving.serves(&first));
        assert_eq!(watcher.serving.check(NOW + SERVING_LIFE), Ok(()));
    }

    #[test]
    fn files_written_while_loading_are_loaded_again() {
        let path = tempfile::tempdir().unwrap();
        let mut watcher = watch(directory(path.path()));
        let is_changed =
            |watcher: &PairWatcher<Directory>| watcher.state.is_changed(watcher.source.fingerprint());
        assert!(is_changed(&watcher));
        watcher.reload(NOW);
        assert!(!is_changed(&watcher));
        watcher.reload(NOW + SERVING_LIFE * 3 / 4);
        assert!(is_changed(&watcher));
    }

    #[test]
    fn a_broken_directory_keeps_the_certificate() {
        let path = tempfile::tempdir().unwrap();
        let mut watcher = watch(directory(path.path()));
        fs::remove_file(path.path().join("ca.key")).unwrap();
        let due = NOW + SERVING_LIFE * 3 / 4;
        watcher.reload(due);
        watcher.reload(due + Duration::seconds(5));
        assert_eq!(watcher.serving.check(due), Ok(()));
        assert_eq!(failures(&watcher), "1");
    }
}
