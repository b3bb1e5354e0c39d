//! `POST /mutate` and `POST /validate`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Request, Response};
use http_body_util::Full;
use tokio::time::Instant;

use super::body;
use super::connections::Slot;
use super::http_error::HttpError;
use super::limits::SMALL_BODY_BYTES;
use crate::admission::{self, ReviewedObject};
use crate::namespaces::{CurrentDefaults, Lookup, NamespaceStore};
use crate::policy::{Mode, Outcome};
use crate::printable::shortened;
use crate::rfc1123::{MAX_LABEL, MAX_SUBDOMAIN};
use crate::telemetry::metrics::{Metrics, OutcomeLabel, mode_name};

/// The handler of the webhook port. It never redirects, since the API server would follow.
#[derive(Debug)]
pub struct Webhook<S> {
    /// The settings of Namespaces.
    pub namespaces: Arc<S>,
    /// The settings where a Namespace has none.
    pub defaults: CurrentDefaults,
    /// The metrics that count responses.
    pub metrics: Arc<Metrics>,
}

/// The webhook of a path.
#[derive(Clone, Copy, Debug)]
enum Endpoint {
    Mutate,
    Validate,
}

impl Endpoint {
    fn of<B>(request: &Request<B>) -> Result<Self, HttpError> {
        let endpoint = match request.uri().path() {
            "/mutate" => Self::Mutate,
            "/validate" => Self::Validate,
            _ => return Err(HttpError::NotFound),
        };
        if request.method() == Method::POST { Ok(endpoint) } else { Err(HttpError::Method) }
    }
}

/// A response with its labels in the metrics.
struct CountedResponse {
    mode: Option<Mode>,
    outcome: Outcome,
    body: Bytes,
}

/// The result of a mutating review.
enum Mutation {
    Response(admission::Response),
    /// The Namespace with this name is not cached and must be looked up.
    NeedsLookup(String),
}

impl<S: NamespaceStore> Webhook<S> {
    /// Answers one request of the connection in this slot.
    pub async fn handle<B>(self: &Arc<Self>, request: Request<B>, slot: &Slot) -> Response<Full<Bytes>>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let started = Instant::now();
        let answer = self.review(request, slot, started).await;
        self.respond(answer, started)
    }

    async fn review<B>(
        self: &Arc<Self>,
        request: Request<B>,
        slot: &Slot,
        started: Instant,
    ) -> Result<CountedResponse, HttpError>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let endpoint = Endpoint::of(&request)?;
        let body = body::read(request, slot).await?;
        let response = match endpoint {
            Endpoint::Validate => {
                self.parse(&body, slot, move |webhook, body| webhook.validate(body, started)).await?
            }
            Endpoint::Mutate => self.mutate_with_lookup(&body, slot, started).await?,
        };
        // Frees the memory of the body before the response needs some.
        drop(body);
        let mut memory = slot.memory();
        if !slot.grow(&mut memory, response.body_len()).await {
            return Err(HttpError::Busy);
        }
        self.metrics.record_refusal(&response.codes);
        self.metrics.record_warnings(&response.warnings);
        let (mode, outcome) = (response.mode, response.outcome);
        Ok(CountedResponse { mode, outcome, body: memory.hold(response.into_body()) })
    }

    /// Mutates, after a lookup if the Namespace is not cached. The review is parsed again after the lookup,
    /// so that the parsed object, many times larger than its text, is not in memory meanwhile.
    async fn mutate_with_lookup(
        self: &Arc<Self>,
        body: &Bytes,
        slot: &Slot,
        started: Instant,
    ) -> Result<admission::Response, HttpError> {
        let cached = self.parse(body, slot, move |webhook, body| webhook.mutate(body, None, started)).await?;
        let namespace = match cached {
            Mutation::Response(response) => return Ok(response),
            Mutation::NeedsLookup(namespace) => namespace,
        };
        let lookup = match slot.lookup().await {
            Some(_permit) => self.namespaces.fetch(&namespace).await,
            None => Lookup::Unavailable,
        };
        match self.parse(body, slot, move |webhook, body| webhook.mutate(body, Some(lookup), started)).await?
        {
            Mutation::Response(response) => Ok(response),
            Mutation::NeedsLookup(_) => Err(HttpError::Unavailable),
        }
    }

    /// Runs `work` on a body: at once if it is small, else once the client's network has the parser, on a
    /// thread where it delays no other request.
    async fn parse<T: Send + 'static>(
        self: &Arc<Self>,
        body: &Bytes,
        slot: &Slot,
        work: impl FnOnce(&Self, &[u8]) -> Result<T, HttpError> + Send + 'static,
    ) -> Result<T, HttpError> {
        if body.len() <= SMALL_BODY_BYTES {
            return work(self, body);
        }
        let permit = slot.parser().await.ok_or(HttpError::Busy)?;
        let (webhook, body) = (Arc::clone(self), body.clone());
        // The thread holds the permit, since it goes on if the client disconnects.
        let work = move || {
            let result = work(&webhook, &body);
            drop(permit);
            result
        };
        // Fails only after a panic, which was logged.
        tokio::task::spawn_blocking(work).await.map_err(|_| HttpError::Unavailable)?
    }

    fn mutate(
        &self,
        body: &[u8],
        looked_up: Option<Lookup>,
        started: Instant,
    ) -> Result<Mutation, HttpError> {
        let text = admission::lossy_utf8(body)?;
        let request = admission::Request::parse(&text)?;
        let response = match request.object() {
            None => admission::allow(&request),
            Some(_) => match looked_up.or_else(|| self.namespaces.cached(request.namespace())) {
                None => return Ok(Mutation::NeedsLookup(namespace_name(request.namespace()).to_owned())),
                Some(lookup) => self.decide(&request, &lookup)?,
            },
        };
        log(&request, &response, started.elapsed());
        Ok(Mutation::Response(response))
    }

    fn validate(&self, body: &[u8], started: Instant) -> Result<admission::Response, HttpError> {
        let text = admission::lossy_utf8(body)?;
        let request = admission::Request::parse(&text)?;
        let response = admission::validate(&request, &self.defaults.load_full());
        log(&request, &response, started.elapsed());
        Ok(response)
    }

    fn decide(
        &self,
        request: &admission::Request<'_, admission::Pod<'_>>,
        lookup: &Lookup,
    ) -> Result<admission::Response, HttpError> {
        self.metrics.record_lookup(lookup.into());
        match lookup {
            Lookup::NotOptedIn => Ok(admission::allow(request)),
            Lookup::Settings(settings) => Ok(admission::mutate(request, settings)),
            Lookup::Unavailable => Err(HttpError::Unavailable),
        }
    }

    fn respond(&self, answer: Result<CountedResponse, HttpError>, started: Instant) -> Response<Full<Bytes>> {
        let took = started.elapsed();
        match answer {
            Ok(CountedResponse { mode, outcome, body }) => {
                self.metrics.record_admission(mode, OutcomeLabel::Outcome(outcome), took);
                let mut response = Response::new(Full::from(body));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(error) => {
                let answer =
                    if error.is_temporary() { OutcomeLabel::Unavailable } else { OutcomeLabel::BadRequest };
                self.metrics.record_admission(None, answer, took);
                let (status, reason) = (error.status().as_u16(), error.kind());
                tracing::debug!(status, reason, duration = ?took, "responded with an HTTP error");
                error.into_response()
            }
        }
    }
}

