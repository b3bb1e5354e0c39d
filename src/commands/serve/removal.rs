//! Detects that a shutdown is part of an uninstall.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ApiResource;
use kube::{Api, Client, Error};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::cluster::object::LenientObject;
use crate::cluster::timeout::with_timeout;

/// The limit of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between a response and the next request.
const INTERVAL: Duration = Duration::from_secs(2);

/// How many denials in a row mean that our rights were deleted. One is not enough: an API server that
/// has just started denies everything until it has loaded its rules.
const DENIALS: u32 = 3;

/// During a shutdown, cancels `uninstalled` when the install in this Namespace is being removed.
///
/// An uninstall deletes the Namespace after its Pods, and the webhook configuration after the Namespace.
/// Waiting for idle connections would keep the API server from creating Pods for that long. Deleted
/// rights alone may have another cause, so they count only after `shutdown_delay`.
pub(super) async fn watch_for_uninstall(
    client: Client,
    namespace: String,
    shutdown_delay: Duration,
    draining: CancellationToken,
    uninstalled: CancellationToken,
) {
    draining.cancelled().await;
    let began = Instant::now();
    let resource = ApiResource::erase::<Namespace>(&());
    let namespaces = Api::all_with(with_timeout(client, REQUEST_TIMEOUT), &resource);
    let mut denials = 0;
    loop {
        match status(&namespaces, &namespace).await {
            InstallStatus::Removed => break,
            InstallStatus::Denied => denials += 1,
            InstallStatus::Unknown => denials = 0,
        }
        if denials >= DENIALS && began.elapsed() >= shutdown_delay {
            break;
        }
        sleep(INTERVAL).await;
    }
    tracing::info!(namespace, "this install is being removed: no more requests will come");
    uninstalled.cancel();
}

/// The state of the install, as seen in the response to a request for our own Namespace.
enum InstallStatus {
    Removed,
    /// We are not authorized: an uninstall often deletes the rights first.
    Denied,
    Unknown,
}

async fn status(namespaces: &Api<LenientObject>, name: &str) -> InstallStatus {
    match namespaces.get(name).await {
        Ok(LenientObject(namespace)) if namespace.metadata.deletion_timestamp.is_some() => {
            InstallStatus::Removed
        }
        Err(Error::Api(status)) if status.code == 404 && status.reason == "NotFound" => {
            InstallStatus::Removed
        }
        Err(Error::Api(status)) if matches!(status.code, 401 | 403) => InstallStatus::Denied,
        Ok(_) | Err(_) => InstallStatus::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use tokio::time::timeout;

    use super::*;

    const DELAY: Duration = Duration::from_secs(15);

    /// The seconds until an uninstall is detected, with an API server that gives these answers and repeats
    /// the last one.
    async fn noticed(answers: &[(u16, bool)]) -> Option<u64> {
        let answers = Mutex::new(answers.to_vec());
        let service = tower::service_fn(move |_: Request<Body>| {
            let mut answers = answers.lock().unwrap();
            let (code, ends) = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
            let metadata = json!({"name": "n", "deletionTimestamp": ends.then_some("2030-01-01T00:00:00Z")});
            let reason = if code == 404 { "NotFound" } else { "x" };
            let status = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "x"});
            let body = if code == 200 { json!({"metadata": metadata}) } else { status };
            let response = Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
            async { response }
        });
        let (draining, uninstalled) = (CancellationToken::new(), CancellationToken::new());
        draining.cancel();
        let began = Instant::now();
        let client = Client::new(service, "default");
        tokio::spawn(watch_for_uninstall(client, "n".to_owned(), DELAY, draining, uninstalled.clone()));
        let noticed = timeout(Duration::from_mins(2), uninstalled.cancelled()).await;
        noticed.ok().map(|()| began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_namespace_is_an_uninstall_at_once() {
        assert_eq!(noticed(&[(200, true)]).await, Some(0));
        assert_eq!(noticed(&[(404, false)]).await, Some(0));
        assert_eq!(noticed(&[(200, false), (500, false), (200, true)]).await, Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn denials_are_an_uninstall_after_the_delay() {
        assert_eq!(noticed(&[(403, false)]).await, Some(16));
        assert_eq!(noticed(&[(401, false), (403, false), (200, false)]).await, None);
        assert_eq!(
            noticed(&[(401, false), (500, false), (403, false), (403, false), (200, false)]).await,
            None
        );
    }
}
