//! Pods of many shapes, under several settings.

use serde_json::{Value, json};

use super::cases::{Case, account, labelled};
use crate::pods::DEFAULT;
use crate::support::test_install::{Settings, annotations};

/// The settings of Namespaces.
const NAMESPACES: [(&str, Settings<'_>); 9] = [
    ("label-alone", &[]),
    ("add", &[("mode", "add"), ("audience", "sts.amazonaws.com"), ("ttl", "24h"), ("env", "TOKEN_FILE")]),
    ("skip", &[("mode", "add"), ("skip-containers", "sidecar,"), ("env", "TOKEN_FILE")]),
    ("disable", &[("mode", "disable")]),
    ("containers", &[("containers", "app, late")]),
    ("path", &[("audience", "custom-audience"), ("ttl", "1200"), ("path", "/custom/path/token")]),
    ("ttl", &[("ttl", "3600s")]),
    ("no-ttl", &[("ttl", "invalid")]),
    ("dry-run", &[("dry-run", "true"), ("mode", "disable")]),
];

/// The settings of Pods.
const PODS: [Settings<'_>; 4] = [
    &[("ttl", "4000")],
    &[("ttl", "100"), ("mode", "replase")],
    &[("mode", "off")],
    &[("containers", "mesh"), ("env", "TOKEN_FILE"), ("audience", "vault")],
];

/// Every spec under the settings of each Namespace, and a Pod with every kind of container under each Pod's
/// settings.
pub(super) fn cases(install: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for (namespace, settings) in NAMESPACES {
        let name = format!("{install}-{namespace}");
        let namespace = labelled(&name, settings);
        for (index, spec) in specs().iter().enumerate() {
            cases.push(case(&namespace, &format!("spec-{index}"), &json!({}), spec));
        }
        for (index, settings) in PODS.into_iter().enumerate() {
            cases.push(case(&namespace, &format!("set-{index}"), &annotations(settings), &every_kind()));
        }
        let mirror = json!({"kubernetes.io/config.mirror": "x"});
        let spec = json!({"nodeName": "paper", "containers": [{"name": "app", "image": "busybox"}]});
        cases.push(case(&namespace, "mirror", &mirror, &spec));
    }
    cases
}

fn case(namespace: &Value, pod: &str, annotations: &Value, spec: &Value) -> Case {
    let name = namespace["metadata"]["name"].as_str().unwrap();
    let workload = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod, "namespace": name, "annotations": annotations},
        "spec": spec,
    });
    let pull = json!({"automountServiceAccountToken": false, "imagePullSecrets": [{"name": "registry"}]});
    Case { namespace: namespace.clone(), accounts: vec![account(name, "silent", pull)], workload }
}

fn every_kind() -> Value {
    json!({
        "initContainers": [
            {"name": "setup", "image": "busybox"},
            {"name": "mesh", "image": "busybox", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "app", "image": "busybox"}],
    })
}

fn specs() -> Vec<Value> {
    let app = || json!({"name": "app", "image": "busybox"});
    let sources = json!([{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]);
    let at_default = |volume: &str| json!({"name": "app", "image": "busybox", "volumeMounts": [{"name": volume, "mountPath": DEFAULT}]});
    let year = json!({"name": "mine", "projected": {"sources": [
        {"serviceAccountToken": {"audience": "https://kubernetes.default.svc", "expirationSeconds": 3607, "path": "t"}},
        {"serviceAccountToken": {"audience": "vault", "path": "v"}},
    ]}});
    vec![
        json!({"containers": [app()]}),
        // A volume that no container mounts.
        json!({"volumes": [{"name": "my-volume", "emptyDir": {}}], "containers": [app()]}),
        // A volume with the name `boundtoken`, mounted at another path.
        json!({
            "volumes": [{"name": "boundtoken", "hostPath": {"path": "/x"}}],
            "containers": [{"name": "app", "image": "busybox",
                "volumeMounts": [{"name": "boundtoken", "mountPath": "/some/other/path"}]}],
        }),
        // Environment variables of the author.
        json!({"containers": [
            {"name": "app", "image": "busybox", "env": [{"name": "TOKEN_FILE", "value": "/mine"}]},
            {"name": "sidecar", "image": "busybox", "env": [{"name": "X", "value": "1"}]},
        ]}),
        // Every kind of container.
        every_kind(),
        // A security context and a probe.
        json!({"containers": [{"name": "app", "image": "busybox",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "readinessProbe": {"grpc": {"port": 8080, "service": ""}}}]}),
        // `automountServiceAccountToken` on the Pod, on the ServiceAccount, or on both.
        json!({"automountServiceAccountToken": true, "containers": [app()]}),
        json!({"automountServiceAccountToken": false, "containers": [app()]}),
        json!({"serviceAccountName": "silent", "containers": [app()]}),
        json!({"serviceAccount": "silent", "automountServiceAccountToken": true, "containers": [app()]}),
        // A volume of the plugin, although the Pod disables the token.
        json!({"automountServiceAccountToken": false,
            "volumes": [{"name": "kube-api-access-2138h", "projected": {"sources": sources}}],
            "containers": [at_default("kube-api-access-2138h")]}),
        // A volume that one of two containers mounts.
        json!({"volumes": [{"name": "vault-secret", "emptyDir": {}}], "containers": [
            {"name": "one", "image": "busybox", "volumeMounts": [{"name": "vault-secret", "mountPath": "/bar"}]},
            {"name": "two", "image": "busybox"},
        ]}),
        // A volume with the plugin's prefix that the plugin did not create.
        json!({"volumes": [{"name": "kube-api-access-mine", "emptyDir": {}}], "containers": [app()]}),
        // A legacy token Secret, and another Secret in its place.
        json!({"volumes": [{"name": "default-token-x7k2p", "secret": {"secretName": "default-token-x7k2p"}}],
            "containers": [at_default("default-token-x7k2p"), {"name": "late", "image": "busybox"}]}),
        json!({"volumes": [{"name": "other", "secret": {"secretName": "other"}}], "containers": [at_default("other")]}),
        // Projected tokens of the author.
        json!({"volumes": [year], "containers": [{"name": "app", "image": "busybox",
            "volumeMounts": [{"name": "mine", "mountPath": "/mine", "subPath": "t"}]}]}),
        // The default path, written with a trailing slash.
        json!({"volumes": [{"name": "none", "emptyDir": {}}], "containers": [{"name": "app", "image": "busybox",
            "volumeMounts": [{"name": "none", "mountPath": format!("{DEFAULT}/")}]}]}),
    ]
}
