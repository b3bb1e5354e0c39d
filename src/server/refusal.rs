//! The responses that are no AdmissionReview: an HTTP status and a sentence.

use axum::body::Bytes;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::limits::{BODY, BODY_BYTES};
use crate::admission::BadReview;

/// Why a request gets no AdmissionReview.
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
    /// Another method than POST.
    #[error("only POST is answered here")]
    Method,
    /// Too many requests of this client address at the same time.
    #[error("too many requests are in flight; try again")]
    Busy,
    /// Another path.
    #[error("not found: use POST /mutate or /validate")]
    NotFound,
    /// Too many bytes.
    #[error("the body is larger than {BODY_BYTES} bytes")]
    TooLarge,
    /// Too few bytes per second.
    #[error("the body did not arrive within {} s", BODY.as_secs())]
    TooSlow,
    /// The settings of the Namespace are unknown.
    #[error("the settings of the Namespace could not be determined; try again")]
    Unavailable,
}

impl Refusal {
    /// The reason as a word for the log: a sentence may repeat what the client sent.
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

    /// The API server tries again only if the response says when. The rest of an unread body is not waited for.
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
    fn what_may_succeed_later_is_asked_for_again() {
        for (refusal, retries, closes) in [
            (Refusal::Busy, true, true),
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
