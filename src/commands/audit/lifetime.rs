//! Durations on the command line and in the output.

use std::fmt::Write as _;
use std::time::Duration;

use crate::policy::duration::seconds;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// Units with their lengths in seconds; from the number of seconds in the last column on, the unit is used.
const UNITS: [(char, u64, u64); 5] =
    [('y', YEAR, YEAR), ('d', DAY, 2 * DAY), ('h', HOUR, HOUR), ('m', MINUTE, MINUTE), ('s', 1, 0)];

/// Parses a duration such as `24h`, `1h30m`, `90d` or `7200`.
pub(in crate::commands) fn parse(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()?.checked_mul(DAY));
    let seconds = days.or_else(|| seconds(text));
    seconds.map(Duration::from_secs).ok_or_else(|| "must be a duration such as 24h, 90d or 7200".to_owned())
}

/// A duration in its two largest units: `1y`, `90d`, `22h`, `1h7s`.
pub(super) fn age(seconds: u64) -> String {
    let (mut text, mut rest, mut parts) = (String::new(), seconds, 0);
    for (unit, length, from) in UNITS {
        let is_used = if parts == 0 { rest >= from } else { rest >= length };
        if is_used && parts < 2 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
            parts += 1;
        }
        if parts > 0 && rest == 0 {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        for (text, expected) in [("0", 0), ("24h", DAY), ("90d", 90 * DAY), ("1h30m", 5400), ("7200", 7200)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(expected)), "{text}");
        }
        for text in ["", "x", "d", "-1h", "1w", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_have_two_units_at_most() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (3600, "1h"),
            (3607, "1h7s"),
            (86_400, "24h"),
            (90_000, "25h"),
            (172_800, "2d"),
            (7_776_000, "90d"),
            (31_536_000, "1y"),
            (31_536_007, "1y7s"),
            (18_720, "5h12m"),
            (18_727, "5h12m"),
        ] {
            assert_eq!(age(seconds), expected);
        }
    }
}
