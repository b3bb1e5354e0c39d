//! Flags of the serving certificate, and the task that keeps it up to date.

use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;

use super::cluster_tls::ClusterTlsArgs;
use crate::background::BackgroundTasks;
use crate::certificates::cluster::CertificateController;
use crate::certificates::files::PairError;
use crate::certificates::watcher::PairSource;
use crate::certificates::{Directory, PairFiles, PairWatcher, ServingCertificate};
use crate::clock;
use crate::commands::CommandError;
use crate::telemetry::metrics::Metrics;

/// The source of the serving certificate.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate")]
pub(super) struct TlsArgs {
    /// PEM file of the serving certificate and its chain; reloaded when it changes
    #[arg(
        long = "tls-cert",
        value_name = "FILE",
        requires = "key",
        conflicts_with_all = ["dir", "dns"]
    )]
    cert: Option<PathBuf>,
    /// PEM file of the key of --tls-cert
    #[arg(long = "tls-key", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Directory of self-made certificates: ca.crt (for clients), ca.key, tls.crt, tls.key
    #[arg(long = "tls-dir", value_name = "DIR", default_value = "boundtoken-tls")]
    dir: PathBuf,
    /// Names that self-made certificates cover besides localhost, separated by commas
    #[arg(long = "tls-dns", value_name = "NAMES", value_delimiter = ',')]
    dns: Vec<String>,
    #[command(flatten)]
    cluster: ClusterTlsArgs,
}

/// The certificate that flags name cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("--tls-cert and --tls-key must name the two PEM files of one certificate")]
struct PairOfFlags(#[source] PairError);

/// The serving certificate, and its readiness check.
pub(super) struct ServingTls {
    pub(super) certificate: Arc<ServingCertificate>,
    pub(super) check: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl ServingTls {
    /// A certificate from files, which is ready while it is valid.
    fn from_files<S>(files: PairWatcher<S>, tasks: &mut BackgroundTasks) -> Self
    where
        S: PairSource + Send + 'static,
    {
        let certificate = files.serving();
        let served = Arc::clone(&certificate);
        tasks.reload("certificate", files, |files| files.reload(clock::now()));
        Self { certificate, check: Box::new(move || served.check(clock::now())) }
    }

    /// The certificate of the cluster, which the published `caBundle` has to verify as well.
    fn from_cluster(controller: CertificateController, tasks: &mut BackgroundTasks) -> Self {
        let (certificate, verified) = (controller.serving(), controller.readiness());
        let served = Arc::clone(&certificate);
        tasks.spawn("certificate", controller.run());
        Self { certificate, check: Box::new(move || verified().and_then(|()| served.check(clock::now()))) }
    }
}

impl TlsArgs {
    /// The Namespace of this install, if there is a cluster.
    pub(super) fn namespace(&self, client: Option<&Client>) -> Option<String> {
        client.map(|client| self.cluster.namespace(client))
    }

    /// Loads or makes the certificate, and starts the task that keeps it up to date.
    ///
    /// # Errors
    /// When there is no certificate that can be served.
    pub(super) fn start(
        self,
        client: Option<Client>,
        metrics: &Arc<Metrics>,
        tasks: &mut BackgroundTasks,
    ) -> Result<ServingTls, CommandError> {
        let Self { cert, key, dir, dns, cluster } = self;
        let metrics = Arc::clone(metrics);
        if let Some(client) = client
            && let Some((install, schedule)) = cluster.resolve(&client)
        {
            let controller = CertificateController::new(client, install, schedule, metrics);
            return Ok(ServingTls::from_cluster(controller, tasks));
        }
        if let (Some(certificate), Some(key)) = (cert, key) {
            let files = PairWatcher::open(PairFiles { certificate, key }, metrics, clock::now());
            let files = files.map_err(PairOfFlags)?;
            return Ok(ServingTls::from_files(files, tasks));
        }
        let names = Directory::LOCAL_NAMES.into_iter().map(str::to_owned).chain(dns).collect();
        let files = Directory::new(dir, names).serve(metrics, clock::now())?;
        Ok(ServingTls::from_files(files, tasks))
    }
}
