//! A client that does not wait forever for an answer to begin.
//!
//! kube bounds how long a watch that has begun may be silent, but neither how long a list takes nor how
//! long a watch takes to begin. Over a connection that is dead without a word, either would never end.

use std::time::Duration;

use axum::http::Request;
use kube::Client;
use kube::client::Body;
use tower::BoxError;

/// How long the API server may take to answer: far longer than it needs, and no reason to wait forever.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The client, with [`PATIENCE`] for the head of each answer.
#[must_use]
pub fn patient(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let answer = tokio::time::timeout(PATIENCE, client.send(request)).await;
            answer.map_err(BoxError::from)?.map_err(BoxError::from)
        }
    });
    Client::new(service, namespace)
}
