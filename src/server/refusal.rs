//! Why a request gets no AdmissionReview as its answer but an HTTP status and a sentence.

use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
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
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The API server tries again only if it is told when; the rest of an unread body is not waited for.
    fn header(&self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Unavailable => Some((RETRY_AFTER, "1")),
            Self::TooLarge | Self::TooSlow => Some((CONNECTION, "close")),
            Self::BadReview(_) | Self::Broken | Self::ContentType => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), self.header().map(|header| [header]), format!("{self}\n")).into_response()
    }
}
