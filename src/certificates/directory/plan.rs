//! Decides which certificates of a directory to renew. Pure: no file, no clock.

use time::{Duration, OffsetDateTime};

use crate::certificates::certificate::{Certificate, Validity};

/// Life of a CA: long, because people distribute its certificate by hand.
pub const CA_LIFE: Duration = Duration::days(3650);

/// Life of a serving certificate, which is renewed automatically.
pub const SERVING_LIFE: Duration = Duration::days(365);

/// The usable certificates in the directory.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The CA, if its key is there.
    pub ca: Option<Certificate>,
    /// The serving certificate, if its key is there and the CA signed it.
    pub serving: Option<Certificate>,
}

/// The certificates to renew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewal {
    /// Make a new CA and a serving certificate under it.
    Ca,
    /// Make a new serving certificate under the present CA.
    Serving,
    /// Serve the present certificate.
    None,
}

/// Chooses what to renew. A valid CA is never replaced: clients have a copy of its certificate.
pub fn plan(found: &Found, names: &[String], now: OffsetDateTime) -> Renewal {
    if !found.ca.as_ref().is_some_and(|ca| ca.is_ca && ca.validity.contains(now)) {
        return Renewal::Ca;
    }
    match &found.serving {
        Some(serving)
            if serving.validity.contains(now) && !is_due(serving.validity, now) && serving.covers(names) =>
        {
            Renewal::None
        }
        _ => Renewal::Serving,
    }
}

/// Whether a serving certificate has less than a third of its life left.
pub fn is_due(Validity { not_before, not_after }: Validity, now: OffsetDateTime) -> bool {
    (not_after - now) * 3 < not_after - not_before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::certificate::Der;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn certificate(from: i64, to: i64, is_ca: bool) -> Certificate {
        let der = Der([].as_slice().into());
        Certificate {
            public_key: der.clone(),
            der,
            issuer: None,
            names: vec!["localhost".to_owned(), "Webhook.Example".to_owned()],
            validity: Validity {
                not_before: NOW + Duration::days(from),
                not_after: NOW + Duration::days(to),
            },
            is_ca,
        }
    }

    fn decide(ca: Option<Certificate>, serving: Option<Certificate>, names: &[&str]) -> Renewal {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        plan(&Found { ca, serving }, &names, NOW)
    }

    #[test]
    fn only_a_ca_that_is_not_valid_is_replaced() {
        let serving = || Some(certificate(-1, 364, false));
        for (ca, expected) in [
            (None, Renewal::Ca),
            (Some(certificate(-20, 0, true)), Renewal::Ca),
            (Some(certificate(1, 20, true)), Renewal::Ca),
            (Some(certificate(-20, 20, false)), Renewal::Ca),
            (Some(certificate(-20, 1, true)), Renewal::None),
        ] {
            assert_eq!(decide(ca.clone(), serving(), &["localhost"]), expected, "{ca:?}");
        }
    }

    #[test]
    fn a_certificate_is_renewed_in_the_last_third_of_its_life() {
        let ca = || Some(certificate(-20, 2000, true));
        for (serving, expected) in [
            (None, Renewal::Serving),
            (Some(certificate(-20, 0, false)), Renewal::Serving),
            (Some(certificate(1, 300, false)), Renewal::Serving),
            (Some(certificate(-200, 99, false)), Renewal::Serving),
            (Some(certificate(-200, 100, false)), Renewal::None),
        ] {
            assert_eq!(decide(ca(), serving.clone(), &["localhost"]), expected, "{serving:?}");
        }
    }

    #[test]
    fn a_missing_name_renews_the_certificate() {
        let with = |names: &[&str]| {
            let (ca, serving) = (certificate(-20, 2000, true), certificate(-1, 364, false));
            decide(Some(ca), Some(serving), names)
        };
        assert_eq!(with(&["localhost", "webhook.example"]), Renewal::None);
        assert_eq!(with(&["localhost", "other.example"]), Renewal::Serving);
    }
}
