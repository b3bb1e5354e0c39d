//! Limits how long a client waits for a response.
//!
//! kube limits how long an established watch may be silent, but neither how long any other response
//! takes nor how long a watch takes to start. Over a connection that is dead without a reset, both would
//! wait forever. tower's timeout layer does not help: it ends with the head of a response.

use std::time::Duration;

use axum::http::{Request, Response};
use kube::Client;
use kube::client::Body;
use tower::BoxError;

/// The usual limit: far longer than an API server needs unless it is overloaded.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The API server did not answer within this time.
#[derive(Debug, thiserror::Error)]
#[error("the API server did not answer within {} s", .0.as_secs())]
pub struct TimedOut(pub Duration);

/// Returns a client whose requests fail with [`TimedOut`] if the response takes longer than `limit`. For a
/// watch, this applies only to the head of the response.
pub fn with_timeout(client: Client, limit: Duration) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let response = tokio::time::timeout(limit, send(client.clone(), request));
        async move { response.await.map_err(|_| TimedOut(limit))? }
    });
    Client::new(service, namespace)
}

/// Sends a request, and waits for the complete response unless it is a watch.
async fn send(client: Client, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let query = request.uri().query().unwrap_or_default();
    let is_watch = query.split('&').any(|pair| pair == "watch=true");
    let response = client.send(request).await?;
    if is_watch && response.status().is_success() {
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.collect_bytes().await?.into()))
}
