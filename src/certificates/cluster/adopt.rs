//! Which serving certificate a replica serves: the one it serves now, or the one in the Secret. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::state::{Der, Leaf, Live, has_key};

/// How long the configuration has trusted each authority, as this replica saw it.
///
/// Moments are durations since any fixed one, by a clock that only runs.
#[derive(Clone, Debug, Default)]
pub struct Trusted(BTreeMap<Der, Duration>);

impl Trusted {
    /// Takes in the configuration. What it does not trust any more, if only for a moment, starts anew.
    pub fn see(&mut self, configuration: Option<&Live>, now: Duration) {
        let bundles = configuration.map_or(&[][..], |live| &live.bundles);
        let trusts = |key: &Der| !bundles.is_empty() && bundles.iter().all(|bundle| has_key(bundle, key));
        self.0.retain(|key, _| trusts(key));
        for authority in bundles.iter().flatten().filter(|authority| trusts(&authority.key)) {
            self.0.entry(authority.key.clone()).or_insert(now);
        }
    }

    /// How long the authority of a certificate has been trusted.
    pub fn since(&self, leaf: &Leaf, now: Duration) -> Duration {
        let since = leaf.issuer.as_ref().and_then(|issuer| self.0.get(issuer));
        since.map_or(Duration::ZERO, |since| now.saturating_sub(*since))
    }
}

/// What there is to choose between.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// What this replica serves now.
    pub serving: Option<&'a Leaf>,
    /// What the Secret holds.
    pub candidate: &'a Leaf,
    /// The names that it has to speak for.
    pub names: &'a [String],
    /// The webhook configuration, if it exists.
    pub configuration: Option<&'a Live>,
    /// How long the configuration has trusted the candidate's authority: see [`Trusted`].
    pub trusted_for: Duration,
    /// How long a change of the configuration may take to reach every API server.
    pub dwell: Duration,
}

/// Whether to serve what the Secret holds from now on.
///
/// A certificate under another authority is served only after API servers have had time to learn of
/// that authority, unless they do not trust what is served now anyway. That it has expired by the clock
/// of this machine is no reason: that clock may be ahead.
pub fn adopts(choice: &Choice<'_>, now: OffsetDateTime) -> bool {
    let Choice { serving, candidate, names, configuration, trusted_for, dwell } = *choice;
    let Some(serving) = serving else { return true };
    if serving.der == candidate.der || is_worse(candidate, serving, names, now) {
        return false;
    }
    let accepts = |leaf: &Leaf| configuration.is_some_and(|live| live.accepts(leaf, now));
    if serving.issuer.is_some() && serving.issuer == candidate.issuer {
        return true;
    }
    let trusts = |leaf: &Leaf| configuration.is_some_and(|live| live.trusts_issuer_of(leaf));
    accepts(candidate) && (trusted_for >= dwell || !trusts(serving))
}

/// Whether one lacks a name, or is outside its validity and further so than the other: a Secret restored
/// from a backup may hold what has expired, until somebody has renewed it.
///
/// No clock has to be right for this: by any of them, what is kept ends later or began earlier.
fn is_worse(one: &Leaf, other: &Leaf, names: &[String], now: OffsetDateTime) -> bool {
    let (validity, others) = (one.validity, other.validity);
    let expired = validity.not_after <= now && validity.not_after < others.not_after;
    let early = now < validity.not_before && others.not_before < validity.not_before;
    expired || early || (other.covers(names) && !one.covers(names))
}

#[cfg(test)]
mod tests {
    use time::Duration as Life;

