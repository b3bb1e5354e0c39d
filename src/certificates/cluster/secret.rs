//! The Secret that all replicas share: what it holds, and the patch that changes it.
//!
//! It is read as an untyped object, because nothing in it may be an error: neither a value of the wrong
//! type nor a damaged key. What cannot be used counts as absent. Key material leaves this module only
//! for the Secret itself and for the listener.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::core::DynamicObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::action::Old;
use super::pem;
use super::state::{Agreed, Certificate, Held, Leaf, Validity, has_key};
use crate::certificates::authority::{Pem, can_sign, is_renewable};
use crate::certificates::serving::Checked;
use crate::certificates::{files, trust};

/// Annotation that asks for a new key; whatever its value is, it is removed when it is taken up.
pub const NEW_KEY: &str = "boundtoken.dev/new-key";
/// Annotation with the version of the configuration that agrees, and for how many ticks it has.
pub const AGREED: &str = "boundtoken.dev/agreed";
/// Annotation with the moment when the last certificate under an old authority expires.
pub const OLD_UNTIL: &str = "boundtoken.dev/old-authorities-until";

/// The keys of the Secret's data.
pub const DATA: [&str; 7] =
    ["tls.crt", "tls.key", "ca.crt", "ca.key", "next-ca.crt", "next-ca.key", "old-ca.crt"];

/// What the Secret holds, with its keys.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What the plan looks at.
    pub held: Held,
    /// The version that a change has to name.
    pub resource_version: String,
    /// The authority, if `held` has one.
    pub authority: Option<Pem>,
    /// The next authority, if `held` has one.
    pub next: Option<Pem>,
    /// What replicas serve, if `held` has it: as text and ready to serve.
    pub serving: Option<(Pem, Checked)>,
}

impl Stored {
    /// Reads the Secret. `known` are authorities that others trust: one of them may have signed what
    /// replicas serve.
    pub fn read(object: &DynamicObject, known: &[Certificate]) -> Self {
        let authority = pair(object, "ca").and_then(usable_authority);
        let next = pair(object, "next-ca").and_then(usable_authority);
        let mut held = Held {
            authority: authority.as_ref().map(|(certificate, _)| certificate.clone()),
            foreign: authority.as_ref().is_some_and(|(_, pem)| !is_renewable(pem)),
            next: next.as_ref().map(|(certificate, _)| certificate.clone()),
            old: pem::authorities(&value(object, "old-ca.crt").unwrap_or_default()),
            old_until: annotation(object, OLD_UNTIL)
                .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()),
            agreed: annotation(object, AGREED).and_then(agreed),
            new_key_wanted: annotation(object, NEW_KEY).is_some(),
            written: written(object),
            serving: None,
        };
        if held.authority.is_none() {
            // Its key is gone, but what it signed is still served: there is always room for it.
            let lost = pem::authorities(&value(object, "ca.crt").unwrap_or_default());
            held.old.retain(|one| !has_key(&lost, &one.key));
            held.old.extend(lost);
        }
        let serving = pair(object, "tls");
        held.serving = serving.as_ref().map(|(_, checked)| leaf(checked, &held, known));
        let resource_version = object.metadata.resource_version.clone().unwrap_or_default();
        let (authority, next) = (authority.map(|(_, pem)| pem), next.map(|(_, pem)| pem));
        Self { held, resource_version, authority, next, serving }
    }
}

/// The bytes of a key of the data, if it is text as the API writes it.
fn value(object: &DynamicObject, key: &str) -> Option<Vec<u8>> {
    let text = object.data.get("data")?.get(key)?.as_str()?;
    STANDARD.decode(text).ok()
}

fn annotation<'a>(object: &'a DynamicObject, key: &str) -> Option<&'a str> {
    object.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// `uid/generation ticks`
fn agreed(text: &str) -> Option<Agreed> {
    let (version, ticks) = text.split_once(' ')?;
    Some(Agreed { version: version.to_owned(), ticks: ticks.parse().ok()? })
}

/// When the API server last wrote the object.
fn written(object: &DynamicObject) -> Option<OffsetDateTime> {
    let fields = object.metadata.managed_fields.iter().flatten();
    let times = fields.filter_map(|field| field.time.as_ref()).chain(&object.metadata.creation_timestamp);
    times.filter_map(|time| OffsetDateTime::from_unix_timestamp(time.0.as_second()).ok()).max()
}

/// A certificate and its key, if they belong together.
fn pair(object: &DynamicObject, name: &str) -> Option<(Pem, Checked)> {
    let text = |key: String| String::from_utf8(value(object, &key)?).ok();
    let pem = Pem { certificate: text(format!("{name}.crt"))?, key: text(format!("{name}.key"))? };
    let chain = pem::certificates(pem.certificate.as_bytes())?;
    let checked = files::check(chain, &pem)?;
    Some((pem, checked))
}

