//! Every guardrail and every warning.

use serde_json::{Value, json};

use super::{Case, on_both, on_namespace, on_pod};
use crate::pods::DEFAULT;

/// Pods that the guardrails of their Namespace forbid.
pub(super) const GUARDRAILS: &[Case] = &[
    on_both("bt030-one", "BT030", &[("pod-overrides", "deny")], &[("ttl", "2h")]),
    on_both("bt030-two", "BT030", &[("pod-overrides", "deny")], &[("mode", "add"), ("ttl", "2h")]),
    on_both("bt031-setting", "BT031", &[("allowed-audiences", "vault,sts")], &[("audience", "valt")]),
    Case {
        change: token_of_the_users_own,
        ..on_namespace("bt031-spec", "BT031", &[("allowed-audiences", "sts")])
    },
    on_both("bt032-setting", "BT032", &[("max-ttl", "1h")], &[("ttl", "2h")]),
    Case { change: token_of_the_users_own, ..on_namespace("bt032-spec", "BT032", &[("max-ttl", "1h")]) },
    on_both("bt032-year", "BT032", &[("max-ttl", "1h")], &[("mode", "off")]),
];

/// Pods that are admitted with a warning.
pub(super) const WARNINGS: &[Case] = &[
    on_pod("bt050-pod", "BT050", &[("tll", "1h")]),
    on_pod("bt050-pod-label", "BT050", &[("webhook", "enabled")]),
    on_namespace("bt050-namespace", "BT050", &[("audiance", "vault")]),
    on_pod("bt051-pod", "BT051", &[("max-ttl", "1h")]),
    on_pod("bt052-mode", "BT052", &[("mode", "disable"), ("audience", "vault")]),
    Case { change: no_automount, ..on_pod("bt052-automount", "BT052", &[("ttl", "2h")]) },
    on_pod("bt052-default-path", "BT052", &[("mode", "add"), ("path", TOKEN_AT_DEFAULT)]),
    on_pod("bt053-pod", "BT053", &[("containers", "app,apq")]),
    on_namespace("bt053-namespace", "BT053", &[("containers", "istio")]),
    Case { change: mount_at_tokens, ..on_pod("bt054-mode", "BT054", &[("mode", "add")]) },
    Case { change: mount_at_tokens, ..on_namespace("bt054-namespace", "BT054", &[("path", TOKENS)]) },
    Case { change: mount_read_only_above, ..on_pod("bt054-above", "BT054", &[("path", TOKENS)]) },
    Case { change: projected_to_default, ..on_pod("bt052-list", "BT052", &[("containers", "app")]) },
    Case { change: token_of_its_own_at_default, ..on_pod("bt052-own-token", "BT052", &[("ttl", "24h")]) },
    Case { change: variable, ..on_pod("bt055-pod", "BT055", &[("env", "TOKEN_FILE")]) },
    Case { change: mount_with_sub_path, ..on_pod("bt056-spec", "BT056", &[]) },
    Case { change: own_token_with_sub_path, ..on_pod("bt056-own-token", "BT056", &[]) },
    on_pod("bt057-pod", "BT057", &[("audience", "vault")]),
    Case { change: automount, ..on_namespace("bt058-namespace", "BT058", &[("mode", "disable")]) },
    Case { change: secret_at_default, ..on_pod("bt059-spec", "BT059", &[]) },
    on_namespace("bt060-patched", "BT060", &[("dry-run", "true")]),
    on_pod("bt062-path", "BT062", &[("path", "/etc/token")]),
    on_namespace("bt062-tokens", "BT062", &[("tokens", "[{path: /usr/bin/token}]")]),
    on_pod("bt063-env", "BT063", &[("env", "LD_PRELOAD")]),
    on_namespace("bt064-namespace", "BT064", &[("skip-containers", "app")]),
    on_both("bt060-off", "BT051", &[("dry-run", "true")], &[("mode", "off"), ("dry-run", "false")]),
];

const TOKENS: &str = "/var/run/secrets/tokens/vault";
const TOKEN_AT_DEFAULT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

fn token_of_the_users_own(spec: &mut Value) {
    let token = json!({"audience": "vault", "expirationSeconds": 7200, "path": "token"});
    spec["volumes"] = json!([{"name": "vault", "projected": {"sources": [{"serviceAccountToken": token}]}}]);
}

fn no_automount(spec: &mut Value) {
    spec["automountServiceAccountToken"] = false.into();
}

fn automount(spec: &mut Value) {
    spec["automountServiceAccountToken"] = true.into();
}

fn variable(spec: &mut Value) {
    spec["containers"][0]["env"] = json!([{"name": "TOKEN_FILE", "value": "/elsewhere"}]);
}

fn mount_at_tokens(spec: &mut Value) {
    mount(spec, &json!({"name": "data", "emptyDir": {}}), &json!({"mountPath": "/var/run/secrets/tokens"}));
}

fn mount_with_sub_path(spec: &mut Value) {
    let token = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    let volume = json!({"name": "kube-api-access-x7k2b", "projected": {"sources": [token]}});
    mount(spec, &volume, &json!({"mountPath": "/run/token", "subPath": "token"}));
}

fn mount_read_only_above(spec: &mut Value) {
    let read_only = json!({"mountPath": "/var/run/secrets", "readOnly": true});
    mount(spec, &json!({"name": "data", "emptyDir": {}}), &read_only);
}

fn own_token_with_sub_path(spec: &mut Value) {
    let token = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    let volume = json!({"name": "own", "projected": {"sources": [token]}});
    mount(spec, &volume, &json!({"mountPath": "/run/token", "subPath": "token"}));
}

fn projected_to_default(spec: &mut Value) {
    own_token_at_default(spec, 3607);
}

fn token_of_its_own_at_default(spec: &mut Value) {
    own_token_at_default(spec, 7200);
}

fn own_token_at_default(spec: &mut Value, seconds: u64) {
    spec["automountServiceAccountToken"] = false.into();
    let token = json!({"serviceAccountToken": {"expirationSeconds": seconds, "path": "token"}});
    mount(spec, &json!({"name": "own", "projected": {"sources": [token]}}), &json!({"mountPath": DEFAULT}));
}

fn secret_at_default(spec: &mut Value) {
    mount(spec, &json!({"name": "robot", "secret": {"secretName": "robot"}}), &json!({"mountPath": DEFAULT}));
}

/// Another volume, mounted in the only container.
fn mount(spec: &mut Value, volume: &Value, mount: &Value) {
    let mut mount = mount.clone();
    mount["name"] = volume["name"].clone();
    spec["volumes"] = json!([volume]);
    spec["containers"][0]["volumeMounts"] = json!([mount]);
}
