//! Whether a shutdown is part of an uninstall.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Error};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// An API server that takes longer is no reason to end sooner.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an uninstall that begins during a shutdown goes unnoticed.
const PAUSE: Duration = Duration::from_secs(2);

/// Denials in a row that mean that the rights are gone. An API server that has just started knows no
/// rights yet, and denies everything for a moment.
const DENIALS: u32 = 3;

/// During a shutdown, cancels `unneeded` when the install in this Namespace is being removed.
///
/// The Namespace ends after its Pods, and the webhook configuration after its Namespace: whoever waits for
/// idle connections here keeps the API server from creating Pods meanwhile. Rights that are gone may be
/// another matter: then endpoints have `shutdown_delay` to follow, as ever.
pub(super) async fn watch_for_uninstall(
    client: Client,
    namespace: String,
    shutdown_delay: Duration,
    draining: CancellationToken,
    unneeded: CancellationToken,
) {
    draining.cancelled().await;
    let began = Instant::now();
    let namespaces = Api::all(client);
    let mut denials = 0;
    loop {
        match ask(&namespaces, &namespace).await {
            Answer::Removed => break,
            Answer::Denied => denials += 1,
            Answer::Unknown => denials = 0,
        }
        if denials >= DENIALS && began.elapsed() >= shutdown_delay {
            break;
        }
        sleep(PAUSE).await;
    }
    tracing::info!(namespace, "this install is being removed: nobody will call any more");
    unneeded.cancel();
}

enum Answer {
    Removed,
    /// Whoever removes everything takes the rights, too, and often first.
    Denied,
    Unknown,
}

async fn ask(namespaces: &Api<Namespace>, name: &str) -> Answer {
    match timeout(PATIENCE, namespaces.get_metadata(name)).await {
        Ok(Ok(namespace)) if namespace.metadata.deletion_timestamp.is_some() => Answer::Removed,
        Ok(Err(Error::Api(status))) if status.code == 404 && status.reason == "NotFound" => Answer::Removed,
        Ok(Err(Error::Api(status))) if matches!(status.code, 401 | 403) => Answer::Denied,
        Ok(Ok(_) | Err(_)) | Err(_) => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    const DELAY: Duration = Duration::from_secs(15);

    /// After how many seconds an API server that gives these answers, the last one for ever, ends a shutdown.
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
        let (draining, unneeded) = (CancellationToken::new(), CancellationToken::new());
        draining.cancel();
        let began = Instant::now();
        let client = Client::new(service, "default");
        tokio::spawn(watch_for_uninstall(client, "n".to_owned(), DELAY, draining, unneeded.clone()));
        let noticed = timeout(Duration::from_mins(2), unneeded.cancelled()).await;
        noticed.ok().map(|()| began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_ends_or_is_gone_is_noticed_at_once() {
        assert_eq!(noticed(&[(200, true)]).await, Some(0));
        assert_eq!(noticed(&[(404, false)]).await, Some(0));
        assert_eq!(noticed(&[(200, false), (500, false), (200, true)]).await, Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn only_denials_in_a_row_after_the_delay_mean_an_uninstall() {
        assert_eq!(noticed(&[(403, false)]).await, Some(16));
        assert_eq!(noticed(&[(401, false), (403, false), (200, false)]).await, None);
        assert_eq!(
            noticed(&[(401, false), (500, false), (403, false), (403, false), (200, false)]).await,
            None
        );
    }
}
