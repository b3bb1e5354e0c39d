//! A client that does not wait forever for an answer.
//!
//! kube bounds how long a watch that has begun may be silent, but neither how long any other answer takes
//! nor how long a watch takes to begin. Over a connection that is dead without a word, either would never
//! end.

use std::time::Duration;

use axum::http::{Request, Response};
use kube::Client;
use kube::client::Body;
use tower::BoxError;

/// How long the API server may take to answer: far longer than it needs, and no reason to wait forever.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The client, with [`PATIENCE`] for each answer; of a watch for its head.
pub fn patient(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = tokio::time::timeout(PATIENCE, answer(client.clone(), request));
        async move { answer.await? }
    });
    Client::new(service, namespace)
}

/// The answer, complete unless it is a watch.
async fn answer(client: Client, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let query = request.uri().query().unwrap_or_default();
    let is_watch = query.split('&').any(|pair| pair == "watch=true");
    let answer = client.send(request).await?;
    if is_watch && answer.status().is_success() {
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    Ok(Response::from_parts(head, body.collect_bytes().await?.into()))
}
