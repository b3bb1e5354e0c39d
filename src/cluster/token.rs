//! Reads the audiences of our own token, which are names of the API server.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::files;

/// The start of the subject of a `ServiceAccount` (`serviceAccountUsernamePrefix` in
/// `apiserver/pkg/authentication/serviceaccount/util.go`).
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    sub: String,
    aud: Aud,
}

/// One audience or several (RFC 7519).
#[derive(Deserialize)]
#[serde(untagged)]
enum Aud {
    One(String),
    Several(Vec<String>),
}

/// Returns the audiences of a token; none if the text is not the token of a `ServiceAccount` with audiences. The
/// audience of a token of an identity provider is a client ID, which the API server accepts for that provider only.
pub fn audiences(token: &str) -> Vec<String> {
    let payload = payload(token.trim()).filter(|payload| payload.sub.starts_with(SERVICE_ACCOUNT));
    let mut audiences = match payload.map(|payload| payload.aud) {
        Some(Aud::One(audience)) => vec![audience],
        Some(Aud::Several(audiences)) => audiences,
        None => Vec::new(),
    };
    // An empty name is no audience.
    audiences.retain(|audience| !audience.is_empty());
    audiences
}

/// Returns the audiences of the token in a file; none if it cannot be read.
pub fn audiences_of(path: &Path) -> Vec<String> {
    let token = files::read(path).ok().and_then(|token| String::from_utf8(token).ok());
    token.as_deref().map(audiences).unwrap_or_default()
}

fn payload(token: &str) -> Option<Payload> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2ln\n", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    /// A token of boundtoken's ServiceAccount with further claims.
    fn own(claims: &str) -> String {
        token(&format!(r#"{{"sub": "system:serviceaccount:boundtoken:boundtoken", {claims}}}"#))
    }

    #[test]
    fn a_token_names_one_audience_or_several() {
        assert_eq!(audiences(&own(r#""aud": "https://a", "exp": 1"#)), ["https://a"]);
        assert_eq!(audiences(&own(r#""iss": "x", "aud": ["https://a", "k3s"]"#)), ["https://a", "k3s"]);
        assert_eq!(audiences(&own(r#""aud": ["", "https://a"]"#)), ["https://a"]);
    }

    #[test]
    fn the_audience_of_an_identity_provider_is_not_one_of_the_api_server() {
        for subject in ["", r#""sub": "jane@example.com", "#, r#""sub": "system:node:a", "#] {
            let token = token(&format!(r#"{{{subject}"aud": "client-id"}}"#));
            assert!(audiences(&token).is_empty(), "{subject}");
        }
    }

    #[test]
    fn other_text_has_no_audiences() {
        let not_base64 = "e30.%%%.c2ln";
        for text in ["", "a", "a.b", "a.b.c", not_base64, &token("{}"), &own(r#""aud": 1"#), &token("[]")] {
            assert!(audiences(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_token_is_read_from_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        assert!(audiences_of(&path).is_empty());
        std::fs::write(&path, own(r#""aud": ["https://a"]"#)).unwrap();
        assert_eq!(audiences_of(&path), ["https://a"]);
    }
}
