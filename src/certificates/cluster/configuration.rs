//! The `MutatingWebhookConfiguration`: what it holds, and the patch that changes our fields of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::keeper::Place;
use super::pem;
use super::state::{Certificate, Live};

/// What the configuration holds.
#[derive(Clone, Debug)]
pub struct Published {
    /// What the plan looks at.
    pub live: Live,
    /// The version that a change has to name.
    pub resource_version: String,
    /// Index and name of each of our webhooks.
    ours: Vec<(usize, String)>,
    has_owners: bool,
}

impl Published {
    /// Reads the configuration. A webhook is ours if it calls our Service, or a URL at one of our names;
    /// `namespace_uid` is that of our own.
    pub fn read(object: &DynamicObject, place: &Place, namespace_uid: &str) -> Self {
        let webhooks = object.data.get("webhooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let ours = webhooks.iter().enumerate().filter(|(_, webhook)| is_ours(webhook, place));
        let (ours, bundles): (Vec<_>, Vec<_>) = ours
            .map(|(index, webhook)| {
                let name = webhook.get("name").and_then(Value::as_str).unwrap_or_default();
                ((index, name.to_owned()), bundle(webhook))
            })
            .unzip();
        let metadata = &object.metadata;
        let references = metadata.owner_references.as_deref().unwrap_or_default();
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let version = format!("{uid}/{}", metadata.generation.unwrap_or_default());
        let owned = references.iter().any(|reference| reference.uid == namespace_uid);
        let resource_version = metadata.resource_version.clone().unwrap_or_default();
        Self {
            live: Live { version, bundles, owned },
            resource_version,
            ours,
            has_owners: metadata.owner_references.is_some(),
        }
    }

    /// The RFC 6902 patch that publishes a bundle and makes our Namespace the owner.
    ///
    /// The version is written rather than tested: the API server then answers 409 if it is no longer
    /// the latest, while a test that fails is a 422 like any mistake.
    pub fn patch(&self, bundle: &[Certificate], place: &Place, uid: &str) -> Value {
        let mut operations = vec![
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": self.resource_version}),
        ];
        let text = STANDARD.encode(pem::text(bundle));
        for (index, name) in &self.ours {
            operations.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": name}));
            let field = format!("/webhooks/{index}/clientConfig/caBundle");
            operations.push(json!({"op": "add", "path": field, "value": text}));
        }
        if !self.live.owned {
            let reference =
                json!({"apiVersion": "v1", "kind": "Namespace", "name": place.namespace, "uid": uid});
            let (path, value) = if self.has_owners {
                ("/metadata/ownerReferences/-", reference)
            } else {
                ("/metadata/ownerReferences", json!([reference]))
            };
            operations.push(json!({"op": "add", "path": path, "value": value}));
        }
        operations.into()
    }
}

fn is_ours(webhook: &Value, place: &Place) -> bool {
    let Some(config) = webhook.get("clientConfig") else { return false };
    if let Some(url) = config.get("url").and_then(Value::as_str) {
        return host(url).is_some_and(|host| place.names.iter().any(|name| name == host));
    }
    let is = |key: &str, expected: &str| {
        config.get("service").and_then(|service| service.get(key)).and_then(Value::as_str) == Some(expected)
    };
    is("name", &place.service) && is("namespace", &place.namespace)
}

/// The host of `https://host:port/path`.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => authority.split(':').next(),
    }
}

fn bundle(webhook: &Value) -> Vec<Certificate> {
    let text = webhook.get("clientConfig").and_then(|config| config.get("caBundle")).and_then(Value::as_str);
    text.and_then(|text| STANDARD.decode(text).ok()).map(|text| pem::authorities(&text)).unwrap_or_default()
}
