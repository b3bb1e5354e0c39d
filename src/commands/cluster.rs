//! Flags that select a cluster, as in kubectl.

use std::path::PathBuf;

use kube::{Client, Config};

use crate::cluster::{self, Error};

/// The cluster to connect to.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Kubeconfig file; by default KUBECONFIG, the cluster of this Pod, or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// A connection to a cluster.
#[derive(Clone)]
pub struct Cluster {
    /// The client of its API server.
    pub client: Client,
    /// The file of this process's own token, if there is one. It is renewed. With a kubeconfig it may be the token
    /// of an identity provider.
    pub token_file: Option<PathBuf>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").field("token_file", &self.token_file).finish_non_exhaustive()
    }
}

impl ClusterArgs {
    /// Whether a flag selects a cluster.
    pub fn is_named(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    /// The name of the context, if the configuration is that of a kubeconfig.
    pub fn context(&self) -> Option<String> {
        self.context.clone().or_else(|| cluster::current_context(self.kubeconfig.as_deref()))
    }

    /// Finds the configuration of the cluster.
    ///
    /// # Errors
    /// When there is no configuration, or it is incomplete.
    pub async fn config(self) -> Result<Config, Error> {
        cluster::config(self.kubeconfig, self.context).await
    }

    /// Configures a client. It sends no request yet, so the cluster may be unavailable.
    ///
    /// # Errors
    /// When there is no configuration, or it is incomplete.
    pub async fn connect(self) -> Result<Cluster, Error> {
        let config = self.config().await?;
        let token_file = config.auth_info.token_file.as_ref().map(PathBuf::from);
        Ok(Cluster { client: cluster::client(config)?, token_file })
    }
}
