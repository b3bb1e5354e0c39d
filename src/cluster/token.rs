//! Reads the audiences of our own token, which are names of the API server.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::files;

#[derive(Deserialize)]
struct Payload {
    aud: Aud,
}

/// One audience or several (RFC 7519).
#[derive(Deserialize)]
#[serde(untagged)]
enum Aud {
    One(String),
    Several(Vec<String>),
}

/// Returns the audiences of a token; none if the text is not a JSON Web Token with audiences.
pub fn audiences(token: &str) -> Vec<String> {
    let mut audiences = match payload(token.trim()) {
        Some(Payload { aud: Aud::One(audience) }) => vec![audience],
        Some(Payload { aud: Aud::Several(audiences) }) => audiences,
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

    #[test]
    fn a_token_names_one_audience_or_several() {
        assert_eq!(audiences(&token(r#"{"aud": "https://a", "exp": 1}"#)), ["https://a"]);
        assert_eq!(audiences(&token(r#"{"iss": "x", "aud": ["https://a", "k3s"]}"#)), ["https://a", "k3s"]);
        assert_eq!(audiences(&token(r#"{"aud": ["", "https://a"]}"#)), ["https://a"]);
    }

    #[test]
    fn other_text_has_no_audiences() {
        let not_base64 = "e30.%%%.c2ln";
        for text in ["", "a", "a.b", "a.b.c", not_base64, &token("{}"), &token(r#"{"aud": 1}"#), &token("[]")]
        {
            assert!(audiences(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_token_is_read_from_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        assert!(audiences_of(&path).is_empty());
        std::fs::write(&path, token(r#"{"aud": ["https://a"]}"#)).unwrap();
        assert_eq!(audiences_of(&path), ["https://a"]);
    }
}
