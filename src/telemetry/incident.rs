//! A failure that is logged when it begins and when it ends, not at each attempt in between.

/// The failure in progress, if any.
#[derive(Debug, Default)]
pub struct Incident {
    reported: Option<String>,
}

impl Incident {
    /// Records a failure. Returns whether it is news: the first one, or one with another message.
    pub fn failed(&mut self, message: &str) -> bool {
        let is_news = self.reported.as_deref() != Some(message);
        if is_news {
            self.reported = Some(message.to_owned());
        }
        is_news
    }

    /// Records a success. Returns whether it ends a failure.
    pub fn recovered(&mut self) -> bool {
        self.reported.take().is_some()
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
}
