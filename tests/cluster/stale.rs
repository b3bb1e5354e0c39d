//! The signs that a year-long token is used after 3607 seconds, before its Namespace is labelled.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, SigningKey};
use serde_json::{Value, json};

use crate::pods::pod;
use crate::shop::Terminal;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::pages::block;

const NAMESPACE: &str = "stale";

/// Such a token is accepted, counted, and recorded in the audit log.
pub(crate) async fn a_token_that_is_used_too_long(plane: Arc<ControlPlane>) {
    let terminal = Terminal::of(&plane);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    plane.api.create(&namespace).await.unwrap();
    plane.wait_for_service_account(NAMESPACE).await;
    let mut log = plane.follow_audit_log("authentication.k8s.io/stale-token");
    plane.api.create(&pod(NAMESPACE, "old", &[])).await.unwrap();
    let [fresh, stale] =
        [issue(&plane, NAMESPACE, "old").await, aged(&plane, &issue(&plane, NAMESPACE, "old").await)];
    let user = "system:serviceaccount:stale:default";
    for (token, count) in [(fresh, 0), (stale, 1)] {
        let answer = terminal.type_in(&format!("kubectl --token={token} auth whoami"));
        assert!(answer.contains(user), "{answer}");
        let counted = terminal.type_in(&block("stale-tokens"));
        assert_eq!(
            counted.lines().last(),
            Some(format!("serviceaccount_stale_tokens_total {count}").as_str())
        );
    }
    let event = eventually("a note in the audit log", async || log.read().first().cloned()).await;
    let note = event["annotations"]["authentication.k8s.io/stale-token"].as_str().unwrap();
    assert!(note.starts_with(&format!("subject: {user}, seconds after warning threshold: ")), "{note}");
    assert_eq!(event["user"]["extra"]["authentication.kubernetes.io/pod-name"], json!(["old"]));
}

/// Requests the token of a Pod as the kubelet does for the volume of the plugin.
pub(crate) async fn issue(plane: &ControlPlane, namespace: &str, name: &str) -> String {
    let pod = plane.api.get(&format!("/api/v1/namespaces/{namespace}/pods/{name}")).await.unwrap();
    let uid = &pod["metadata"]["uid"];
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
        "expirationSeconds": 3607,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid},
    }});
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default/token");
    let answer = plane.api.post(&path, &request).await;
    answer.ok().unwrap()["status"]["token"].as_str().unwrap().to_owned()
}

/// The same token with times two hours earlier.
pub(crate) fn aged(plane: &ControlPlane, token: &str) -> String {
    let [head, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    for claim in ["/iat", "/nbf", "/kubernetes.io/warnafter"] {
        let time = claims.pointer_mut(claim).unwrap();
        *time = (time.as_i64().unwrap() - 7200).into();
    }
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let key = std::fs::read_to_string(plane.directory().join("service-account.key")).unwrap();
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
