//! The `MutatingWebhookConfiguration`: its content, and the patch that changes our fields of it.

use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::install::Install;
use super::state::WebhookState;
use crate::certificates::Certificate;
use crate::certificates::pem::{decode_bundle, encode_bundle};

/// One version of the configuration.
#[derive(Clone, Debug)]
pub struct WebhookSnapshot {
    /// The content as the plan sees it.
    pub state: WebhookState,
    /// The version that a change has to name.
    pub resource_version: String,
    /// Index and name of each of our webhooks.
    ours: Vec<(usize, String)>,
    has_owners: bool,
}

impl WebhookSnapshot {
    /// Reads the configuration. A webhook is ours if it calls our Service, or a URL whose host is one of our
    /// names. `namespace_uid` is the uid of our own Namespace.
    pub fn read(object: &DynamicObject, install: &Install, namespace_uid: &str) -> Self {
        let webhooks = object.data.get("webhooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let ours = webhooks.iter().enumerate().filter(|(_, webhook)| is_ours(webhook, install));
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
        Self {
            state: WebhookState { version, bundles, owned },
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            ours,
            has_owners: metadata.owner_references.is_some(),
        }
    }

    /// The RFC 6902 patch that publishes a bundle and makes our Namespace the owner.
    pub fn patch(&self, bundle: &[Certificate], install: &Install, namespace_uid: &str) -> Value {
        // `replace` rather than `test`: for an outdated version the API server then answers 409, while a
        // failed test is a 422, like any invalid patch.
        let mut operations = vec![
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": self.resource_version}),
        ];
        let text = STANDARD.encode(encode_bundle(bundle));
        for (index, name) in &self.ours {
            operations.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": name}));
            let field = format!("/webhooks/{index}/clientConfig/caBundle");
            operations.push(json!({"op": "add", "path": field, "value": text}));
        }
        if !self.state.owned {
            let reference = json!({
                "apiVersion": "v1", "kind": "Namespace", "name": install.namespace, "uid": namespace_uid
            });
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

fn is_ours(webhook: &Value, install: &Install) -> bool {
    let Some(config) = webhook.get("clientConfig") else { return false };
    if let Some(url) = config.get("url").and_then(Value::as_str) {
        return calls_one_of(url, &install.names);
    }
    let is = |key: &str, expected: &str| {
        config.get("service").and_then(|service| service.get(key)).and_then(Value::as_str) == Some(expected)
    };
    is("name", &install.service) && is("namespace", &install.namespace)
}

fn calls_one_of(url: &str, names: &[String]) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().map(|host| host.trim_matches(['[', ']']));
    url.scheme_str() == Some("https") && names.iter().any(|name| Some(name.as_str()) == host)
}

fn bundle(webhook: &Value) -> Vec<Certificate> {
    let text = webhook.get("clientConfig").and_then(|config| config.get("caBundle")).and_then(Value::as_str);
    text.and_then(|text| STANDARD.decode(text).ok()).map(|text| decode_bundle(&text)).unwrap_or_default()
}
