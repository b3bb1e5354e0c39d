//! A failure that is logged when it begins and when it ends, not at each attempt in between.

use std::time::Duration;

use tokio::time::Instant;

/// The failure in progress, if any.
#[derive(Debug, Default)]
pub struct Incident {
    reported: Option<String>,
    last_failure: Option<Instant>,
    calm: Duration,
}

impl Incident {
    /// Creates an incident that ends only after this time without a failure, since failures may be
    /// intermittent.
    pub fn with_calm(calm: Duration) -> Self {
        Self { calm, ..Self::default() }
    }

    /// Records a failure. Returns whether it is new: the first one, or one with another message.
    pub fn failed(&mut self, message: &str) -> bool {
        self.last_failure = Some(Instant::now());
        let is_news = self.reported.as_deref() != Some(message);
        if is_news {
            self.reported = Some(message.to_owned());
        }
        is_news
    }

    /// Records a success. Returns whether it ends a failure.
    pub fn recovered(&mut self) -> bool {
        let is_calm = self.last_failure.is_some_and(|at| at.elapsed() >= self.calm);
        is_calm && self.reported.take().is_some()
    }

    /// The message of the failure in progress.
    pub fn message(&self) -> Option<&str> {
        self.reported.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_reported_once_and_ends_once() {
        let mut incident = Incident::default();
        assert!(!incident.recovered());
        assert!(incident.failed("no route to host"));
        assert!(!incident.failed("no route to host"));
        assert!(incident.failed("connection refused"));
        assert_eq!(incident.message(), Some("connection refused"));
        assert!(incident.recovered());
        assert!(!incident.recovered());
        assert!(incident.failed("connection refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_incident_ends_after_its_calm_period() {
        let mut incident = Incident::with_calm(Duration::from_mins(1));
        assert!(incident.failed("no route to host"));
        for (seconds, ends) in [(59, false), (1, true), (60, false)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert_eq!(incident.recovered(), ends, "{seconds}");
        }
    }
}
