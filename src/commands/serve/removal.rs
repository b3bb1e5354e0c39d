//! Whether a shutdown is part of an uninstall.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Error};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// An API server that takes longer is no reason to end sooner.
const PATIENCE: Duration = Duration::from_secs(2);

/// Once a shutdown begins, cancels `unneeded` if this install is being removed.
///
/// Its Namespace ends after its Pods, and the webhook configuration after its Namespace: whoever waits for
/// idle connections here keeps the API server from creating Pods meanwhile.
pub(super) async fn notice(client: Client, draining: CancellationToken, unneeded: CancellationToken) {
    draining.cancelled().await;
    if is_under_way(client).await {
        tracing::info!("this install is being removed: nobody will call any more");
        unneeded.cancel();
    }
}

async fn is_under_way(client: Client) -> bool {
    let name = client.default_namespace().to_owned();
    let namespaces = Api::<Namespace>::all(client);
    match timeout(PATIENCE, namespaces.get_metadata(&name)).await {
        Ok(Ok(namespace)) => namespace.metadata.deletion_timestamp.is_some(),
        // Whoever removes everything takes the rights, too, and often first.
        Ok(Err(Error::Api(status))) => matches!(status.code, 401 | 403),
        Ok(Err(_)) | Err(_) => false,
    }
}
