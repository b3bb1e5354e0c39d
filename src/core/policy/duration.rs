//! Parses lifetimes: whole seconds, or hours, minutes and seconds.

use crate::pod::token::{Ttl, ttl_range};

use super::diagnostics::Code;
use super::value_error::{ValueError, did_you_mean, quote};
use super::values::check_length;

/// Longest text of a lifetime, in bytes. The longest one that needs no leading zeros has 14:
/// `1193046h28m16s`.
pub(super) const MAX_LENGTH: usize = 32;

/// Units in the required order, with their lengths in seconds.
const UNITS: [(char, u64); 3] = [('h', 3600), ('m', 60), ('s', 1)];

/// Error text for a lifetime of 3607 s.
const MAY_BECOME_A_YEAR: &str = "may become a year: the API server extends exactly 3607 s for its own audiences; \
                                 did you mean \"3600\"?";

/// Parses the lifetime of a token: any but the one that the API server extends.
pub(super) fn ttl(text: &str) -> Result<Ttl, ValueError> {
    match lifetime(text)? {
        Ttl::YEAR_LONG_REQUEST => Err(ValueError::new(Code::YearLong, MAY_BECOME_A_YEAR)),
        ttl => Ok(ttl),
    }
}

/// Parses `7200`, `2h`, `90m` or `1h30m` as a lifetime within the API's range.
pub(super) fn lifetime(text: &str) -> Result<Ttl, ValueError> {
    check_length(text, MAX_LENGTH, Code::Duration)?;
    match seconds(text) {
        Some(seconds) => in_range(text, seconds),
        None => Err(ValueError::new(Code::Duration, unreadable(text))),
    }
}

