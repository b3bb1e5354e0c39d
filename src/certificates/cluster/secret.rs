//! The Secret that all replicas share: its content, and the patch that changes it.
//!
//! The Secret is read as an untyped object, so that a value of the wrong type or a damaged key is no error:
//! unusable data counts as absent. Keys leave this module only for the Secret itself and for the listener.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::core::DynamicObject;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::action::RetiredCas;
use super::state::{Agreement, SecretState, has_key};
use crate::certificates::pem::{Pem, decode_bundle, encode_bundle};
use crate::certificates::{Ca, Certificate, pair::CheckedPair};

/// Annotation that requests a new key, with any value. It is removed when the next CA is made.
pub const NEW_KEY: &str = "boundtoken.dev/new-key";
/// Annotation with the version of the configuration that agrees, and the number of ticks on record.
pub const AGREED: &str = "boundtoken.dev/agreed";
/// Annotation with the time when the last certificate under a retired CA expires.
pub const RETIRED_UNTIL: &str = "boundtoken.dev/old-authorities-until";

/// The key of the data that contains the retired CAs.
const RETIRED: &str = "old-ca.crt";

/// The keys of the data.
pub const DATA: [&str; 7] = ["tls.crt", "tls.key", "ca.crt", "ca.key", "next-ca.crt", "next-ca.key", RETIRED];

/// One version of the Secret, with the private keys.
#[derive(Clone, Debug)]
pub struct SecretSnapshot {
    /// The content as the plan sees it.
    pub state: SecretState,
    /// The version that a change has to name.
    pub resource_version: String,
    /// The CA, if `state` has one.
    pub ca: Option<Ca>,
    /// The next CA, if `state` has one.
    pub next_ca: Option<Ca>,
    /// The serving certificate, if `state` has one: as text and ready to serve.
    pub serving: Option<(Pem, CheckedPair)>,
}

impl SecretSnapshot {
    /// Reads the Secret. `known` are CAs from elsewhere that may have signed the serving certificate.
    pub fn read(object: &DynamicObject, known: &[Certificate]) -> Self {
        let [ca, next_ca] = ["ca", "next-ca"].map(|name| Ca::load(pair(object, name)?).ok());
        let mut state = SecretState {
            ca: ca.as_ref().map(|ca| ca.certificate.clone()),
            ca_is_external: ca.as_ref().is_some_and(|ca| ca.is_external),
            next_ca: next_ca.as_ref().map(|ca| ca.certificate.clone()),
            retired: bundle(object, RETIRED),
            retired_until: annotation(object, RETIRED_UNTIL)
                .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()),
            agreement: annotation(object, AGREED).and_then(agreement),
            new_key_requested: annotation(object, NEW_KEY).is_some(),
            written: written(object),
            serving: None,
        };
        if state.ca.is_none() {
            // A CA without its key may have signed the certificate in use: it is kept beyond any limit.
            let lost = bundle(object, "ca.crt");
            state.retired.retain(|ca| !has_key(&lost, &ca.public_key));
            state.retired.extend(lost);
        }
        let serving = serving(object, &state, known);
        state.serving = serving.as_ref().map(|(_, pair)| pair.certificate.clone());
        let resource_version = object.metadata.resource_version.clone().unwrap_or_default();
        Self { state, resource_version, ca, next_ca, serving }
    }
}

/// The decoded value of a key of the data.
fn value(object: &DynamicObject, key: &str) -> Option<Vec<u8>> {
    let text = object.data.get("data")?.get(key)?.as_str()?;
    STANDARD.decode(text).ok()
}

fn annotation<'a>(object: &'a DynamicObject, key: &str) -> Option<&'a str> {
    object.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Parses `uid/generation ticks`.
fn agreement(text: &str) -> Option<Agreement> {
    let (version, ticks) = text.split_once(' ')?;
    Some(Agreement { version: version.to_owned(), ticks: ticks.parse().ok()? })
}

/// When the API server last wrote the object.
fn written(object: &DynamicObject) -> Option<OffsetDateTime> {
    let fields = object.metadata.managed_fields.iter().flatten();
    let times = fields.filter_map(|field| field.time.as_ref()).chain(&object.metadata.creation_timestamp);
    times.filter_map(|time| OffsetDateTime::from_unix_timestamp(time.0.as_second()).ok()).max()
}

fn bundle(object: &DynamicObject, key: &str) -> Vec<Certificate> {
    value(object, key).map(|text| decode_bundle(&text)).unwrap_or_default()
}