/// Cuts a text that is too long for the name of a Namespace, to a length that still is too long.
fn namespace_name(text: &str) -> &str {
    text.get(..text.ceil_char_boundary(MAX_LABEL + 1)).unwrap_or(text)
}

/// Logs names and the decision, never the object. The names come from the request and may have any length.
fn log<O: ReviewedObject>(
    request: &admission::Request<'_, O>,
    response: &admission::Response,
    duration: Duration,
) {
    let uid = || shown(request.uid(), MAX_UID);
    let namespace = || shown(request.namespace(), MAX_LABEL);
    let name = || shown(request.name_or_prefix(), MAX_SUBDOMAIN);
    let (mode, outcome) = (mode_name(response.mode), response.outcome.as_str());
    // Names are escaped only if the line is logged.
    if response.outcome == Outcome::Refused {
        let codes: Vec<_> = response.codes.iter().map(|code| code.name()).collect();
        let (codes, uid, namespace, name) = (codes.join(" "), uid(), namespace(), name());
        tracing::info!(uid, namespace, name, mode, outcome, codes, ?duration, "refused");
    } else if tracing::enabled!(tracing::Level::DEBUG) {
        let (uid, namespace, name) = (uid(), namespace(), name());
        tracing::debug!(uid, namespace, name, mode, outcome, ?duration, "answered");
    }
}

/// Longest uid in a log line. An API server's has 36 bytes.
const MAX_UID: usize = 64;

/// Text of a request for a log line: shortened, and with misleading characters escaped.
fn shown(text: &str, max: usize) -> String {
    shortened(text, max).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_name_is_too_long_for_a_namespace() {
        for name in ["", "shop", &"x".repeat(MAX_LABEL)] {
            assert_eq!(namespace_name(name), name);
        }
        for unit in ["x", "é", "🦀"] {
            for offset in ["", "x"] {
                let cut = namespace_name(&(offset.to_owned() + &unit.repeat(1000))).len();
                assert!((MAX_LABEL + 1..MAX_LABEL + 5).contains(&cut), "{cut}");
            }
        }
    }

    #[test]
    fn logged_names_are_shortened_and_escaped() {
        for (text, expected) in [
            ("", ""),
            ("web-1.example", "web-1.example"),
            ("a\u{202e}b\n\u{1b}[31m", r"a\u{202e}b\n\u{1b}[31m"),
            (&"x".repeat(1000), &"x".repeat(64)),
            (&"\u{202e}".repeat(1000), &r"\u{202e}".repeat(8)),
        ] {
            assert_eq!(shown(text, MAX_UID), expected);
        }
    }
}