/// The number of seconds, saturating; `None` if the text is not a duration.
pub fn seconds(text: &str) -> Option<u64> {
    if let Some(seconds) = whole(text) {
        return Some(seconds);
    }
    let mut rest = text;
    let mut total = 0_u64;
    for (unit, length) in UNITS {
        if let Some((count, after)) = rest.split_once(unit) {
            total = total.saturating_add(whole(count)?.saturating_mul(length));
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn in_range(text: &str, seconds: u64) -> Result<Ttl, ValueError> {
    Ttl::from_seconds(seconds).ok_or_else(|| {
        let (is, guess) =
            if seconds < Ttl::MIN.seconds() { ("too short", Some(longer(text))) } else { ("too long", None) };
        let sentence = format!("is {is}: must be from {}{}", ttl_range!(), did_you_mean(guess));
        ValueError::new(Code::Range, sentence)
    })
}

/// Suggests the shortest lifetime for one that is too short, in the unit of the text.
fn longer(text: &str) -> String {
    if whole(text).is_some() { quote(&Ttl::MIN.seconds().to_string()) } else { quote(&Ttl::MIN.to_string()) }
}

fn unreadable(text: &str) -> String {
    let allowed = "must be whole seconds such as \"7200\", or \"2h\", \"90m\", \"1h30m\"";
    if text.is_empty() {
        return format!("is empty: {allowed}; remove the annotation for the default");
    }
    format!("is not a valid duration: {allowed}{}", did_you_mean(guess(text).map(|guess| quote(&guess))))
}

/// Suggests a valid duration for one with spaces, capitals, unit words, days, weeks, a fraction, or minutes without
/// their unit.
fn guess(text: &str) -> Option<String> {
    let compact: String = text.trim_start_matches('+').split_whitespace().collect::<String>().to_lowercase();
    let number = compact.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = compact.strip_prefix(number)?;
    let guess = match (whole(number), unit) {
        (Some(count), "d" | "day" | "days") => format!("{}h", count.checked_mul(24)?),
        (Some(count), "w" | "week" | "weeks") => format!("{}h", count.checked_mul(24 * 7)?),
        (Some(count), "hr" | "hrs" | "hour" | "hours") => format!("{count}h"),
        (Some(count), "min" | "mins" | "minute" | "minutes") => format!("{count}m"),
        (Some(count), "sec" | "secs" | "second" | "seconds") => format!("{count}s"),
        (None, "") if number.contains('h') => format!("{number}m"),
        (None, "") => number.strip_suffix(".0")?.to_owned(),
        (None, "h") if number.contains('.') => fraction(number, 3600)?,
        (None, "m") if number.contains('.') => fraction(number, 60)?,
        _ => compact,
    };
    let ttl = Ttl::from_seconds(seconds(&guess)?)?;
    (ttl != Ttl::YEAR_LONG_REQUEST).then_some(guess)
}

/// A number such as `1.5` of a unit with this length in seconds; `None` unless it is a number of whole seconds.
fn fraction(number: &str, unit: u64) -> Option<String> {
    let (before, after) = number.split_once('.')?;
    let scale = 10_u64.checked_pow(u32::try_from(after.len()).ok()?)?;
    let scaled = whole(before)?.checked_mul(scale)?.checked_add(whole(after)?)?.checked_mul(unit)?;
    (scaled % scale == 0).then_some(())?;
    Some(Ttl::from_seconds(scaled / scale)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_durations_are_read() {
        let cases = [
            ("600", 600),
            ("3600", 3600),
            ("3607", 3607),
            ("4294967296", 1 << 32),
            ("2h", 7200),
            ("90m", 5400),
            ("1h30m", 5400),
            ("1h0m7s", 3607),
            ("600s", 600),
            ("0600", 600),
        ];
        for (text, expected) in cases {
            assert_eq!(lifetime(text).map(Ttl::seconds), Ok(expected), "{text}");
        }
    }

    #[test]
    fn no_token_asks_for_the_lifetime_that_becomes_a_year() {
        for text in ["3607", "1h0m7s", "3607s", "03607"] {
            let error = ttl(text).expect_err(text);
            assert_eq!((error.code, error.sentence.as_str()), (Code::YearLong, MAY_BECOME_A_YEAR), "{text}");
        }
        assert_eq!(ttl("3608").map(Ttl::seconds), Ok(3608));
    }

    #[test]
    fn invalid_durations_are_explained() {
        let long = format!("{}3600", "0".repeat(250_000));
        let cases = [
            ("", Code::Duration, "is empty"),
            (
                "599",
                Code::Range,
                "too short: must be from 600 s (10m) to 4294967296 s; did you mean \"600\"?",
            ),
            ("60", Code::Range, "did you mean \"600\"?"),
            ("2", Code::Range, "did you mean \"600\"?"),
            ("0", Code::Range, "did you mean \"600\"?"),
            ("5m", Code::Range, "did you mean \"10m\"?"),
            ("4294967297", Code::Range, "too long"),
            ("12345678901234567890", Code::Range, "too long"),
            ("99999999999999999999", Code::Range, "too long"),
            ("99999999999999999999h", Code::Range, "too long"),
            ("1d", Code::Duration, "did you mean \"24h\"?"),
            ("2 weeks", Code::Duration, "did you mean \"336h\"?"),
            ("15 m", Code::Duration, "did you mean \"15m\"?"),
            ("5 m", Code::Duration, "is not a valid duration"),
            ("1H", Code::Duration, "did you mean \"1h\"?"),
            ("2 hours", Code::Duration, "did you mean \"2h\"?"),
            ("-1h", Code::Duration, "is not a valid duration"),
            ("3600.0", Code::Duration, "did you mean \"3600\"?"),
            ("1.5h", Code::Duration, "did you mean \"1h30m\"?"),
            ("2.0h", Code::Duration, "did you mean \"2h\"?"),
            ("12.5m", Code::Duration, "did you mean \"12m30s\"?"),
            ("1.2345h", Code::Duration, "\"90m\", \"1h30m\""),
            ("0.1h", Code::Duration, "\"90m\", \"1h30m\""),
            ("1.0000000000000000000000h", Code::Duration, "is not a valid duration"),
            ("1h30", Code::Duration, "did you mean \"1h30m\"?"),
            ("3607.0", Code::Duration, "\"90m\", \"1h30m\""),
            ("0x258", Code::Duration, "is not a valid duration"),
            ("30m1h", Code::Duration, "is not a valid duration"),
            ("h", Code::Duration, "is not a valid duration"),
            ("３６００", Code::Duration, "is not a valid duration"),
            ("eine Stunde", Code::Duration, "is not a valid duration"),
            (long.as_str(), Code::Duration, "is too long: 250004 bytes, must be at most 32"),
        ];
        for (text, code, part) in cases {
            let error = ttl(text).expect_err(text);
            assert_eq!(error.code, code, "{text}");
            assert!(error.sentence.contains(part), "{text}: {}", error.sentence);
        }
    }

    #[test]
    fn the_range_in_words_is_the_accepted_one() {
        let range = format!("{} s ({}) to {} s", Ttl::MIN.seconds(), Ttl::MIN, Ttl::MAX.seconds());
        assert_eq!(ttl_range!(), range);
    }

    #[test]
    fn suggested_durations_are_valid() {
        for text in
            ["60", "2", "0", "5m", "1d", "2 weeks", "15 m", "1H", "3600.0", "+2h", "300", "1.5h", "1h30"]
        {
            let sentence = ttl(text).expect_err(text).sentence;
            let guess = sentence.rsplit('"').nth(1).expect("a guess in quotes");
            assert!(ttl(guess).is_ok(), "{text}: {sentence}");
        }
    }
}
