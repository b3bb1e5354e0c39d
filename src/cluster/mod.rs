//! The way to a cluster: which one, as whom, and with which patience.

pub mod token;

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::util::option_layer;
use tower::{BoxError, Layer, ServiceExt};

/// The API server accepts a connection within this time, or is taken to be away.
const CONNECT: Duration = Duration::from_secs(5);

/// After this silence the kernel asks whether the other end is still there, and so on until it gives up.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Why there is no way to a cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration leads to no client.
    #[error("failed to make a client for the API server")]
    Client(#[source] kube::Error),
    /// In a Pod, without what a Pod has.
    #[error("failed to read the service account in this Pod: it needs a token at the default path")]
    InCluster(#[source] InClusterError),
    /// A kubeconfig that cannot be used.
    #[error("failed to use the kubeconfig{}", .path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Kubeconfig {
        /// The file, if one was named.
        path: Option<PathBuf>,
        /// What is wrong with it.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// A proxy, which is not supported.
    #[error("the kubeconfig asks for a proxy, which is not supported: remove proxy-url")]
    Proxy,
}

/// Finds the cluster: of the file, if there is one, else as kubectl does, but in a Pod without `KUBECONFIG`
/// the one of the Pod.
///
/// # Errors
/// When there is none, or not enough is known about it.
pub async fn config(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Config, Error> {
    let in_pod = env::var_os("KUBERNETES_SERVICE_HOST").is_some() && env::var_os("KUBECONFIG").is_none();
    if in_pod && kubeconfig.is_none() && context.is_none() {
        return Config::incluster().map_err(Error::InCluster);
    }
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = match &kubeconfig {
        Some(path) => match Kubeconfig::read_from(path) {
            Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
            Err(error) => Err(error),
        },
        None => Config::from_kubeconfig(&options).await,
    };
    config.map_err(|error| Error::Kubeconfig { path: kubeconfig, source: Box::new(error) })
}

/// A client for it. It repeats nothing and logs nothing: both are for those who know what they ask for.
///
/// # Errors
/// When the certificates or credentials cannot be used.
pub fn client(config: Config) -> Result<Client, Error> {
    if config.proxy_url.is_some() {
        return Err(Error::Proxy);
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    let connector = config.rustls_https_connector_with_connector(connector).map_err(Error::Client)?;
    let http = HttpClient::builder(TokioExecutor::new()).build::<_, Body>(connector).map_err(BoxError::from);
    let headers = config.extra_headers_layer().map_err(Error::Client)?.layer(http);
    let auth = option_layer(config.auth_layer().map_err(Error::Client)?).layer(headers);
    Ok(Client::new(config.base_uri_layer().layer(auth), config.default_namespace))
}