fn pair(object: &DynamicObject, name: &str) -> Option<Pem> {
    let text = |key: String| String::from_utf8(value(object, &key)?).ok();
    Some(Pem { certificate: text(format!("{name}.crt"))?, key: text(format!("{name}.key"))? })
}

/// The serving certificate, with the CA among those of the Secret and `known` that signed it.
fn serving(object: &DynamicObject, state: &SecretState, known: &[Certificate]) -> Option<(Pem, CheckedPair)> {
    let pem = pair(object, "tls")?;
    let (chain, key) = pem.decode()?;
    let mut pair = CheckedPair::new(chain, key).ok()?;
    let mut cas = state.ca.iter().chain(&state.next_ca).chain(&state.retired).chain(known);
    // At its last valid moment, so that neither the clock nor an expiry matters.
    let moment = pair.certificate.validity.not_after - Duration::SECOND;
    let issuer = cas.find(|ca| pair.is_signed_by(ca, moment)).map(|ca| ca.public_key.clone());
    pair.certificate.issuer = issuer;
    Some((pem, pair))
}

/// A change of the Secret as a JSON merge patch, which names the version that it changes.
#[derive(Debug)]
pub struct SecretPatch {
    data: Map<String, Value>,
    annotations: Map<String, Value>,
    resource_version: String,
}

impl SecretPatch {
    /// An empty change. Every change but [`SecretPatch::set_agreement`] ends the agreement.
    pub fn of(secret: &SecretSnapshot) -> Self {
        let annotations = Map::from_iter([(AGREED.to_owned(), Value::Null)]);
        Self { data: Map::new(), annotations, resource_version: secret.resource_version.clone() }
    }

    /// Sets `NAME.crt` and `NAME.key`, or removes both.
    pub fn set_pair(&mut self, name: &str, pem: Option<&Pem>) {
        for (suffix, text) in [("crt", pem.map(|pem| &pem.certificate)), ("key", pem.map(|pem| &pem.key))] {
            let text = text.map_or(Value::Null, |text| STANDARD.encode(text).into());
            self.data.insert(format!("{name}.{suffix}"), text);
        }
    }

    /// Sets the retired CAs, or removes them if there are none.
    pub fn set_retired(&mut self, retired: &RetiredCas) {
        let some = !retired.cas.is_empty();
        let text = some.then(|| STANDARD.encode(encode_bundle(&retired.cas)).into());
        self.data.insert(RETIRED.to_owned(), text.unwrap_or(Value::Null));
        let until = retired.until.filter(|_| some).map(|until| crate::clock::text(until).into());
        self.annotations.insert(RETIRED_UNTIL.to_owned(), until.unwrap_or(Value::Null));
    }

    /// Records a tick of agreement.
    pub fn set_agreement(&mut self, agreement: &Agreement) {
        let text = format!("{} {}", agreement.version, agreement.ticks);
        self.annotations.insert(AGREED.to_owned(), text.into());
    }

    /// Removes the request for a new key.
    pub fn remove_new_key_request(&mut self) {
        self.annotations.insert(NEW_KEY.to_owned(), Value::Null);
    }

    /// The patch to send.
    pub fn into_json(self) -> Value {
        let Self { data, annotations, resource_version } = self;
        let metadata = json!({"resourceVersion": resource_version, "annotations": annotations});
        if data.is_empty() {
            json!({"metadata": metadata})
        } else {
            json!({"metadata": metadata, "data": data})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::Validity;

    /// The certificate of a new CA.
    fn ca(day: i64) -> String {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000 + day);
        Ca::generate(Validity::from_now(now, Duration::days(3650))).unwrap().pem.certificate
    }

    /// The state of a Secret whose CA has lost its key.
    fn state(ca: &str, retired: &str) -> SecretState {
        let mut object = DynamicObject::new("boundtoken", &super::super::watch::secrets());
        object.data = json!({"data": {"ca.crt": STANDARD.encode(ca), RETIRED: STANDARD.encode(retired)}});
        SecretSnapshot::read(&object, &[]).state
    }

    #[test]
    fn a_ca_without_its_key_is_retired_once() {
        let [first, second] = [ca(0), ca(1)];
        let both = format!("{second}{first}");
        for (retired, count) in [("", 1), (&first, 1), (&second, 2), (&both, 2)] {
            let state = state(&first, retired);
            assert!(state.ca.is_none());
            assert_eq!(state.retired.len(), count);
            assert_eq!(state.retired.last(), decode_bundle(first.as_bytes()).last());
        }
    }

    #[test]
    fn a_ca_without_its_key_is_kept_beyond_the_limit() {
        let retired: String = (0..16).map(ca).collect();
        assert_eq!(state(&ca(16), &retired).retired.len(), 17);
    }
}
