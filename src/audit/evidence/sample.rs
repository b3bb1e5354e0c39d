//! A request that is kept because it shows something.

use time::OffsetDateTime;

use crate::audit::event::AuditEvent;
use crate::pod::text::start;

/// Longest `auditID` that is kept, in bytes. A client may choose it (`Audit-ID`).
pub(super) const MAX_ID: usize = 64;

/// A request that shows something. Samples are ordered by time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Sample {
    /// The time at which the API server received it.
    pub time: Option<OffsetDateTime>,
    /// `auditID`, of at most 64 bytes.
    pub id: String,
}

/// A request at an age. They are ordered by age.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Aged {
    /// Age of the token or uptime of the containers, in seconds.
    pub seconds: i64,
    /// Uptime of the containers, in seconds; `None` if they were not running yet, or their start is not known.
    pub uptime: Option<i64>,
    /// The request.
    pub sample: Sample,
}

/// A [`Sample`] that is not kept yet: most are not.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Seen<'e> {
    pub(super) time: Option<OffsetDateTime>,
    pub(super) id: &'e str,
}

impl<'e> Seen<'e> {
    pub(super) fn of(event: &AuditEvent<'e>) -> Self {
        Self { time: event.time, id: start(event.id, MAX_ID) }
    }

    pub(super) fn kept(self) -> Sample {
        Sample { time: self.time, id: self.id.to_owned() }
    }
}

impl Sample {
    pub(super) fn seen(&self) -> Seen<'_> {
        Seen { time: self.time, id: &self.id }
    }
}
