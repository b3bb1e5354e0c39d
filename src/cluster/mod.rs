//! Connects to a cluster: its address, our credentials, and timeouts.

pub mod object;
pub(crate) mod reader;
pub mod timeout;
pub mod token;
pub mod utf8;

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use kube::{Client, Config};
use tower::util::option_layer;
use tower::{BoxError, Layer, ServiceExt};

use utf8::Utf8Body;

/// How long the API server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// After this silence on a connection, the kernel probes the other end, and again at this interval.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Why there is no client for a cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The certificates or credentials cannot be used.
    #[error("failed to make a client for the API server")]
    Client(#[source] kube::Error),
    /// This Pod has no service account token, or no address of the API server.
    #[error("failed to read the service account in this Pod: it needs a token at the default path")]
    InCluster(#[source] InClusterError),
    /// The kubeconfig cannot be used.
    #[error("failed to use the kubeconfig{}", .path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Kubeconfig {
        /// The file, if `--kubeconfig` names one.
        path: Option<PathBuf>,
        /// What is wrong with the file.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// The kubeconfig cannot be parsed.
    #[error("failed to parse the kubeconfig{}: {reason}", .path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Unparsable {
        /// The file, if `--kubeconfig` names one.
        path: Option<PathBuf>,
        /// What is wrong, and where.
        reason: String,
    },
    /// The kubeconfig, or a file that it names, cannot be read.
    #[error("failed to read {what} {}", .path.display())]
    Unreadable {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The kubeconfig names a proxy.
    #[error("proxy-url in the kubeconfig is not supported: remove it")]
    Proxy,
}

/// Finds the configuration of the cluster. In a Pod, it is that of the service account, unless a file, a
/// context or `KUBECONFIG` is given. Otherwise it is that of the file, or the one that kubectl uses.
///
/// # Errors
/// When there is no configuration, or it is incomplete.
pub async fn config(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Config, Error> {
    if is_in_pod() && kubeconfig.is_none() && context.is_none() {
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
    config.map_err(|error| kubeconfig_error(kubeconfig, error))
}

/// Whether this is a Pod, and no variable names a kubeconfig.
fn is_in_pod() -> bool {
    let is_set = |variable| env::var_os(variable).is_some_and(|value| !value.is_empty());
    is_set("KUBERNETES_SERVICE_HOST") && !is_set("KUBECONFIG")
}

/// The current context of the kubeconfig that [`config`] uses, if it uses one and can read it.
pub fn current_context(kubeconfig: Option<&Path>) -> Option<String> {
    let kubeconfig = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None if is_in_pod() => return None,
        None => Kubeconfig::read(),
    };
    kubeconfig.ok()?.current_context
}

/// Why a kubeconfig cannot be used. The texts of kube quote paths twice, and show the lines of the file.
fn kubeconfig_error(path: Option<PathBuf>, error: KubeconfigError) -> Error {
    use KubeconfigError as Kube;
    use LoadDataError::ReadFile;
    match error {
        Kube::ReadConfig(source, path) => Error::Unreadable { what: "the kubeconfig", path, source },
        Kube::LoadCertificateAuthority(ReadFile(source, path)) => {
            Error::Unreadable { what: "the certificate-authority of the kubeconfig", path, source }
        }
        Kube::LoadClientCertificate(ReadFile(source, path)) => {
            Error::Unreadable { what: "the client-certificate of the kubeconfig", path, source }
        }
        Kube::LoadClientKey(ReadFile(source, path)) => {
            Error::Unreadable { what: "the client-key of the kubeconfig", path, source }
        }
        Kube::Parse(error) => {
            let text = error.to_string();
            let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Error::Unparsable { path, reason }
        }
        source => Error::Kubeconfig { path, source: Box::new(source) },
    }
}

/// Creates a client for the cluster. It neither retries nor logs: callers do both. Response bodies are always
/// UTF-8, since invalid bytes are replaced.
///
/// # Errors
/// When the certificates or credentials cannot be used, or the kubeconfig names a proxy.
pub fn client(config: Config) -> Result<Client, Error> {
    if config.proxy_url.is_some() {
        return Err(Error::Proxy);
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    let connector = config.rustls_https_connector_with_connector(connector).map_err(Error::Client)?;
    let http = HttpClient::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let http = http.map_response(|response| response.map(Utf8Body::new)).map_err(BoxError::from);
    let headers = config.extra_headers_layer().map_err(Error::Client)?.layer(http);
    let auth = option_layer(config.auth_layer().map_err(Error::Client)?).layer(headers);
    Ok(Client::new(config.base_uri_layer().layer(auth), config.default_namespace))
}
