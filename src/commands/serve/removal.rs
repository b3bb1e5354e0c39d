//! Whether a shutdown is part of an uninstall.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Error};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// An API server that takes longer is no reason to end sooner.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an uninstall that begins during a shutdown goes unnoticed.
const PAUSE: Duration = Duration::from_secs(3);

/// During a shutdown, cancels `unneeded` when this install is being removed.
///
/// Its Namespace ends after its Pods, and the webhook configuration after its Namespace: whoever waits for
/// idle connections here keeps the API server from creating Pods meanwhile.
pub(super) async fn notice(client: Client, draining: CancellationToken, unneeded: CancellationToken) {
    draining.cancelled().await;
    let name = client.default_namespace().to_owned();
    let namespaces = Api::all(client);
    while !is_under_way(&namespaces, &name).await {
        sleep(PAUSE).await;
    }
    tracing::info!("this install is being removed: nobody will call any more");
    unneeded.cancel();
}

async fn is_under_way(namespaces: &Api<Namespace>, name: &str) -> bool {
    match timeout(PATIENCE, namespaces.get_metadata(name)).await {
        Ok(Ok(namespace)) => namespace.metadata.deletion_timestamp.is_some(),
        // Whoever removes everything takes the rights, too, and often first.
        Ok(Err(Error::Api(status))) => matches!(status.code, 401 | 403),
        Ok(Err(_)) | Err(_) => false,
    }
}