    use super::super::state::{Certificate, Der, Validity};
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Life::days(20_000));
    const VALIDITY: Validity = Validity {
        not_before: NOW.saturating_sub(Life::days(1)),
        not_after: NOW.saturating_add(Life::days(1)),
    };

    fn der(byte: u8) -> Der {
        Der([byte].as_slice().into())
    }

    fn leaf(own: u8, issuer: u8) -> Leaf {
        Leaf { der: der(own), issuer: Some(der(issuer)), names: Vec::new(), validity: VALIDITY }
    }

    /// What becomes of the leaf 1 under authority 1 when the Secret holds leaf 2 under `issuer`.
    fn adopted(issuer: u8, bundle: &[u8], seconds: u64) -> bool {
        let roots =
            bundle.iter().map(|key| Certificate { der: der(*key), key: der(*key), validity: VALIDITY });
        let live = Live { version: String::new(), bundles: vec![roots.collect()], owned: true };
        let choice = Choice {
            serving: Some(&leaf(1, 1)),
            candidate: &leaf(2, issuer),
            names: &[],
            configuration: Some(&live),
            trusted_for: Duration::from_secs(seconds),
            dwell: Duration::from_mins(5),
        };
        adopts(&choice, NOW)
    }

    #[test]
    fn another_authority_is_waited_for() {
        for (issuer, bundle, seconds, expected) in [
            (1, [1, 1].as_slice(), 0, true),
            (2, &[1], 300, false),
            (2, &[1, 2], 299, false),
            (2, &[1, 2], 300, true),
            (2, &[2], 0, true),
            (2, &[], 300, false),
        ] {
            assert_eq!(adopted(issuer, bundle, seconds), expected, "{issuer} {bundle:?} {seconds}");
        }
    }

    #[test]
    fn what_has_expired_or_lacks_a_name_takes_the_place_of_nothing_better() {
        let certificate = |from: i64, to: i64, names: &[&str]| {
            let validity = Validity { not_before: NOW + Life::days(from), not_after: NOW + Life::days(to) };
            Leaf { validity, names: names.iter().map(ToString::to_string).collect(), ..leaf(1, 1) }
        };
        let good = || certificate(-1, 1, &["a"]);
        for (serving, candidate, expected) in [
            (good(), certificate(-2, 0, &["a"]), false),
            (good(), certificate(1, 2, &["a"]), false),
            (good(), certificate(-1, 1, &["b"]), false),
            (good(), certificate(-2, 2, &["b", "A"]), true),
            // What is valid now is taken, though it ends earlier: the plan renews it.
            (certificate(-1, 9, &["a"]), good(), true),
            // A clock that is ahead takes both for expired.
            (certificate(-9, -2, &["a"]), certificate(-9, -1, &["a"]), true),
            (certificate(-9, -1, &["a"]), certificate(-9, -2, &["a"]), false),
            (certificate(-1, 1, &["b"]), certificate(-1, 1, &["b"]), true),
        ] {
            let candidate = Leaf { der: der(2), ..candidate };
            let choice = Choice {
                serving: Some(&serving),
                candidate: &candidate,
                names: &["a".to_owned()],
                configuration: None,
                trusted_for: Duration::ZERO,
                dwell: Duration::from_mins(5),
            };
            assert_eq!(adopts(&choice, NOW), expected, "{serving:?} {candidate:?}");
        }
    }

    #[test]
    fn trust_that_was_interrupted_starts_anew() {
        let live = |keys: &[&[u8]]| {
            let root = |key: &u8| Certificate { der: der(*key), key: der(*key), validity: VALIDITY };
            let bundles = keys.iter().map(|keys| keys.iter().map(root).collect()).collect();
            Live { version: String::new(), bundles, owned: true }
        };
        let (mut trusted, seconds) = (Trusted::default(), Duration::from_secs);
        trusted.see(Some(&live(&[&[1], &[1, 2]])), seconds(10));
        assert_eq!(trusted.since(&leaf(9, 1), seconds(30)), seconds(20));
        assert_eq!(trusted.since(&leaf(9, 2), seconds(30)), seconds(0));
        trusted.see(Some(&live(&[&[1, 2], &[2]])), seconds(30));
        trusted.see(Some(&live(&[&[1, 2], &[1, 2]])), seconds(40));
        let since = [1, 2].map(|issuer| trusted.since(&leaf(9, issuer), seconds(50)));
        assert_eq!(since, [seconds(10), seconds(20)]);
        trusted.see(None, seconds(60));
        assert_eq!(trusted.since(&leaf(9, 2), seconds(70)), seconds(0));
    }

    #[test]
    fn something_is_better_than_nothing() {
        let (one, other) = (leaf(1, 1), leaf(2, 2));
        for (serving, expected) in [(None, true), (Some(&one), false), (Some(&other), false)] {
            let choice = Choice {
                serving,
                candidate: &other,
                names: &[],
                configuration: None,
                trusted_for: Duration::ZERO,
                dwell: Duration::from_mins(5),
            };
            assert_eq!(adopts(&choice, NOW), expected, "{serving:?}");
        }
    }
}
