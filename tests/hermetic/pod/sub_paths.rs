//! Tokens that are mounted with `subPath`, which the kubelet never refreshes.

use serde_json::{Value, json};

use crate::support::pods::{DEFAULT_VOLUME, Pairs, decide, namespace, pod_of_spec};

/// A Pod whose container mounts a part of a volume.
fn pod(volume: &Value, part: &Value) -> Value {
    let mut mount = json!({"name": volume["name"], "mountPath": "/t/file"});
    mount.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    pod_of_spec(&json!({"automountServiceAccountToken": false, "volumes": [volume], "containers": [
        {"name": "app", "volumeMounts": [mount]},
    ]}))
}

fn projected(name: &str, token: &Value) -> Value {
    json!({"name": name, "projected": {"sources": [
        {"serviceAccountToken": token},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]}})
}

fn warns(pod: &Value, settings: Pairs<'_>) -> bool {
    let answer = decide(pod, &namespace(settings));
    assert!(answer.allowed(), "{}", answer.message());
    answer.warns("BT056")
}

#[test]
fn the_file_of_a_token_that_is_set_or_limited_warns() {
    let year = projected("own", &json!({"expirationSeconds": 3607, "path": "token"}));
    let vault =
        projected("own", &json!({"audience": "vault", "expirationSeconds": 3607, "path": "dir/token"}));
    let default = projected(DEFAULT_VOLUME, &json!({"expirationSeconds": 3600, "path": "token"}));
    for (volume, part) in [
        (&year, json!({"subPath": "token"})),
        (&year, json!({"subPath": "./token/"})),
        (&year, json!({"subPathExpr": "token"})),
        (&year, json!({"subPathExpr": "$(FILE)"})),
        (&vault, json!({"subPath": "dir/token"})),
        (&vault, json!({"subPath": "dir"})),
        (&default, json!({"subPath": "token"})),
        (&default, json!({"subPath": "..data"})),
        (&default, json!({"subPath": "..data/token"})),
        (&vault, json!({"subPathExpr": "./..data/dir"})),
    ] {
        assert!(warns(&pod(volume, &part), &[]), "{volume} {part}");
        assert!(!warns(&pod(volume, &part), &[("mode", "off")]), "{volume} {part}");
    }
    assert!(warns(&pod(&year, &json!({"subPath": "token"})), &[("mode", "disable")]));
    assert!(!warns(&pod(&default, &json!({"subPath": "token"})), &[("mode", "disable")]));
}

#[test]
fn other_files_and_other_tokens_do_not_warn() {
    let year = projected("own", &json!({"expirationSeconds": 3607, "path": "token"}));
    let default = projected(DEFAULT_VOLUME, &json!({"expirationSeconds": 3607, "path": "token"}));
    let own = projected("own", &json!({"expirationSeconds": 3600, "path": "token"}));
    for (volume, part) in [
        (&year, json!({"subPath": "ca.crt"})),
        (&year, json!({"subPath": "token2"})),
        (&year, json!({"subPath": ""})),
        (&year, json!({"subPath": "."})),
        (&year, json!({})),
        (&default, json!({"subPath": "ca.crt"})),
        (&default, json!({"subPath": "namespace"})),
        (&default, json!({"subPath": "..data/ca.crt"})),
        (&year, json!({"subPath": "dir/..data/token"})),
        (&own, json!({"subPath": "token"})),
    ] {
        assert!(!warns(&pod(volume, &part), &[]), "{volume} {part}");
    }
}

#[test]
fn a_legacy_token_warns_once_it_is_replaced() {
    let legacy = json!({"name": "legacy", "secret": {"secretName": "default-token-x7k2p"}});
    let mut before = pod(&legacy, &json!({"subPath": "token"}));
    let default = json!({"name": "legacy", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    before["spec"]["containers"][0]["volumeMounts"].as_array_mut().unwrap().push(default);
    assert!(warns(&before, &[]) && warns(&before, &[("mode", "add")]));
    before["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = "ca.crt".into();
    assert!(!warns(&before, &[]));
}
