//! The signs that a year-long token is used after 3607 seconds, before its Namespace is labelled.

use std::sync::Arc;

use serde_json::json;

use crate::pods::pod;
use crate::shop::Terminal;
use crate::support::control_plane::{ControlPlane, eventually};
use crate::support::old_token;
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
    // Other tests use old tokens as well, so the counter shows only that it grows.
    let count = || -> u64 {
        let counted = terminal.type_in(&block("stale-tokens"));
        let value = counted.lines().last().unwrap().strip_prefix("serviceaccount_stale_tokens_total ");
        value.unwrap().parse().unwrap()
    };
    let mut note = || log.read().iter().find(|event| event["user"]["username"] == user).cloned();
    for (token, is_stale) in [(fresh, false), (stale, true)] {
        let before = count();
        let answer = terminal.type_in(&format!("kubectl --token={token} auth whoami"));
        assert!(answer.contains(user), "{answer}");
        assert!(if is_stale { count() > before } else { note().is_none() });
    }
    let event = eventually("a note in the audit log", async || note()).await;
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

/// The same token, issued two hours earlier.
pub(crate) fn aged(plane: &ControlPlane, token: &str) -> String {
    aged_by(plane, token, 7200)
}

/// The same token, issued so many seconds earlier.
pub(crate) fn aged_by(plane: &ControlPlane, token: &str, seconds: i64) -> String {
    old_token::issued_earlier(plane.directory(), token, seconds)
}
