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
use super::limits::SMALL_BODY_BYTES;
use super::refusal::Refusal;
use crate::admission::{self, Object};
use crate::namespaces::{Lookup, NamespaceStore};
use crate::policy::{Defaults, Mode, Outcome};
use crate::printable::shortened;
use crate::rfc1123::{MAX_LABEL, MAX_SUBDOMAIN};
use crate::telemetry::metrics::{Metrics, OutcomeLabel, mode_name};

/// Answers the API server. Nothing here ever redirects: the API server would follow.
#[derive(Debug)]
pub struct Webhook<S> {
    /// The settings of Namespaces.
    pub namespaces: Arc<S>,
    /// The settings where a Namespace has none.
    pub defaults: Arc<Defaults>,
    /// Where responses are counted.
    pub metrics: Arc<Metrics>,
}

/// What a path is for.
#[derive(Clone, Copy, Debug)]
enum Endpoint {
    Mutate,
    Validate,
}

impl Endpoint {
    fn of<B>(request: &Request<B>) -> Result<Self, Refusal> {
        let endpoint = match request.uri().path() {
            "/mutate" => Self::Mutate,
            "/validate" => Self::Validate,
            _ => return Err(Refusal::NotFound),
        };
        if request.method() == Method::POST { Ok(endpoint) } else { Err(Refusal::Method) }
    }
}

/// A response and how it is counted.
struct Answered {
    mode: Option<Mode>,
    outcome: Outcome,
    body: Bytes,
}

/// The result of reading a review of a Pod.
enum Mutation {
    Response(admission::Response),
    /// The Namespace of this name is not known and has to be looked up.
    Unknown(String),
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
    ) -> Result<Answered, Refusal>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let endpoint = Endpoint::of(&request)?;
        let body = body::read(request, slot).await?;
        let response = match endpoint {
            Endpoint::Validate => {
                self.parse(&body, slot, move |webhook, body| webhook.validate(body, started)).await?
            }
            Endpoint::Mutate => self.mutate_looked_up(&body, slot, started).await?,
        };
        // The memory of the body is free before the response needs some.
        drop(body);
        let (mode, outcome, body) = (response.mode, response.outcome, response.into_body());
        let mut memory = slot.memory();
        if !slot.grow(&mut memory, body.len()).await {
            return Err(Refusal::Busy);
        }
        Ok(Answered { mode, outcome, body: memory.hold(body) })
    }

    /// Parses the review again after a look-up: meanwhile the object, many times its text, is not in memory.
    async fn mutate_looked_up(
        self: &Arc<Self>,
        body: &Bytes,
        slot: &Slot,
        started: Instant,
    ) -> Result<admission::Response, Refusal> {
        let cached = self.parse(body, slot, move |webhook, body| webhook.mutate(body, None, started)).await?;
        let namespace = match cached {
            Mutation::Response(response) => return Ok(response),
            Mutation::Unknown(namespace) => namespace,
        };
        let lookup = match slot.lookup().await {
            Some(_permit) => self.namespaces.fetch(&namespace).await,
            None => Lookup::Unavailable,
        };
        match self.parse(body, slot, move |webhook, body| webhook.mutate(body, Some(lookup), started)).await?
        {
            Mutation::Response(response) => Ok(response),
            Mutation::Unknown(_) => Err(Refusal::Unavailable),
        }
    }

    /// Runs `work` on a body: at once on a small one, else in the turn of the client's address, on a thread where
    /// it delays no other request.
    async fn parse<T: Send + 'static>(
        self: &Arc<Self>,
        body: &Bytes,
        slot: &Slot,
        work: impl FnOnce(&Self, &[u8]) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        if body.len() <= SMALL_BODY_BYTES {
            return work(self, body);
        }
        let permit = slot.parser().await.ok_or(Refusal::Busy)?;
        let (webhook, body) = (Arc::clone(self), body.clone());
        // The thread keeps the permit: it goes on if the client leaves.
        let work = move || {
            let result = work(&webhook, &body);
            drop(permit);
            result
        };
        // Fails after a panic only, which was logged.
        tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Unavailable)?
    }

    fn mutate(&self, body: &[u8], looked_up: Option<Lookup>, started: Instant) -> Result<Mutation, Refusal> {
        let text = admission::lossy_utf8(body);
        let request = admission::Request::parse(&text)?;
        let response = match request.object() {
            None => admission::allow(&request),
            Some(_) => match looked_up.or_else(|| self.namespaces.cached(request.namespace())) {
                None => return Ok(Mutation::Unknown(request.namespace().to_owned())),
                Some(lookup) => self.decide(&request, &lookup)?,
            },
        };
        log(&request, &response, started.elapsed());
        Ok(Mutation::Response(response))
    }

    fn validate(&self, body: &[u8], started: Instant) -> Result<admission::Response, Refusal> {
        let text = admission::lossy_utf8(body);
        let request = admission::Request::parse(&text)?;
        let response = admission::validate(&request, &self.defaults);
        log(&request, &response, started.elapsed());
        Ok(response)
    }

    fn decide(
        &self,
        request: &admission::Request<'_, admission::Pod<'_>>,
        lookup: &Lookup,
    ) -> Result<admission::Response, Refusal> {
        self.metrics.record_lookup(lookup.into());
        match lookup {
            Lookup::NotOptedIn => Ok(admission::allow(request)),
            Lookup::Settings(settings) => Ok(admission::mutate(request, settings)),
            Lookup::Unavailable => Err(Refusal::Unavailable),
        }
    }

    fn respond(&self, answer: Result<Answered, Refusal>, started: Instant) -> Response<Full<Bytes>> {
        let took = started.elapsed();
        match answer {
            Ok(Answered { mode, outcome, body }) => {
                self.metrics.record_admission(mode, OutcomeLabel::Outcome(outcome), took);
                let mut response = Response::new(Full::from(body));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(refusal) => {
                let answer =
                    if refusal.is_temporary() { OutcomeLabel::Unavailable } else { OutcomeLabel::BadRequest };
                self.metrics.record_admission(None, answer, took);
                let (status, reason) = (refusal.status().as_u16(), refusal.kind());
                tracing::debug!(status, reason, duration = ?took, "refused without a review");
                refusal.into_response()
            }
        }
    }
}

/// Names and the decision, never the object. The names come from the request, at any length.
fn log<O: Object>(request: &admission::Request<'_, O>, response: &admission::Response, duration: Duration) {
    let uid = || shown(request.uid(), MAX_UID);
    let namespace = || shown(request.namespace(), MAX_LABEL);
    let name = || shown(request.name_or_prefix(), MAX_SUBDOMAIN);
    let (mode, outcome) = (mode_name(response.mode), response.outcome.as_str());
    // Only what is logged is made fit to be shown.
    if response.outcome == Outcome::Refused {
        let codes: Vec<_> = response.codes.iter().map(|code| code.name()).collect();
        let (codes, uid, namespace, name) = (codes.join(" "), uid(), namespace(), name());
        tracing::info!(uid, namespace, name, mode, outcome, codes, ?duration, "answered");
    } else if tracing::enabled!(tracing::Level::DEBUG) {
        let (uid, namespace, name) = (uid(), namespace(), name());
        tracing::debug!(uid, namespace, name, mode, outcome, ?duration, "answered");
    }
}

/// Longest uid in a log line; one of an API server has 36 bytes.
const MAX_UID: usize = 64;

/// A piece of a request without characters that deceive whoever reads the log.
fn shown(text: &str, max: usize) -> String {
    shortened(text, max).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_does_not_deceive() {
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
