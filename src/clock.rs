//! Reads the wall clock. All other code takes the time as an argument.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The current time in whole seconds, the resolution of certificates.
#[expect(clippy::disallowed_methods, reason = "the only caller")]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}

/// Formats a time as RFC 3339: `2026-11-22T19:00:00Z`.
pub fn text(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_else(|_| moment.to_string())
}

/// Parses a time as RFC 3339; `None` if it is not one.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
