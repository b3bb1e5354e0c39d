//! Decides whether a replica switches from its serving certificate to the one in the Secret. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::state::{WebhookState, has_key};
use crate::certificates::certificate::{Certificate, Der};

/// How long the configuration has trusted each CA, as observed by this replica.
///
/// Times are durations since any fixed moment, by a monotonic clock.
#[derive(Clone, Debug, Default)]
pub struct TrustHistory(BTreeMap<Der, Duration>);

impl TrustHistory {
    /// Observes the configuration. A CA that is not trusted now, even if only for a moment, starts again.
    pub fn observe(&mut self, webhooks: Option<&WebhookState>, now: Duration) {
        let bundles = webhooks.map_or(&[][..], |webhooks| &webhooks.bundles);
        let trusts = |key: &Der| !bundles.is_empty() && bundles.iter().all(|bundle| has_key(bundle, key));
        self.0.retain(|key, _| trusts(key));
        for ca in bundles.iter().flatten().filter(|ca| trusts(&ca.public_key)) {
            self.0.entry(ca.public_key.clone()).or_insert(now);
        }
    }

    /// How long the CA of a serving certificate has been trusted.
    pub fn trusted_for(&self, serving: &Certificate, now: Duration) -> Duration {
        let since = serving.issuer.as_ref().and_then(|issuer| self.0.get(issuer));
        since.map_or(Duration::ZERO, |since| now.saturating_sub(*since))
    }
}

/// The input of [`adopts`].
#[derive(Clone, Copy, Debug)]
pub struct Adoption<'a> {
    /// The certificate that this replica serves now.
    pub serving: Option<&'a Certificate>,
    /// The serving certificate in the Secret.
    pub candidate: &'a Certificate,
    /// The names that it has to cover.
    pub names: &'a [String],
    /// The webhook configuration, if it exists.
    pub webhooks: Option<&'a WebhookState>,
    /// How long the configuration has trusted the CA of the candidate: see [`TrustHistory`].
    pub trusted_for: Duration,
    /// How long a change of the configuration may take to reach every API server.
    pub dwell: Duration,
}

/// Whether to serve the certificate in the Secret from now on.
///
/// A certificate under another CA is served only after API servers had time to learn of that CA, unless
/// they do not trust the certificate in use anyway. Expiry of the certificate in use by the clock of this
/// machine does not shorten that time, since the clock may be ahead.
pub fn adopts(adoption: &Adoption<'_>, now: OffsetDateTime) -> bool {
    let Adoption { serving, candidate, names, webhooks, trusted_for, dwell } = *adoption;
    let Some(serving) = serving else { return true };
    if serving.der == candidate.der || is_worse(candidate, serving, names, now) {
        return false;
    }
    if serving.issuer.is_some() && serving.issuer == candidate.issuer {
        return true;
    }
    let accepts = webhooks.is_some_and(|webhooks| webhooks.accepts(candidate, now));
    let trusts = webhooks.is_some_and(|webhooks| webhooks.trusts_issuer_of(serving));
    accepts && (trusted_for >= dwell || !trusts)
}

