//! Parses the times in audit logs.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Parses a time as RFC 3339, as the API server and cloud providers write it: `2026-11-29T23:38:54.063574Z`.
/// `CloudWatch` Logs Insights writes a space in place of the `T`, and no time zone, for UTC.
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&(text.replacen(' ', "T", 1) + "Z"), &Rfc3339))
        .ok()
}

/// The time of a number of milliseconds since 1970, as `CloudWatch` writes it.
pub(super) fn from_milliseconds(milliseconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn each_spelling_of_a_time_is_read() {
        for text in ["2026-11-20T00:00:01Z", "2026-11-20T01:00:01+01:00", "2026-11-20 00:00:01"] {
            assert_eq!(parse(text).map(OffsetDateTime::unix_timestamp), Some(1_795_132_801), "{text}");
        }
        assert_eq!(
            from_milliseconds(1_795_132_801_000).map(clock::text).as_deref(),
            Some("2026-11-20T00:00:01Z")
        );
        for text in ["", "yesterday", "2026-13-20T00:00:01Z", "2026-11-20"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(from_milliseconds(i64::MAX), None);
    }
}
