//! Flag of the clients that may connect to the webhook port.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;

use crate::background::BackgroundTasks;
use crate::certificates::ClientCaFile;
use crate::commands::CommandError;
use crate::server::admin::Readiness;

/// The clients that may connect.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate")]
pub(super) struct ClientArgs {
    /// PEM file of CAs: only clients with a certificate of one of them can connect; reloaded when it changes
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<PathBuf>,
}

impl ClientArgs {
    /// Loads the CAs, if there are any, and starts the task that reloads them. Returns the verifier of clients,
    /// and the readiness checks with a note about the file.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub(super) fn start(
        self,
        readiness: Readiness,
        tasks: &mut BackgroundTasks,
    ) -> Result<(Option<Arc<dyn ClientCertVerifier>>, Readiness), CommandError> {
        let Some(path) = self.client_ca_file else { return Ok((None, readiness)) };
        tracing::info!(?path, "clients must present a certificate of a CA in this file");
        let file = ClientCaFile::open(path)?;
        let verifier = file.verifier();
        let readiness = readiness.with_note("client-ca", file.note());
        tasks.reload("client CAs", file, ClientCaFile::reload);
        Ok((Some(verifier), readiness))
    }
}