/// Whether one certificate lacks a name that the other covers, or is outside its validity and further so
/// than the other. A Secret from a backup may contain an expired certificate until a replica renews it.
///
/// This holds under any clock skew: the kept certificate always expires later or started earlier.
fn is_worse(one: &Certificate, other: &Certificate, names: &[String], now: OffsetDateTime) -> bool {
    let (validity, others) = (one.validity, other.validity);
    let expired = validity.not_after <= now && validity.not_after < others.not_after;
    let early = now < validity.not_before && others.not_before < validity.not_before;
    expired || early || (other.covers(names) && !one.covers(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::Validity;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::days(20_000));
    const VALIDITY: Validity = Validity {
        not_before: NOW.saturating_sub(time::Duration::days(1)),
        not_after: NOW.saturating_add(time::Duration::days(1)),
    };

    fn der(byte: u8) -> Der {
        Der([byte].as_slice().into())
    }

    fn ca(key: u8) -> Certificate {
        Certificate { issuer: None, is_ca: true, ..serving(key, 0) }
    }

    fn serving(own: u8, issuer: u8) -> Certificate {
        Certificate {
            der: der(own),
            public_key: der(own),
            issuer: Some(der(issuer)),
            names: Vec::new(),
            validity: VALIDITY,
            is_ca: false,
        }
    }

    fn webhooks(bundles: &[&[u8]]) -> WebhookState {
        let bundles = bundles.iter().map(|keys| keys.iter().map(|key| ca(*key)).collect()).collect();
        WebhookState { version: String::new(), bundles, owned: true }
    }

    fn adoption<'a>(serving: Option<&'a Certificate>, candidate: &'a Certificate) -> Adoption<'a> {
        let dwell = Duration::from_mins(5);
        Adoption { serving, candidate, names: &[], webhooks: None, trusted_for: Duration::ZERO, dwell }
    }

    #[test]
    fn a_certificate_of_another_ca_is_adopted_after_the_dwell_time() {
        for (issuer, bundle, seconds, expected) in [
            (1, [1, 1].as_slice(), 0, true),
            (2, &[1], 300, false),
            (2, &[1, 2], 299, false),
            (2, &[1, 2], 300, true),
            (2, &[2], 0, true),
            (2, &[], 300, false),
        ] {
            let (one, two, webhooks) = (serving(1, 1), serving(2, issuer), webhooks(&[bundle]));
            let trusted_for = Duration::from_secs(seconds);
            let adoption = Adoption { webhooks: Some(&webhooks), trusted_for, ..adoption(Some(&one), &two) };
            assert_eq!(adopts(&adoption, NOW), expected, "{issuer} {bundle:?} {seconds}");
        }
    }

    #[test]
    fn a_worse_certificate_is_not_adopted() {
        let certificate = |from: i64, to: i64, names: &[&str]| {
            let day = |number| NOW + time::Duration::days(number);
            let validity = Validity { not_before: day(from), not_after: day(to) };
            let names = names.iter().map(ToString::to_string).collect();
            Certificate { names, validity, ..serving(1, 1) }
        };
        let good = || certificate(-1, 1, &["a"]);
        for (serving, candidate, expected) in [
            (good(), certificate(-2, 0, &["a"]), false),
            (good(), certificate(1, 2, &["a"]), false),
            (good(), certificate(-1, 1, &["b"]), false),
            (good(), certificate(-2, 2, &["b", "A"]), true),
            // A valid certificate is adopted although it expires earlier: the plan renews it.
            (certificate(-1, 9, &["a"]), good(), true),
            // By a clock that is ahead, both have expired.
            (certificate(-9, -2, &["a"]), certificate(-9, -1, &["a"]), true),
            (certificate(-9, -1, &["a"]), certificate(-9, -2, &["a"]), false),
            (certificate(-1, 1, &["b"]), certificate(-1, 1, &["b"]), true),
        ] {
            let candidate = Certificate { der: der(2), ..candidate };
            let names = ["a".to_owned()];
            let adoption = Adoption { names: &names, ..adoption(Some(&serving), &candidate) };
            assert_eq!(adopts(&adoption, NOW), expected, "{serving:?} {candidate:?}");
        }
    }

    #[test]
    fn interrupted_trust_starts_again() {
        let (mut history, seconds) = (TrustHistory::default(), Duration::from_secs);
        history.observe(Some(&webhooks(&[&[1], &[1, 2]])), seconds(10));
        assert_eq!(history.trusted_for(&serving(9, 1), seconds(30)), seconds(20));
        assert_eq!(history.trusted_for(&serving(9, 2), seconds(30)), seconds(0));
        history.observe(Some(&webhooks(&[&[1, 2], &[2]])), seconds(30));
        history.observe(Some(&webhooks(&[&[1, 2], &[1, 2]])), seconds(40));
        let trusted = [1, 2].map(|issuer| history.trusted_for(&serving(9, issuer), seconds(50)));
        assert_eq!(trusted, [seconds(10), seconds(20)]);
        history.observe(None, seconds(60));
        assert_eq!(history.trusted_for(&serving(9, 2), seconds(70)), seconds(0));
    }

    #[test]
    fn any_certificate_is_adopted_when_none_is_served() {
        let (one, other) = (serving(1, 1), serving(2, 2));
        for (serving, expected) in [(None, true), (Some(&one), false), (Some(&other), false)] {
            assert_eq!(adopts(&adoption(serving, &other), NOW), expected, "{serving:?}");
        }
    }
}
