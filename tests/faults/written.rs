//! Counts the writes of boundtoken's replicas in a proxy of the API server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;

use crate::installed::Installed;
use crate::support::api_proxy::{ApiProxy, Effect};

/// The proxy between all replicas of an install and the API server.
pub(crate) struct Writes {
    /// A kubeconfig that uses the proxy.
    pub(crate) kubeconfig: PathBuf,
    counts: Arc<Counts>,
    proxy: ApiProxy,
}

/// Successful writes.
#[derive(Default)]
struct Counts {
    secret: AtomicUsize,
    configuration: AtomicUsize,
}

impl Writes {
    pub(crate) async fn watch(installed: &Installed) -> Self {
        let kubeconfig = installed.kubeconfig();
        let proxy = ApiProxy::start(&kubeconfig).await;
        let (counts, mut effects) = (Arc::<Counts>::default(), proxy.effects());
        let counted = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Some(effect) = effects.recv().await {
                let count = if is_of_secret(&effect) { &counted.secret } else { &counted.configuration };
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { kubeconfig: proxy.kubeconfig_for(&kubeconfig), counts, proxy }
    }

    /// The number of writes of the Secret.
    pub(crate) fn secret(&self) -> usize {
        self.counts.secret.load(Ordering::Relaxed)
    }

    /// The number of writes of the webhook configuration.
    pub(crate) fn configuration(&self) -> usize {
        self.counts.configuration.load(Ordering::Relaxed)
    }

    /// The number of attempted writes, including those that failed with a conflict.
    pub(crate) fn tries(&self) -> usize {
        self.proxy.count(|method, _| method == Method::PATCH)
    }

    /// Resets the counts of successful writes.
    pub(crate) fn reset(&self) {
        self.counts.secret.store(0, Ordering::Relaxed);
        self.counts.configuration.store(0, Ordering::Relaxed);
    }
}

impl fmt::Display for Writes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secret, configuration) = (self.secret(), self.configuration());
        write!(formatter, "writes: {secret} of the Secret, {configuration} of the configuration")
    }
}

/// Whether the Secret was written.
pub(crate) fn is_of_secret(effect: &Effect) -> bool {
    effect.path.contains("/secrets/")
}
