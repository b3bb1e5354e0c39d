//! `POST /mutate` and `POST /validate`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::Instant;

use super::body;
use super::refusal::Refusal;
use crate::admission::{self, Outcome, Verdict};
use crate::namespaces::{LookUp, Lookup};
use crate::policy::Defaults;
use crate::telemetry::metrics::{Answer, Metrics, mode_name};

/// What the routes need.
#[derive(Debug)]
pub struct Webhook<L> {
    /// Who knows the settings of Namespaces.
    pub namespaces: Arc<L>,
    /// What holds where a Namespace says nothing.
    pub defaults: Arc<Defaults>,
    /// Where answers are counted.
    pub metrics: Arc<Metrics>,
}

/// The routes of the webhook. Nothing here ever redirects: the API server would follow.
pub fn routes<L: LookUp>(webhook: Webhook<L>) -> Router {
    Router::new()
        .route("/mutate", post(mutate::<L>))
        .route("/validate", post(validate::<L>))
        .fallback(async || (StatusCode::NOT_FOUND, "there is POST /mutate and POST /validate\n"))
        .with_state(Arc::new(webhook))
}

async fn mutate<L: LookUp>(State(webhook): State<Arc<Webhook<L>>>, request: Request) -> Response {
    let started = Instant::now();
    let answer = async {
        let body = body::read(request).await?;
        let request = admission::Request::parse(&body)?;
        let verdict = webhook.decide(&request).await?;
        log(&request, &verdict, started.elapsed());
        Ok(verdict)
    };
    webhook.answer(answer.await, started)
}

async fn validate<L: LookUp>(State(webhook): State<Arc<Webhook<L>>>, request: Request) -> Response {
    let started = Instant::now();
    let answer = async {
        let body = body::read(request).await?;
        let request = admission::Request::parse(&body)?;
        let verdict = admission::validate(&request, &webhook.defaults);
        log(&request, &verdict, started.elapsed());
        Ok(verdict)
    };
    webhook.answer(answer.await, started)
}

impl<L: LookUp> Webhook<L> {
    async fn decide(&self, request: &admission::Request<'_, admission::Pod<'_>>) -> Result<Verdict, Refusal> {
        if request.object().is_none() {
            return Ok(admission::allow(request));
        }
        let lookup = self.namespaces.look_up(request.namespace()).await;
        self.metrics.looked_up(&lookup);
        match lookup {
            Lookup::NotOptedIn => Ok(admission::allow(request)),
            Lookup::Settings(settings) => Ok(admission::mutate(request, &settings)),
            Lookup::Unavailable => Err(Refusal::Unavailable),
        }
    }

    fn answer(&self, verdict: Result<Verdict, Refusal>, started: Instant) -> Response {
        let took = started.elapsed();
        match verdict {
            Ok(verdict) => {
                self.metrics.answered(verdict.mode, Answer::Outcome(verdict.outcome), took);
                ([(CONTENT_TYPE, "application/json")], verdict.into_body()).into_response()
            }
            Err(refusal) => {
                let answer = match refusal {
                    Refusal::Unavailable => Answer::Unavailable,
                    _ => Answer::BadRequest,
                };
                self.metrics.answered(None, answer, took);
                refusal.into_response()
            }
        }
    }
}

/// Names and the decision, never the object.
fn log<O>(request: &admission::Request<'_, O>, verdict: &Verdict, took: Duration) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                uid = request.uid(),
                namespace = request.namespace(),
                name = request.name(),
                mode = mode_name(verdict.mode),
                outcome = verdict.outcome.as_str(),
                duration = ?took,
                "answered",
            )
        };
    }
    if verdict.outcome == Outcome::Refused { line!(info) } else { line!(debug) }
}
