//! `POST /mutate` and `POST /validate`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::Instant;

use super::body::{self, Budget};
use super::refusal::Refusal;
use crate::admission::{self, Object, Outcome, Verdict};
use crate::namespaces::{Lookup, NamespaceStore};
use crate::policy::{Defaults, printable};
use crate::telemetry::metrics::{Answer, Metrics, mode_name};

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
    let verdict = async {
        let body = body::read(request, budget).await?;
        match question {
            Question::Mutate => webhook.mutate(&body.bytes, started).await,
            Question::Validate => webhook.validate(&body.bytes, started),
        }
    };
    webhook.respond(verdict.await, started)
}

impl<S: NamespaceStore> Webhook<S> {
    async fn mutate(&self, body: &[u8], started: Instant) -> Result<Verdict, Refusal> {
        let body = admission::readable(body);
        let request = admission::Request::parse(body.as_bytes())?;
        let verdict = self.decide(&request).await?;
        log(&request, &verdict, started.elapsed());
        Ok(verdict)
    }

    fn validate(&self, body: &[u8], started: Instant) -> Result<Verdict, Refusal> {
        let body = admission::readable(body);
        let request = admission::Request::parse(body.as_bytes())?;
        let verdict = admission::validate(&request, &self.defaults);
        log(&request, &verdict, started.elapsed());
        Ok(verdict)
    }

    async fn decide(&self, request: &admission::Request<'_, admission::Pod<'_>>) -> Result<Verdict, Refusal> {
        if request.object().is_none() {
            return Ok(admission::allow(request));
        }
        let lookup = self.namespaces.get(request.namespace()).await;
        self.metrics.looked_up((&lookup).into());
        match lookup {
            Lookup::NotOptedIn => Ok(admission::allow(request)),
            Lookup::Settings(settings) => Ok(admission::mutate(request, &settings)),
            Lookup::Unavailable => Err(Refusal::Unavailable),
        }
    }

    fn respond(&self, verdict: Result<Verdict, Refusal>, started: Instant) -> Response {
        let took = started.elapsed();
        match verdict {
            Ok(verdict) => {
                self.metrics.answered(verdict.mode, Answer::Outcome(verdict.outcome), took);
                ([(CONTENT_TYPE, "application/json")], verdict.into_body()).into_response()
            }
            Err(refusal) => {
                let answer = if refusal.is_temporary() { Answer::Unavailable } else { Answer::BadRequest };
                self.metrics.answered(None, answer, took);
                let (status, reason) = (refusal.status().as_u16(), refusal.kind());
                tracing::debug!(status, reason, duration = ?took, "refused without a review");
                refusal.into_response()
            }
        }
    }
}

/// Names and the decision, never the object. The names come from the request, at any length.
fn log<O: Object>(request: &admission::Request<'_, O>, verdict: &Verdict, duration: Duration) {
    let uid = || shown(request.uid(), MAX_UID);
    let namespace = || shown(request.namespace(), MAX_NAMESPACE);
    let name = || shown(request.name_or_prefix(), MAX_NAME);
    let (mode, outcome) = (mode_name(verdict.mode), verdict.outcome.as_str());
    // Only what is logged is made fit to be shown.
    if verdict.outcome == Outcome::Refused {
        let codes: Vec<_> = verdict.codes.iter().map(|code| code.name()).collect();
        let (codes, uid, namespace, name) = (codes.join(" "), uid(), namespace(), name());
        tracing::info!(uid, namespace, name, mode, outcome, codes, ?duration, "answered");
    } else if tracing::enabled!(tracing::Level::DEBUG) {
        let (uid, namespace, name) = (uid(), namespace(), name());
        tracing::debug!(uid, namespace, name, mode, outcome, ?duration, "answered");
    }
}

/// Longest uid in a log line; one of an API server has 36 bytes.
const MAX_UID: usize = 64;

/// Longest name of a Namespace (RFC 1123, label).
const MAX_NAMESPACE: usize = 63;

/// Longest name of a Pod (RFC 1123, subdomain).
const MAX_NAME: usize = 253;

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
