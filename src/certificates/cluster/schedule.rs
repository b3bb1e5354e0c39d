//! The validity of certificates, and when they are due for renewal. Pure.

use std::time::Duration;

use time::OffsetDateTime;

use super::state::SecretState;
use crate::certificates::certificate::{BACKDATE, Certificate, Der, Validity};

/// The lives of certificates and the intervals of the controller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// Life of a CA certificate.
    pub ca_life: time::Duration,
    /// Life of a serving certificate.
    pub serving_life: time::Duration,
    /// How long before its creation a CA certificate becomes valid, for API servers whose clock is behind.
    pub backdate: time::Duration,
    /// How long a change of the `caBundle` may take to reach every API server, with a margin.
    pub dwell: Duration,
    /// The interval of reconciliation while nothing changes.
    pub tick: Duration,
}

impl Default for Schedule {
    /// In the order of the fields: a year, a month, an hour, five minutes, a minute.
    fn default() -> Self {
        Self {
            ca_life: time::Duration::days(365),
            serving_life: time::Duration::days(30),
            backdate: BACKDATE,
            dwell: Duration::from_mins(5),
            tick: Duration::from_mins(1),
        }
    }
}

impl Schedule {
    /// How many ticks of agreement make a dwell time.
    pub fn dwell_ticks(&self) -> u32 {
        let ticks = self.dwell.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }

    /// The validity of a new CA.
    ///
    /// It contains the time of the last write by the API server, even if the clock of this machine is wrong.
    pub fn new_ca(&self, secret: &SecretState, clock: OffsetDateTime) -> Validity {
        Validity {
            not_before: add(secret.earliest(clock), -self.backdate),
            not_after: add(secret.latest(clock), self.ca_life),
        }
    }

    /// The validity of a renewed CA: the start stays, and the end never moves back.
    pub fn renewed_ca(&self, ca: &Certificate, now: OffsetDateTime) -> Validity {
        let Validity { not_before, not_after } = ca.validity;
        Validity { not_before, not_after: not_after.max(add(now, self.ca_life)) }
    }

    /// The validity of a new serving certificate: from the start of its CA, so that it is valid by any clock
    /// by which the CA is, and at most to the end of its CA.
    pub fn new_serving(&self, ca: Validity, now: OffsetDateTime) -> Validity {
        let not_after = ca.not_after.min(add(now, self.serving_life));
        Validity { not_before: ca.not_before, not_after }
    }

    /// Whether a CA is due for renewal: less than a third of its life is left, or less than the whole life of a
    /// serving certificate.
    pub fn is_ca_due(&self, ca: &Certificate, now: OffsetDateTime) -> bool {
        let renew_before = (self.ca_life / 3_i32).max(self.serving_life);
        is_due(ca, renew_before + jitter(&ca.der, self.ca_life / 20_i32), now)
    }

    /// Whether a serving certificate is due for renewal: less than a third of its life is left.
    pub fn is_serving_due(&self, serving: &Certificate, now: OffsetDateTime) -> bool {
        let renew_before = self.serving_life / 3_i32;
        is_due(serving, renew_before + jitter(&serving.der, self.serving_life / 10_i32), now)
    }
}

/// Whether a certificate expires within `renew_before` from now.
fn is_due(certificate: &Certificate, renew_before: time::Duration, now: OffsetDateTime) -> bool {
    certificate.validity.not_after < add(now, renew_before)
}

/// A moment later by `life`, or the last one that can be represented.
pub fn add(moment: OffsetDateTime, life: time::Duration) -> OffsetDateTime {
    moment.saturating_add(life)
}

/// A part of `most` that depends on the bytes of the certificate alone, so that all replicas agree on it, and
/// many clusters do not renew at the same moment.
fn jitter(certificate: &Der, most: time::Duration) -> time::Duration {
    // FNV-1a is the same in every release, unlike the hasher of the standard library.
    let hash = certificate.0.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    most / 256_i32 * i32::from(hash.to_be_bytes()[7])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::days(20_000));

    fn day(number: i64) -> OffsetDateTime {
        add(NOW, time::Duration::days(number))
    }

    fn ca(from: i64, to: i64) -> Certificate {
        let validity = Validity { not_before: day(from), not_after: day(to) };
        let der = Der([1, 2, 3].as_slice().into());
        Certificate { public_key: der.clone(), der, issuer: None, names: Vec::new(), validity, is_ca: true }
    }

    fn secret(written: i64) -> SecretState {
        SecretState { written: Some(day(written)), ..SecretState::default() }
    }

    #[test]
    fn a_ca_is_valid_although_the_clock_is_wrong_by_ten_years() {
        let schedule = Schedule::default();
        for wrong in [-3650, 3650] {
            let validity = schedule.new_ca(&secret(0), day(wrong));
            assert!(validity.contains(NOW) && validity.contains(day(364)), "{wrong}");
            assert!(validity.contains(add(NOW, time::Duration::minutes(-59))), "{wrong}");
        }
    }

    #[test]
    fn a_serving_certificate_never_outlives_its_ca() {
        let schedule = Schedule::default();
        let ca = ca(-300, 20).validity;
        assert_eq!(schedule.new_serving(ca, NOW), ca);
        let early = schedule.new_serving(ca, day(-100));
        assert_eq!(early.not_after, day(-70));
    }

    #[test]
    fn certificates_are_due_in_their_last_third() {
        let schedule = Schedule::default();
        for (left, due) in [(364, false), (141, false), (121, true), (-5, true)] {
            assert_eq!(schedule.is_ca_due(&ca(-9, left), NOW), due, "{left}");
        }
        for (left, due) in [(29, false), (14, false), (9, true), (-5, true)] {
            assert_eq!(schedule.is_serving_due(&ca(-9, left), NOW), due, "{left}");
        }
    }

    #[test]
    fn a_renewed_ca_is_not_due() {
        let schedule = Schedule::default();
        let mut ca = ca(-300, 5);
        ca.validity = schedule.renewed_ca(&ca, NOW);
        assert!(!schedule.is_ca_due(&ca, NOW));
        assert_eq!(ca.validity.not_before, day(-300));
    }

    #[test]
    fn jitter_spreads_and_stays_below_its_bound() {
        let spread: std::collections::BTreeSet<_> =
            (0..=255).map(|byte| jitter(&Der([byte].as_slice().into()), time::Duration::hours(72))).collect();
        assert!(spread.len() > 100 && spread.iter().all(|early| *early < time::Duration::hours(72)));
    }

    #[test]
    fn a_dwell_time_is_rounded_up_to_whole_ticks() {
        let ticks = |dwell, tick| {
            let (dwell, tick) = (Duration::from_secs(dwell), Duration::from_secs(tick));
            Schedule { dwell, tick, ..Schedule::default() }.dwell_ticks()
        };
        assert_eq!([ticks(300, 60), ticks(61, 60), ticks(0, 60), ticks(5, 1)], [5, 2, 1, 5]);
    }
}