fn usable_authority((pem, checked): (Pem, Checked)) -> Option<(Certificate, Pem)> {
    let certificate = pem::authority(checked.key.cert.first()?)?;
    can_sign(&pem).then_some((certificate, pem))
}

fn leaf(checked: &Checked, held: &Held, known: &[Certificate]) -> Leaf {
    let authorities = held.authority.iter().chain(&held.next).chain(&held.old).chain(known);
    let issuer = authorities.into_iter().find(|authority| signed(authority, checked));
    let facts = &checked.facts;
    Leaf {
        der: super::state::Der(checked.key.cert.first().map_or(&[][..], AsRef::as_ref).into()),
        issuer: issuer.map(|authority| authority.key.clone()),
        names: facts.names.clone(),
        validity: Validity { not_before: facts.not_before, not_after: facts.not_after },
    }
}

/// Whether a client that trusts the authority accepts the certificate for its first name, while it is valid.
fn signed(authority: &Certificate, checked: &Checked) -> bool {
    let name = checked.facts.names.first().and_then(|name| ServerName::try_from(name.as_str()).ok());
    let (Some((end_entity, rest)), Some(name)) = (checked.key.cert.split_first(), name) else { return false };
    let root = CertificateDer::from(authority.der.0.to_vec());
    let moment = checked.facts.not_after - Duration::SECOND;
    trust::verify(end_entity, rest, &[root], &name, moment).is_ok()
}

/// A change of the Secret as a JSON merge patch that names the version it is made for.
#[derive(Debug)]
pub struct Patch {
    data: Map<String, Value>,
    annotations: Map<String, Value>,
    resource_version: String,
}

impl Patch {
    /// Changes nothing yet. Every change but a tick of agreement ends the agreement.
    pub fn of(stored: &Stored) -> Self {
        let annotations = Map::from_iter([(AGREED.to_owned(), Value::Null)]);
        Self { data: Map::new(), annotations, resource_version: stored.resource_version.clone() }
    }

    /// Sets `NAME.crt` and `NAME.key`, or removes both.
    pub fn set_pair(&mut self, name: &str, pem: Option<&Pem>) {
        for (suffix, text) in [("crt", pem.map(|pem| &pem.certificate)), ("key", pem.map(|pem| &pem.key))] {
            let text = text.map_or(Value::Null, |text| STANDARD.encode(text).into());
            self.data.insert(format!("{name}.{suffix}"), text);
        }
    }

    /// Sets the old authorities, or removes them all.
    pub fn set_old(&mut self, old: &Old) {
        let some = !old.authorities.is_empty();
        let text = some.then(|| STANDARD.encode(pem::text(&old.authorities)).into());
        self.data.insert("old-ca.crt".to_owned(), text.unwrap_or(Value::Null));
        let until = old.until.filter(|_| some).map(|until| crate::clock::text(until).into());
        self.annotations.insert(OLD_UNTIL.to_owned(), until.unwrap_or(Value::Null));
    }

    /// Records a tick of agreement.
    pub fn set_agreed(&mut self, agreed: &Agreed) {
        let text = format!("{} {}", agreed.version, agreed.ticks);
        self.annotations.insert(AGREED.to_owned(), text.into());
    }

    /// Takes up the wish for a new key.
    pub fn take_up_new_key(&mut self) {
        self.annotations.insert(NEW_KEY.to_owned(), Value::Null);
    }

    /// The patch as it is sent.
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
    use crate::certificates::authority::new_authority;

    #[test]
    fn an_authority_that_lost_its_key_is_trusted_once() {
        let [first, second] = [20_000, 20_001]
            .map(|day| new_authority(OffsetDateTime::UNIX_EPOCH + Duration::days(day)).unwrap().certificate);
        let mut object = DynamicObject::new("boundtoken", &super::super::views::secrets());
        for (old, count) in
            [(String::new(), 1), (first.clone(), 1), (second.clone(), 2), (second + &first, 2)]
        {
            object.data =
                json!({"data": {"ca.crt": STANDARD.encode(&first), "old-ca.crt": STANDARD.encode(&old)}});
            let held = Stored::read(&object, &[]).held;
            assert!(held.authority.is_none());
            assert_eq!(held.old.len(), count);
            assert_eq!(held.old.last(), pem::authorities(first.as_bytes()).last());
        }
    }

    #[test]
    fn an_authority_that_lost_its_key_finds_room() {
        let text = |day| new_authority(OffsetDateTime::UNIX_EPOCH + Duration::days(day)).unwrap().certificate;
        let old: String = (0..16).map(|day| text(20_000 + day)).collect();
        let mut object = DynamicObject::new("boundtoken", &super::super::views::secrets());
        object.data =
            json!({"data": {"ca.crt": STANDARD.encode(text(20_016)), "old-ca.crt": STANDARD.encode(old)}});
        assert_eq!(Stored::read(&object, &[]).held.old.len(), 17);
    }
}
