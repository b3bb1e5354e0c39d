//! How the age of a stale token develops: whether its holder reloads late or never.

use time::Duration;

use crate::audit::evidence::stale::{STALE_AGE, StaleTally};
use crate::pod::token::Ttl;

/// Shortest uptime at which the age of a token shows that its holder never reads it again: two lifetimes.
const MIN_FOLLOWED: i64 = 2 * STALE_AGE;

/// The age at which the kubelet renews a token of 3607 s: 80 % of that (`requiresRefresh` in
/// `pkg/kubelet/token/token_manager.go`).
const RENEWAL: i64 = 2886;

/// The age at which the kubelet renews any token (`maxTTL` in the same file).
const MAX_RENEWAL: Duration = Duration::days(1);

/// How the age of a stale token develops, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum AgeTrend {
    /// The holder reloads, but late: the oldest token had this age, in seconds.
    LevelsOff(i64),
    /// The log is too short to show it.
    Undecided,
    /// It follows the uptime: the holder never reads the token again.
    FollowsUptime,
}

impl AgeTrend {
    /// The trend of stale tokens. `is_one_pod` is whether they are surely of one Pod: otherwise two different tokens
    /// do not show that any Pod reloads. Only requests since the start of the containers count.
    pub fn of(stale: &StaleTally, is_one_pod: bool) -> Self {
        let Some((age, uptime)) =
            stale.oldest_running.as_ref().and_then(|oldest| Some((oldest.seconds, oldest.uptime?)))
        else {
            return Self::Undecided;
        };
        if uptime >= MIN_FOLLOWED && age.saturating_mul(10) >= uptime.saturating_mul(9) {
            Self::FollowsUptime
        } else if is_one_pod && stale.has_two_tokens() || age.saturating_mul(2) <= uptime {
            Self::LevelsOff(stale.oldest.seconds)
        } else {
            Self::Undecided
        }
    }

    /// The shortest lifetime that the holder survives, in seconds, in whole hours; `None` if none is known.
    ///
    /// It reloads every R seconds, and the token that it then reads is up to one renewal old. The kubelet renews a
    /// token at 80 % of its lifetime, and after a day at the latest, so R has to fit in the rest.
    pub fn min_ttl(self) -> Option<i64> {
        let Self::LevelsOff(age) = self else { return None };
        let interval = age - RENEWAL;
        let shortest = interval.saturating_mul(5).min(interval.saturating_add(MAX_RENEWAL.whole_seconds()));
        let hour = Ttl::HOUR.seconds().cast_signed();
        Some((shortest.saturating_sub(1) / hour + 1).saturating_mul(hour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::evidence::tally::{Tally, TokenOrigin};
    use crate::audit::testing::{at, request};

    /// The trend of a Pod with requests at uptimes with tokens of an age.
    fn trend(requests: &[(i64, i64)], is_one_pod: bool) -> AgeTrend {
        let mut tally = Tally::default();
        let origin = TokenOrigin { created: at(-100_000), started: Some(at(0)) };
        for (uptime, age) in requests {
            tally.add(&request("1", *uptime, (age - STALE_AGE).cast_unsigned()), Some(origin));
        }
        AgeTrend::of(&tally.stale.unexplained(&[].into()).unwrap(), is_one_pod)
    }

    #[test]
    fn a_token_that_follows_the_uptime_is_never_read_again() {
        for (uptime, age, expected) in [
            (7214, 6493, AgeTrend::FollowsUptime),
            (7213, 7213, AgeTrend::Undecided),
            (10_000, 9000, AgeTrend::FollowsUptime),
            (10_000, 8999, AgeTrend::Undecided),
            (10_000, 5001, AgeTrend::Undecided),
            (10_000, 5000, AgeTrend::LevelsOff(5000)),
        ] {
            assert_eq!(trend(&[(uptime, age)], true), expected, "{age} at {uptime}");
        }
    }

    #[test]
    fn two_stale_tokens_of_one_pod_show_that_the_age_levels_off() {
        let two = [(10_000, 7607), (12_000, 5607)];
        assert_eq!(trend(&two, true), AgeTrend::LevelsOff(7607));
        assert_eq!(trend(&two, false), AgeTrend::Undecided);
        assert_eq!(trend(&[(10_000, 5607), (12_000, 7607)], true), AgeTrend::Undecided, "the same token");
    }

    #[test]
    fn requests_before_the_start_do_not_decide() {
        assert_eq!(trend(&[(-10, 9000)], true), AgeTrend::Undecided);
        assert_eq!(trend(&[(-10, 9000), (10_000, 5000)], true), AgeTrend::LevelsOff(9000));
    }

    #[test]
    fn the_shortest_lifetime_leaves_room_for_the_interval() {
        let min_ttl = |age| AgeTrend::LevelsOff(age).min_ttl();
        // 5 h 12 min: an interval of 4.4 h.
        assert_eq!(min_ttl(18_720), Some(22 * 3600));
        assert_eq!(min_ttl(2886 + 720), Some(3600), "exactly an hour");
        assert_eq!(min_ttl(2886 + 721), Some(7200));
        // From an interval of 6 h on, the kubelet renews after a day.
        assert_eq!(min_ttl(2886 + 21_600), Some(30 * 3600));
        assert_eq!(min_ttl(2886 + 36_000), Some(34 * 3600));
        assert_eq!(AgeTrend::Undecided.min_ttl(), None);
        assert_eq!(AgeTrend::FollowsUptime.min_ttl(), None);
    }
}
