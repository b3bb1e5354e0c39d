//! Responses without an AdmissionReview: an HTTP status and a sentence.

use axum::body::Bytes;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::limits::{BODY_BYTES, BODY_TIMEOUT};
use crate::admission::BadReview;

/// Why a request gets no AdmissionReview.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// The body is not what an API server sends.
    #[error(transparent)]
    BadReview(#[from] BadReview),
    /// The body ended early.
    #[error("the body ended before its announced length")]
    Broken,
    /// The content type is not JSON.
    #[error("the content type must be application/json")]
    ContentType,
    /// The method is not POST.
    #[error("only POST is answered here")]
    Method,
    /// Too many requests are in flight: memory or the parser did not become free in time.
    #[error("too many requests are in flight; try again")]
    Busy,
    /// The path is neither `/mutate` nor `/validate`.
    #[error("not found: use POST /mutate or /validate")]
    NotFound,
    /// The body is larger than [`BODY_BYTES`].
    #[error("the body is larger than {BODY_BYTES} bytes")]
    TooLarge,
    /// The body did not arrive within [`BODY_TIMEOUT`].
    #[error("the body did not arrive within {} s", BODY_TIMEOUT.as_secs())]
    TooSlow,
    /// The settings of the Namespace are unknown.
    #[error("the settings of the Namespace could not be determined; try again")]
    Unavailable,
}

impl HttpError {
    /// The reason as one word for the log, since the message may repeat input of the client.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::BadReview(_) => "bad-review",
            Self::Broken => "broken-body",
            Self::ContentType => "content-type",
            Self::Method => "method",
            Self::Busy => "busy",
            Self::NotFound => "not-found",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::Unavailable => "unavailable",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::BadReview(_) | Self::Broken => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether the same request may succeed a little later.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable)
    }

    /// Returns the HTTP response. The API server retries only if it has `Retry-After`.
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(format!("{self}\n")));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if self.is_temporary() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self, Self::Method) {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if matches!(self, Self::Busy | Self::TooLarge | Self::TooSlow) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_errors_say_whether_to_retry_and_close() {
        for (error, retries, closes) in [
            (HttpError::Busy, true, true),
            (HttpError::Unavailable, true, false),
            (HttpError::TooLarge, false, true),
            (HttpError::ContentType, false, false),
        ] {
            let response = error.into_response();
            assert_eq!(response.status() == StatusCode::SERVICE_UNAVAILABLE, retries, "{response:?}");
            assert_eq!(response.headers().contains_key(RETRY_AFTER), retries, "{response:?}");
            assert_eq!(response.headers().contains_key(CONNECTION), closes, "{response:?}");
        }
    }
}
