//! `POST /mutate` and `POST /validate`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::Instant;

use super::body::{self, Budget, Buffered};
use super::refusal::Refusal;
use crate::admission::{self, Object};
use crate::namespaces::{Lookup, NamespaceStore};
use crate::policy::{Defaults, Mode, Outcome, printable};
use crate::rfc1123::{MAX_LABEL, MAX_SUBDOMAIN};
use crate::telemetry::metrics::{Metrics, OutcomeLabel, mode_name};

/// What the routes need.
#[derive(Debug)]
pub struct Webhook<S> {
    /// Who knows the settings of Namespaces.
    pub namespaces: Arc<S>,
    /// What holds where a Namespace says nothing.
    pub defaults: Arc<Defaults>,
    /// Where answers are counted.
    pub metrics: Arc<Metrics>,
}

/// What is asked of the webhook.
#[derive(Clone, Copy, Debug)]
enum Question {
    Mutate,
    Validate,
}

/// The routes of the webhook. Nothing here ever redirects: the API server would follow.
pub fn routes<S: NamespaceStore>(webhook: Webhook<S>) -> Router {
    let service = Arc::new(Service { webhook, budget: Budget::default() });
    Router::new()
        .route("/mutate", post(async |state, request| answer::<S>(state, Question::Mutate, request).await))
        .route(
            "/validate",
            post(async |state, request| answer::<S>(state, Question::Validate, request).await),
        )
        .method_not_allowed_fallback(async |state| refuse::<S>(state, Refusal::Method))
        .fallback(async |state| refuse::<S>(state, Refusal::NotFound))
        .with_state(service)
}

/// What all requests share.
struct Service<S> {
    webhook: Webhook<S>,
    budget: Budget,
}

fn refuse<S: NamespaceStore>(State(service): State<Arc<Service<S>>>, refusal: Refusal) -> Response {
    service.webhook.respond(Err(refusal), Instant::now())
}

async fn answer<S: NamespaceStore>(
    State(service): State<Arc<Service<S>>>,
    question: Question,
    request: Request,
) -> Response {
    let Service { webhook, budget } = &*service;
    let started = Instant::now();
    let answer = async {
        let body = body::read(request, budget).await?;
        let response = webhook.judge(question, body, budget, started).await?;
        let (mode, outcome) = (response.mode, response.outcome);
        Ok(Answered { mode, outcome, body: budget.hold(response.into_body())? })
    };
    webhook.respond(answer.await, started)
}

/// An answer and what it says.
struct Answered {
    mode: Option<Mode>,
    outcome: Outcome,
    body: Body,
}

/// What becomes of a Pod.
enum Decision {
    Response(admission::Response),
    /// Nothing is known about the Namespace of this name.
    Unknown(String),
}

impl<S: NamespaceStore> Webhook<S> {
    /// Takes the body: its memory is free before the answer needs some.
    async fn judge(
        &self,
        question: Question,
        body: Buffered,
        budget: &Budget,
        started: Instant,
    ) -> Result<admission::Response, Refusal> {
        let mut told = None;
        loop {
            let decision = {
                let _turn = budget.turn(&body).await?;
                match question {
                    Question::Mutate => self.mutate(&body.bytes, told, started)?,
                    Question::Validate => Decision::Response(self.validate(&body.bytes, started)?),
                }
            };
            match decision {
                Decision::Response(response) => return Ok(response),
                // Meanwhile the object, many times its text, is not in memory.
                Decision::Unknown(namespace) => told = Some(self.namespaces.fetch(&namespace).await),
            }
        }
    }

    fn mutate(&self, body: &[u8], told: Option<Lookup>, started: Instant) -> Result<Decision, Refusal> {
        let text = admission::lossy_utf8(body);
        let request = admission::Request::parse(&text)?;
        let response = match request.object() {
            None => admission::allow(&request),
            Some(_) => match told.or_else(|| self.namespaces.cached(request.namespace())) {
                None => return Ok(Decision::Unknown(request.namespace().to_owned())),
                Some(lookup) => self.decide(&request, &lookup)?,
            },
        };
        log(&request, &response, started.elapsed());
        Ok(Decision::Response(response))
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

    fn respond(&self, answer: Result<Answered, Refusal>, started: Instant) -> Response {
        let took = started.elapsed();
        match answer {
            Ok(Answered { mode, outcome, body }) => {
                self.metrics.record_admission(mode, OutcomeLabel::Outcome(outcome), took);
                ([(CONTENT_TYPE, "application/json")], body).into_response()
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
    printable(text, max).0
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
