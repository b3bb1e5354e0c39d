//! Reads a request's body within its limits of size and time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::limits::{BODY, BODY_BYTES, DRAINED_BYTES};
use super::refusal::Refusal;

/// Reads the body of a request that says it is JSON.
pub(super) async fn read(request: Request) -> Result<Bytes, Refusal> {
    if !is_json(request.headers()) {
        return Err(Refusal::ContentType);
    }
    let mut body = pin!(collect(request.into_body()));
    match asked_twice(body.as_mut()).await {
        Some(body) => body,
        None => timeout(BODY, body).await.unwrap_or(Err(Refusal::TooSlow)),
    }
}

/// Asks a future twice before it is worth a timer: arming one wakes another thread.
///
/// hyper hands over a body only when it was asked for, so even one that has arrived whole is never
/// there at once.
async fn asked_twice<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut asked = false;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if asked => Poll::Ready(None),
        Poll::Pending => {
            asked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split_once(';').map_or(value, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Collects the frames of a body; one that came in one piece is not copied.
async fn collect(mut body: Body) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut size: usize = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else {
            continue;
        };
        size = size.saturating_add(data.len());
        if size > DRAINED_BYTES {
            break;
        } else if size > BODY_BYTES {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if size == data.len() {
            first = data;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
    }
    match size {
        size if size > BODY_BYTES => Err(Refusal::TooLarge),
        _ if rest.is_empty() => Ok(first),
        _ => Ok(rest.freeze()),
    }
}
