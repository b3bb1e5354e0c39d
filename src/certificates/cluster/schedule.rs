//! When certificates are valid and when they are due. Pure.

use std::time::Duration;

use time::Duration as Life;
use time::OffsetDateTime;

use super::state::{Certificate, Der, Held, Leaf, Validity};

/// How long things last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Life of an authority's certificate.
    pub authority_life: Life,
    /// Life of a serving certificate.
    pub serving_life: Life,
    /// How far an authority's certificate reaches back, for API servers whose clock is behind.
    pub backdated: Life,
    /// How long a change of the `caBundle` may take to reach every API server, with a good margin.
    pub dwell: Duration,
    /// How often everything is looked at, if nothing changes.
    pub tick: Duration,
}

impl Default for Settings {
    /// A year, a month, an hour, five minutes, a minute.
    fn default() -> Self {
        Self {
            authority_life: Life::days(365),
            serving_life: Life::days(30),
            backdated: Life::hours(1),
            dwell: Duration::from_mins(5),
            tick: Duration::from_mins(1),
        }
    }
}

impl Settings {
    /// How many ticks of agreement make a dwell time.
    pub fn dwell_ticks(&self) -> u32 {
        let ticks = self.dwell.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }

    /// The validity of a new authority.
    ///
    /// It begins before the API server last wrote the Secret and ends after, whatever the clock of
    /// this machine says.
    pub fn new_authority(&self, held: &Held, clock: OffsetDateTime) -> Validity {
        Validity {
            not_before: add(held.earliest(clock), -self.backdated),
            not_after: add(held.latest(clock), self.authority_life),
        }
    }

    /// The validity of a renewed authority: its beginning stays, its end only moves on.
    pub fn renewed(&self, authority: &Certificate, now: OffsetDateTime) -> Validity {
        let Validity { not_before, not_after } = authority.validity;
        Validity { not_before, not_after: not_after.max(add(now, self.authority_life)) }
    }

    /// The validity of a serving certificate: from the beginning of its authority, so that no clock
    /// calls it too young, and never beyond the end of its authority.
    pub fn under(&self, authority: Validity, now: OffsetDateTime) -> Validity {
        let not_after = authority.not_after.min(add(now, self.serving_life));
        Validity { not_before: authority.not_before, not_after }
    }

    /// Whether an authority is to be renewed: a third of its life is left, or too little for a
    /// serving certificate that lives its whole life.
    pub fn is_authority_due(&self, authority: &Certificate, now: OffsetDateTime) -> bool {
        let margin = (self.authority_life / 3_i32).max(self.serving_life);
        let early = jitter(&authority.der, self.authority_life / 20_i32);
        authority.validity.not_after < add(now, margin + early)
    }

    /// Whether a serving certificate is to be renewed: a third of its life is left.
    pub fn is_serving_due(&self, leaf: &Leaf, now: OffsetDateTime) -> bool {
        let early = jitter(&leaf.der, self.serving_life / 10_i32);
        leaf.validity.not_after < add(now, self.serving_life / 3_i32 + early)
    }
}

/// A moment further on; the end of time if there is no such moment.
pub fn add(moment: OffsetDateTime, life: Life) -> OffsetDateTime {
    moment.saturating_add(life)
}

/// A part of `most` that depends on the certificate alone: all replicas agree on it, and the
/// installations of many clusters do not renew at the same moment.
fn jitter(certificate: &Der, most: Life) -> Life {
    // FNV-1a: short, and the same in every release, unlike the hasher of the standard library.
    let hash = certificate.0.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    most / 256_i32 * i32::from(hash.to_be_bytes()[7])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Life::days(20_000));

    fn authority(from: i64, to: i64) -> Certificate {
        let validity =
            Validity { not_before: add(NOW, Life::days(from)), not_after: add(NOW, Life::days(to)) };
        let der = Der([1, 2, 3].as_slice().into());
        Certificate { key: der.clone(), der, validity }
    }

    fn held(written: i64) -> Held {
        Held { written: Some(add(NOW, Life::days(written))), ..Held::default() }
    }

    #[test]
    fn a_clock_that_is_wrong_by_ten_years_dates_what_the_api_server_accepts() {
        let settings = Settings::default();
        for wrong in [-3650, 3650] {
            let validity = settings.new_authority(&held(0), add(NOW, Life::days(wrong)));
            assert!(validity.holds(NOW) && validity.holds(add(NOW, Life::days(364))), "{wrong}");
            assert!(validity.holds(add(NOW, Life::minutes(-59))), "{wrong}");
        }
    }

    #[test]
    fn a_serving_certificate_never_outlives_its_authority() {
        let settings = Settings::default();
        let authority = authority(-300, 20).validity;
        assert_eq!(settings.under(authority, NOW), authority);
        let early = settings.under(authority, add(NOW, Life::days(-100)));
        assert_eq!(early.not_after, add(NOW, Life::days(-70)));
    }

    #[test]
    fn a_third_before_the_end_it_is_time() {
        let settings = Settings::default();
        for (left, due) in [(364, false), (141, false), (121, true), (-5, true)] {
            assert_eq!(settings.is_authority_due(&authority(-9, left), NOW), due, "{left}");
        }
        for (left, due) in [(29, false), (14, false), (9, true), (-5, true)] {
            let Certificate { der, validity, .. } = authority(-9, left);
            let leaf = Leaf { der, issuer: None, names: Vec::new(), validity };
            assert_eq!(settings.is_serving_due(&leaf, NOW), due, "{left}");
        }
    }

    #[test]
    fn a_renewed_authority_is_not_due() {
        let settings = Settings::default();
        let mut authority = authority(-300, 5);
        authority.validity = settings.renewed(&authority, NOW);
        assert!(!settings.is_authority_due(&authority, NOW));
        assert_eq!(authority.validity.not_before, add(NOW, Life::days(-300)));
    }

    #[test]
    fn jitter_spreads_and_stays_below_its_bound() {
        let spread: std::collections::BTreeSet<_> =
            (0..=255).map(|byte| jitter(&Der([byte].as_slice().into()), Life::hours(72))).collect();
        assert!(spread.len() > 100 && spread.iter().all(|early| *early < Life::hours(72)));
    }

    #[test]
    fn a_dwell_time_is_made_of_whole_ticks() {
        let ticks = |dwell, tick| {
            let (dwell, tick) = (Duration::from_secs(dwell), Duration::from_secs(tick));
            Settings { dwell, tick, ..Settings::default() }.dwell_ticks()
        };
        assert_eq!([ticks(300, 60), ticks(61, 60), ticks(0, 60), ticks(5, 1)], [5, 2, 1, 5]);
    }
}
