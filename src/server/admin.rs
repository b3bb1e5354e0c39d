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

/// The function of a check. One that passes may return a note.
type Check = Box<dyn Fn() -> Result<Option<&'static str>, String> + Send + Sync>;

/// The checks that must pass before Pods may depend on this replica.
#[derive(Default)]
pub struct Readiness(Vec<ReadinessCheck>);

struct ReadinessCheck {
    name: &'static str,
    check: Check,
    /// Whether `/livez` runs the check, too.
    vital: bool,
}

impl Readiness {
    /// Adds a check of `/readyz`, whose response contains the error if it fails.
    pub fn with(
        self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.with_check(name, move || check().map(|()| None))
    }

    /// Adds a check of `/readyz` and `/livez`: its failure must be one that only a restart can fix.
    pub fn with_vital(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.0.push(ReadinessCheck { name, check: Box::new(move || check().map(|()| None)), vital: true });
        self
    }

    /// Adds a check that always passes, with a note for `/readyz?verbose`.
    pub fn with_note(
        self,
        name: &'static str,
        note: impl Fn() -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.with_check(name, move || Ok(note()))
    }

    /// Adds a check of `/readyz` that may carry a note when it passes.
    pub fn with_check(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<Option<&'static str>, String> + Send + Sync + 'static,
    ) -> Self {
        self.0.push(ReadinessCheck { name, check: Box::new(check), vital: false });
        self
    }

    /// Runs all checks. Returns whether they passed, and the report of `/readyz`.
    fn ready(&self) -> (bool, String) {
        report("readyz", self.0.iter())
    }

    /// Runs the vital checks. Returns whether they passed, and the report of `/livez`.
    fn live(&self) -> (bool, String) {
        report("livez", self.0.iter().filter(|entry| entry.vital))
    }
}

/// Runs checks and writes a line for each, in the format of the API server's `/readyz?verbose`.
fn report<'e>(probe: &str, entries: impl Iterator<Item = &'e ReadinessCheck>) -> (bool, String) {
    let mut passed = true;
    let mut text = String::new();
    for ReadinessCheck { name, check, .. } in entries {
        let line = match check() {
            Ok(None) => format!("[+]{name} ok"),
            Ok(Some(note)) => format!("[+]{name} ok ({note})"),
            Err(reason) => {
                passed = false;
                format!("[-]{name} failed: {reason}")
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "{probe} check {}", if passed { "passed" } else { "failed" });
    (passed, text)
}

impl fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|entry| entry.name)).finish()
    }
}

/// The routes of the admin port.
pub fn routes(readiness: Readiness, metrics: Arc<Metrics>) -> Router {
    let readiness = Arc::new(readiness);
    Router::new()
        .route("/livez", get(livez).with_state(Arc::clone(&readiness)))
        .route("/readyz", get(readyz).with_state(Arc::clone(&readiness)))
        .route("/metrics", get(show_metrics).with_state((readiness, metrics)))
        .fallback(async || (StatusCode::NOT_FOUND, "not found: use /livez, /readyz or /metrics\n"))
}

async fn livez(State(readiness): State<Arc<Readiness>>) -> Response {
    match readiness.live() {
        (false, text) => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
        (true, _) => "ok".into_response(),
    }
}

async fn readyz(State(readiness): State<Arc<Readiness>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let verbose = query.split('&').any(|pair| pair.split('=').next() == Some("verbose"));
    match readiness.ready() {
        (false, text) => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
        (true, text) if verbose => text.into_response(),
        (true, _) => "ok".into_response(),
    }
}

async fn show_metrics(State((readiness, metrics)): State<(Arc<Readiness>, Arc<Metrics>)>) -> Response {
    metrics.set_ready(readiness.ready().0);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], metrics.text()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passing_check_shows_its_note() {
        let readiness = Readiness::default().with_note("a", || Some("note")).with_note("b", || None);
        assert_eq!(readiness.ready(), (true, "[+]a ok (note)\n[+]b ok\nreadyz check passed\n".to_owned()));
    }

    #[tokio::test]
    async fn a_scrape_shows_whether_the_replica_is_ready() {
        let metrics = Arc::<Metrics>::default();
        for (check, line) in
            [(Ok(()), "\nboundtoken_ready 1\n"), (Err("away".to_owned()), "\nboundtoken_ready 0\n")]
        {
            let readiness = Arc::new(Readiness::default().with("a", move || check.clone()));
            let _ = show_metrics(State((readiness, Arc::clone(&metrics)))).await;
            assert!(metrics.text().contains(line), "{}", metrics.text());
        }
    }

    #[test]
    fn only_vital_checks_fail_livez() {
        let failing = || Err("away".to_owned());
        let readiness = Readiness::default().with("a", failing).with_vital("b", || Ok(()));
        assert_eq!(
            readiness.ready(),
            (false, "[-]a failed: away\n[+]b ok\nreadyz check failed\n".to_owned())
        );
        assert_eq!(readiness.live(), (true, "[+]b ok\nlivez check passed\n".to_owned()));
        let readiness = readiness.with_vital("c", failing);
        assert_eq!(readiness.live(), (false, "[+]b ok\n[-]c failed: away\nlivez check failed\n".to_owned()));
    }
}
