//! Flags that name a cluster, as kubectl names them.

use std::path::PathBuf;

use kube::Client;

use crate::cluster::{self, Error, token};

/// Which cluster.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Kubeconfig of the cluster; without it, KUBECONFIG, the cluster of this Pod, or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    /// Asks its API server.
    pub client: Client,
    /// What the API server calls itself, as our own token says; empty if there is no token in a file.
    pub audiences: Vec<String>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").field("audiences", &self.audiences).finish_non_exhaustive()
    }
}

impl ClusterArgs {
    /// Whether a flag says which one.
    pub fn is_named(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    /// Finds the cluster. Nothing is asked yet, so it may be away.
    ///
    /// # Errors
    /// When none is named, or not enough is known about it.
    pub async fn connect(self) -> Result<Cluster, Error> {
        let config = cluster::config(self.kubeconfig, self.context).await?;
        let token = config.auth_info.token_file.as_deref();
        let audiences = token.map(|path| token::audiences_of(path.as_ref())).unwrap_or_default();
        Ok(Cluster { client: cluster::client(config)?, audiences })
    }
}
