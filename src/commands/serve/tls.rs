//! Where the serving certificate comes from.

use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::kept::KeptArgs;
use crate::certificates::cluster::Keeper;
use crate::certificates::{CertificateFiles, Directory, SelfMade, ServingCertificate};
use crate::clock;
use crate::commands::CommandError;
use crate::telemetry::metrics::Metrics;
use crate::watchers::Watchers;

/// Where the serving certificate comes from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate")]
pub(super) struct TlsArgs {
    /// PEM file of the serving certificate and its chain, read again when it changes
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
    /// Names that self-made certificates speak for besides localhost, separated by commas
    #[arg(long = "tls-dns", value_name = "NAMES", value_delimiter = ',')]
    dns: Vec<String>,
    #[command(flatten)]
    kept: KeptArgs,
}

/// What is served, and whether API servers accept it.
pub(super) struct Tls {
    pub(super) certificate: Arc<ServingCertificate>,
    pub(super) check: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Tls {
    /// A certificate from files: its own dates are all that is known of it.
    fn from_files(certificate: Arc<ServingCertificate>) -> Self {
        let served = Arc::clone(&certificate);
        Self { certificate, check: Box::new(move || served.check(clock::now())) }
    }

    /// The certificate of the cluster, which is verified as API servers do.
    fn kept(keeper: Keeper, watchers: &mut Watchers) -> Self {
        let (certificate, accepted) = (keeper.serving(), keeper.readiness());
        let served = Arc::clone(&certificate);
        watchers.run("certificate", keeper.run(CancellationToken::new()));
        Self { certificate, check: Box::new(move || accepted().and_then(|()| served.check(clock::now()))) }
    }
}

impl TlsArgs {
    /// The Namespace of this install, if there is a cluster.
    pub(super) fn namespace(&self, client: Option<&Client>) -> Option<String> {
        client.map(|client| self.kept.namespace(client))
    }

    /// Loads or makes the certificate and keeps looking after it.
    ///
    /// # Errors
    /// When there is none that can be served.
    pub(super) fn start(
        self,
        client: Option<Client>,
        metrics: &Arc<Metrics>,
        watchers: &mut Watchers,
    ) -> Result<Tls, CommandError> {
        let Self { cert, key, dir, dns, kept } = self;
        if let Some((client, (place, settings))) =
            client.and_then(|client| kept.resolve(&client).map(|kept| (client, kept)))
        {
            let keeper = Keeper::new(client, place, settings, Arc::clone(metrics));
            return Ok(Tls::kept(keeper, watchers));
        }
        if let (Some(certificate), Some(key)) = (cert, key) {
            let files = CertificateFiles::open(certificate, key, Arc::clone(metrics), clock::now())?;
            let serving = files.serving();
            watchers.watch("certificate", files, |files| files.reload(clock::now()));
            return Ok(Tls::from_files(serving));
        }
        let names = Directory::LOCAL_NAMES.into_iter().map(str::to_owned).chain(dns).collect();
        let directory = Directory::new(dir, names);
        let files = SelfMade::open(directory, Arc::clone(metrics), clock::now())?;
        let serving = files.serving();
        watchers.watch("certificate", files, |files| files.reload(clock::now()));
        Ok(Tls::from_files(serving))
    }
}
