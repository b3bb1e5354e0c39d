//! Why a request gets no AdmissionReview as its answer but an HTTP status and a sentence.

use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::limits::{BODY, BODY_BYTES};
use crate::admission::BadReview;

/// A request that is not answered with an AdmissionReview.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The body is not what an API server sends.
    #[error(transparent)]
    BadReview(#[from] BadReview),
    /// The body ended early.
    #[error("the body ended before its announced length")]
    Broken,
    /// Another content type.
    #[error("the content type must be application/json")]
    ContentType,
    /// Too many large bodies at the same time.
    #[error("too many large bodies are being read; try again")]
    NoMemory,
    /// Too many bytes.
    #[error("the body is larger than {BODY_BYTES} bytes")]
    TooLarge,
    /// Too few bytes per second.
    #[error("the body did not arrive within {} s", BODY.as_secs())]
    TooSlow,
    /// The settings of the Namespace are unknown.
    #[error("the settings of the Namespace could not be found out; try again")]
    Unavailable,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadReview(_) | Self::Broken => StatusCode::BAD_REQUEST,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoMemory | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether the same request may succeed a little later.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::NoMemory | Self::Unavailable)
    }

    /// The API server tries again only if it is told when; the rest of an unread body is not waited for.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.is_temporary() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self, Self::NoMemory | Self::TooLarge | Self::TooSlow) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        headers
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), self.headers(), format!("{self}\n")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_later_is_asked_for_again() {
        for (refusal, retries, closes) in [
            (Refusal::NoMemory, true, true),
            (Refusal::Unavailable, true, false),
            (Refusal::TooLarge, false, true),
            (Refusal::ContentType, false, false),
        ] {
            let response = refusal.into_response();
            assert_eq!(response.status() == StatusCode::SERVICE_UNAVAILABLE, retries, "{response:?}");
            assert_eq!(response.headers().contains_key(RETRY_AFTER), retries, "{response:?}");
            assert_eq!(response.headers().contains_key(CONNECTION), closes, "{response:?}");
        }
    }
}
