//! Service account tokens that are older than the cluster of the test: signed again with its key.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, SigningKey};
use serde_json::Value;

/// The same token, issued so many seconds earlier. It expires at the same time.
///
/// `directory` is that of the control plane, with the key.
pub(crate) fn issued_earlier(directory: &Path, token: &str, seconds: i64) -> String {
    let [head, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    for claim in ["/iat", "/nbf", "/kubernetes.io/warnafter"] {
        let time = claims.pointer_mut(claim).unwrap();
        *time = (time.as_i64().unwrap() - seconds).into();
    }
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let key = std::fs::read_to_string(directory.join("service-account.key")).unwrap();
    let signature = KeyPair::from_pem(&key).unwrap().sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bare(&signature)))
}

/// The two numbers of a DER signature in the form of JWTs: 32 bytes each (RFC 7518, section 3.4).
fn bare(der: &[u8]) -> Vec<u8> {
    // DER has a sequence of two integers, each after its tag and length; both lengths fit one byte.
    let first = usize::from(der[3]);
    let numbers = [&der[4..4 + first], &der[4 + first + 2..]];
    let padded = numbers.map(|number| {
        let digits = &number[number.len().saturating_sub(32)..];
        [&vec![0; 32 - digits.len()], digits].concat()
    });
    padded.concat()
}
