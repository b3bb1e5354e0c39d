//! The one place that reads the clock of the machine; everything else gets the time passed in.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The time of day, in whole seconds as certificates count it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}

/// A moment as people and logs write it: `2026-11-22T19:00:00Z`.
pub fn text(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}
