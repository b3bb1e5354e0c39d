//! Parses the times in audit logs.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time};

/// Parses a time as RFC 3339, as the API server and cloud providers write it: `2026-11-29T23:38:54.063574Z`.
/// `CloudWatch` Logs Insights writes a space in place of the `T`, and no time zone, for UTC.
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    parse_micro_time(text.as_bytes()).or_else(|| parse_any(text))
}

fn parse_any(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&(text.replacen(' ', "T", 1) + "Z"), &Rfc3339))
        .ok()
}

/// Parses the form of `metav1.MicroTime`, which every event of an API server has twice: `2026-11-29T23:38:54.063574Z`.
/// That is many times faster than the general parser, which takes most of the time that reading a log takes.
fn parse_micro_time(text: &[u8]) -> Option<OffsetDateTime> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', ref time @ ..] = text else { return None };
    let &[h1, h2, b':', n1, n2, b':', s1, s2, b'.', u1, u2, u3, u4, u5, u6, b'Z'] = time else { return None };
    let year = i32::try_from(number([y1, y2, y3, y4])?).ok()?;
    let month = Month::try_from(pair(m1, m2)?).ok()?;
    let date = Date::from_calendar_date(year, month, pair(d1, d2)?).ok()?;
    let micros = number([u1, u2, u3, u4, u5, u6])?;
    let time = Time::from_hms_micro(pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?, micros).ok()?;
    Some(date.with_time(time).assume_utc())
}

fn pair(one: u8, two: u8) -> Option<u8> {
    u8::try_from(number([one, two])?).ok()
}

/// The number of at most nine decimal digits.
fn number<const N: usize>(digits: [u8; N]) -> Option<u32> {
    digits.iter().try_fold(0, |number: u32, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
    })
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
    fn the_form_of_an_api_server_is_read_as_the_general_parser_reads_it() {
        let known = "2024-02-29T23:38:54.063574Z";
        assert!(parse_micro_time(known.as_bytes()).is_some());
        // Each byte is replaced: most results are no time, or one of another form.
        for at in 0..known.len() {
            for byte in 0..128_u8 {
                let mut text = known.as_bytes().to_vec();
                text[at] = byte;
                let text = String::from_utf8(text).unwrap();
                let fast = parse_micro_time(text.as_bytes());
                assert!(fast.is_none() || fast == parse_any(&text), "{text}");
                assert_eq!(parse(&text), parse_any(&text), "{text}");
            }
        }
        for text in
            ["2026-02-29T00:00:00.000000Z", "2026-11-20T24:00:00.000000Z", "2026-11-20T00:00:00.00000Z"]
        {
            assert_eq!(parse_micro_time(text.as_bytes()), None, "{text}");
        }
    }

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
