//! The admin port: `/livez`, `/readyz`, `/metrics`.

use std::fmt;
use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::telemetry::metrics::Metrics;

/// What holds may come with a note.
type Check = Box<dyn Fn() -> Result<Option<&'static str>, String> + Send + Sync>;

/// What has to hold before Pods may depend on this replica.
#[derive(Default)]
pub struct Readiness(Vec<(&'static str, Check)>);

impl Readiness {
    /// Adds a check; its error is shown to whoever asks `/readyz`.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.0.push((name, Box::new(move || check().map(|()| None))));
        self
    }

    /// Adds what holds in any case, with what `/readyz?verbose` has to say about it.
    #[must_use]
    pub fn with_note(
        mut self,
        name: &'static str,
        note: impl Fn() -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.0.push((name, Box::new(move || Ok(note()))));
        self
    }

    /// Adds a check whose success may come with a note.
    #[must_use]
    pub fn with_check(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<Option<&'static str>, String> + Send + Sync + 'static,
    ) -> Self {
        self.0.push((name, Box::new(check)));
        self
    }

    /// Each check on a line, as the API server's `/readyz?verbose` writes them.
    fn report(&self) -> (bool, String) {
        let mut ready = true;
        let mut text = String::new();
        for (name, check) in &self.0 {
            let line = match check() {
                Ok(None) => format!("[+]{name} ok"),
                Ok(Some(note)) => format!("[+]{name} ok ({note})"),
                Err(reason) => {
                    ready = false;
                    format!("[-]{name} failed: {reason}")
                }
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "readyz check {}", if ready { "passed" } else { "failed" });
        (ready, text)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The routes of the admin port.
pub fn routes(readiness: Readiness, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(readyz).with_state(Arc::new(readiness)))
        .route("/metrics", get(show_metrics).with_state(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "there is /livez, /readyz and /metrics\n"))
}

async fn readyz(State(readiness): State<Arc<Readiness>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let verbose = query.split('&').any(|pair| pair.split('=').next() == Some("verbose"));
    match readiness.report() {
        (false, text) => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
        (true, text) if verbose => text.into_response(),
        (true, _) => "ok".into_response(),
    }
}

async fn show_metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], metrics.text()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_stands_behind_what_holds() {
        let readiness = Readiness::default().with_note("a", || Some("note")).with_note("b", || None);
        assert_eq!(readiness.report(), (true, "[+]a ok (note)\n[+]b ok\nreadyz check passed\n".to_owned()));
    }
}
