//! Reads a request's body within its limits of size and time.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::limits::{BODY, BODY_BYTES, DRAINED_BYTES};
use super::refusal::Refusal;

/// Reads the body of a request that says it is JSON.
pub(super) async fn read(request: Request) -> Result<Vec<u8>, Refusal> {
    if !is_json(request.headers()) {
        return Err(Refusal::ContentType);
    }
    timeout(BODY, collect(request.into_body())).await.unwrap_or(Err(Refusal::TooSlow))
}

/// `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split_once(';').map_or(value, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut size: usize = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else {
            continue;
        };
        size = size.saturating_add(data.len());
        if size > DRAINED_BYTES {
            break;
        } else if size > BODY_BYTES {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if size > BODY_BYTES { Err(Refusal::TooLarge) } else { Ok(bytes) }
}
