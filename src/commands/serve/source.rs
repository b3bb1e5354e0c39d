//! Where the settings of Namespaces come from: a file, or a cluster that is watched.

use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;

use crate::background::BackgroundTasks;
use crate::cluster::Error as ClusterError;
use crate::commands::CommandError;
use crate::commands::cluster::{Cluster, ClusterArgs};
use crate::commands::defaults::DefaultsArgs;
use crate::namespaces::file::NamespacesFile;
use crate::namespaces::watched::watched;
use crate::namespaces::{CurrentDefaults, Namespaces};
use crate::server::admin::Readiness;
use crate::telemetry::metrics::Metrics;

use super::audiences::current_defaults;

/// Settings of Namespaces, and what belongs to them.
pub(super) struct NamespaceSource {
    pub(super) namespaces: Arc<Namespaces>,
    pub(super) defaults: CurrentDefaults,
    /// The readiness check: whether the settings are complete.
    pub(super) readiness: Readiness,
    /// A client of the watched cluster, if there is one.
    pub(super) client: Option<Client>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
#[error("no cluster to watch: name one with --kubeconfig FILE, or serve without one with --namespaces FILE")]
pub(super) struct NoCluster(#[source] ClusterError);

impl NamespaceSource {
    /// Reads the manifest, or watches the cluster if there is none, and starts the task that keeps the
    /// settings up to date.
    ///
    /// # Errors
    /// When the manifest or a default cannot be used, or no cluster is configured. An unreachable cluster is
    /// not an error.
    pub(super) async fn open(
        manifest: Option<PathBuf>,
        cluster: ClusterArgs,
        defaults: DefaultsArgs,
        metrics: &Arc<Metrics>,
        tasks: &mut BackgroundTasks,
    ) -> Result<Self, CommandError> {
        if let Some(path) = manifest {
            return Self::file(path, current_defaults(defaults, None, tasks)?, metrics, tasks);
        }
        let named = cluster.is_named();
        let Cluster { client, token_file } = cluster
            .connect()
            .await
            .map_err(|error| if named { CommandError::from(error) } else { NoCluster(error).into() })?;
        let defaults = current_defaults(defaults, token_file, tasks)?;
        let (namespaces, watch) = watched(client.clone(), &defaults, Arc::clone(metrics));
        let readiness = Readiness::default().with_check("namespaces", watch.check());
        tasks.spawn("Namespaces", watch.run());
        Ok(Self { namespaces, defaults, readiness, client: Some(client) })
    }

    fn file(
        path: PathBuf,
        defaults: CurrentDefaults,
        metrics: &Arc<Metrics>,
        tasks: &mut BackgroundTasks,
    ) -> Result<Self, CommandError> {
        let file = NamespacesFile::open(path, Arc::clone(&defaults), Arc::clone(metrics))?;
        let namespaces = file.namespaces();
        let readiness = Readiness::default().with_note("namespaces", file.note());
        tasks.reload("Namespaces", file, NamespacesFile::reload);
        Ok(Self { namespaces, defaults, readiness, client: None })
    }
}
