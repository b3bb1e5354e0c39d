//! Every violation, on the Pod and on the Namespace.

use serde_json::{Value, json};

use super::{Case, on_namespace, on_pod};

/// Violations on a Pod.
pub(super) const ON_PODS: &[Case] = &[
    on_pod("bt001-pod", "BT001", &[("mode", "replce")]),
    on_pod("bt001-pod-empty", "BT001", &[("mode", "")]),
    on_pod("bt002-pod", "BT002", &[("audience", "vault\nsts")]),
    on_pod("bt003-pod", "BT003", &[("ttl", "1d")]),
    on_pod("bt004-pod", "BT004", &[("ttl", "5m")]),
    on_pod("bt004-pod-item", "BT004", &[("tokens", "[{path: /run/vault/token, ttl: 5m}]")]),
    on_pod("bt005-pod", "BT005", &[("ttl", "3607")]),
    on_pod("bt005-pod-item", "BT005", &[("tokens", "[{path: /run/api/token, ttl: 3607}]")]),
    on_pod("bt006-pod", "BT006", &[("path", "/run/vault/")]),
    on_pod("bt007-pod", "BT007", &[("containers", "App;log")]),
    on_pod("bt008-pod", "BT008", &[("containers", "app"), ("skip-containers", "log")]),
    on_pod("bt009-pod", "BT009", &[("env", "1TOKEN")]),
    on_pod("bt010-pod", "BT010", &[("tokens", UNCLOSED)]),
    on_pod("bt010-pod-key", "BT010", &[("tokens", "[{path: /run/vault/token, audiance: vault}]")]),
    on_pod("bt011-pod", "BT011", &[("tokens", "[{path: /run/a/token}, {path: /run//a/token}]")]),
    on_pod("bt012-pod", "BT012", &[("mode", "add"), ("path", BELOW_DEFAULT)]),
    in_spec("bt016-volume", "BT016", &[("mode", "add")], volume_of_our_name),
    in_spec("bt017-mounts", "BT017", &[("mode", "disable")], ten_thousand_mounts),
];

/// Violations on a Namespace, reported for a Pod in it.
pub(super) const ON_NAMESPACES: &[Case] = &[
    on_namespace("bt001-namespace", "BT001", &[("mode", "replce")]),
    on_namespace("bt002-namespace", "BT002", &[("audience", "vault\nsts")]),
    on_namespace("bt003-namespace", "BT003", &[("ttl", "1d")]),
    on_namespace("bt003-namespace-max", "BT003", &[("max-ttl", "1d")]),
    on_namespace("bt004-namespace", "BT004", &[("ttl", "5m")]),
    on_namespace("bt005-namespace", "BT005", &[("ttl", "3607")]),
    on_namespace("bt006-namespace", "BT006", &[("path", "run/vault/token")]),
    on_namespace("bt007-namespace", "BT007", &[("skip-containers", "*")]),
    on_namespace("bt008-namespace", "BT008", &[("containers", "app"), ("skip-containers", "log")]),
    on_namespace("bt009-namespace", "BT009", &[("env", "TOKEN FILE")]),
    on_namespace("bt010-namespace", "BT010", &[("tokens", "vault")]),
    on_namespace("bt011-namespace", "BT011", &[("tokens", "[{path: /run/a/token}, {path: /run/a/token/b}]")]),
    on_namespace("bt012-namespace", "BT012", &[("mode", "add"), ("path", BELOW_DEFAULT)]),
    on_namespace("bt013-namespace", "BT013", &[("pod-overrides", "denied")]),
    on_namespace("bt013-namespace-dry", "BT013", &[("dry-run", "yes")]),
    on_namespace("bt014-namespace", "BT014", &[("allowed-audiences", ",")]),
    on_namespace("bt015-namespace", "BT015", &[("ttl", "2h"), ("max-ttl", "1h")]),
];

/// A list without its end, which is too long to be repeated in a message.
const UNCLOSED: &str = "[{audience: vault, ttl: 2h, path: /var/run/secrets/tokens/vault, env: VAULT_TOKEN";

const BELOW_DEFAULT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/vault";

const fn in_spec(
    name: &'static str,
    code: &'static str,
    pod: crate::support::test_install::Settings<'static>,
    change: fn(&mut Value),
) -> Case {
    Case { change, ..on_pod(name, code, pod) }
}

fn volume_of_our_name(spec: &mut Value) {
    spec["volumes"] = json!([{"name": "boundtoken", "emptyDir": {}}]);
}

/// Adds ten thousand mounts, each of which mode `disable` has to remove.
fn ten_thousand_mounts(spec: &mut Value) {
    let token = json!({"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}});
    spec["volumes"] = json!([{"name": "kube-api-access-x7k2b", "projected": {"sources": [token]}}]);
    let mounts = (0..=10_000)
        .map(|number| json!({"name": "kube-api-access-x7k2b", "mountPath": format!("/run/{number}")}));
    spec["containers"][0]["volumeMounts"] = mounts.collect();
}
