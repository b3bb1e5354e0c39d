//! Generates Pods and settings, with emphasis on unusual ones.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::pods::DEFAULT_DIRECTORY;

/// The name of every generated Pod. No message may contain it.
pub const POD_NAME: &str = "zq-pod-5d9c7b6f44-pqx8n";

/// Annotations, keys without prefix.
pub type Settings = Vec<(&'static str, String)>;

fn projected(name: &str, sources: &Value) -> Value {
    json!({"name": name, "projected": {"sources": sources, "defaultMode": 420}})
}

fn root_ca() -> Value {
    json!({"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}})
}

fn token(audience: &Value, seconds: &Value, path: &str) -> Value {
    let mut token = Map::new();
    if audience != "absent" {
        token.insert("audience".into(), audience.clone());
    }
    if seconds != "absent" {
        token.insert("expirationSeconds".into(), seconds.clone());
    }
    token.insert("path".into(), path.into());
    json!({"serviceAccountToken": token})
}

fn any_token() -> impl Strategy<Value = Value> {
    let audiences = vec![
        json!("absent"),
        json!("absent"),
        Value::Null,
        json!(""),
        json!("vault"),
        json!("istio-ca"),
        json!("https://kubernetes.default.svc"),
        json!("https://kubernetes.default.svc.cluster.local"),
    ];
    let seconds = vec![
        json!(3607),
        json!(3607),
        json!(3600),
        json!(600),
        json!(7200),
        json!(86400),
        json!("absent"),
        Value::Null,
    ];
    (select(audiences), select(seconds), select(vec!["token", "vault-token", "istio-token"]))
        .prop_map(|(audience, seconds, path)| token(&audience, &seconds, path))
}

/// A volume of one of several kinds; the index makes its name unique.
fn volume(index: usize, kind: u8, tokens: &[Value]) -> Value {
    let plain = format!("vol-{index}");
    let generated = format!("kube-api-access-g{index:04}");
    let namespace = json!({"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}});
    let default = token(&json!("absent"), &json!(3607), "token");
    match kind {
        0 => json!({"name": plain, "configMap": {"name": "conf", "defaultMode": 420}}),
        1 => json!({"name": plain, "secret": {"secretName": "tls", "defaultMode": 420}}),
        2 => {
            json!({"name": format!("default-token-v{index:04}"), "secret": {"secretName": "default-token-x7k2p", "defaultMode": 256}})
        }
        3 => json!({"name": plain, "secret": {"secretName": format!("default-token-{index}")}}),
        4 | 5 => projected(&plain, &json!(tokens)),
        6 => projected(&plain, &json!([[root_ca()].as_slice(), tokens].concat())),
        7 | 8 => projected(&generated, &json!([default, root_ca(), namespace])),
        9 => projected(
            &generated,
            &json!([root_ca(), default, namespace, {"configMap": {"name": "openshift-service-ca.crt"}}]),
        ),
        10 => json!({"name": generated, "emptyDir": {}}),
        11 => projected(&generated, &json!([root_ca()])),
        12 => projected(&generated, &json!(tokens)),
        13 => projected("boundtoken", &json!(tokens)),
        14 => json!({"name": "boundtoken", "emptyDir": {}}),
        15 => projected("boundtoken-2", &json!(tokens)),
        16 => json!({"name": plain, "projected": {"sources": null}}),
        17 => json!({"name": plain, "hostPath": {"path": "/var/lib"}, "projected": null}),
        18 => {
            json!({"name": plain, "persistentVolumeClaim": {"claimName": "data", "readOnly": index.is_multiple_of(2)}})
        }
        19 => {
            json!({"name": plain, "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": !index.is_multiple_of(2)}})
        }
        20 => json!({"name": plain, "hostPath": {"path": "/run/x.sock", "type": "Socket"}}),
        21 => json!({"name": plain, "hostPath": {"path": "/var/lib", "type": "Directory"}}),
        22 => {
            json!({"name": plain, "image": {"reference": "registry.example/files:1", "pullPolicy": "IfNotPresent"}})
        }
        23 => {
            json!({"name": plain, "configMap": {"name": "conf", "defaultMode": 420, "items": [
                {"key": "a", "path": "sub/a"}, {"key": "b", "path": "token"}]}})
        }
        24 => {
            json!({"name": plain, "downwardAPI": {"defaultMode": 420, "items": [
                {"path": "1", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}]}})
        }
        // A token in place of the default token, as charts project it.
        25 | 26 => projected(&plain, &json!([default, root_ca(), namespace])),
        27 => projected(&format!("default-token-{index:05}"), &json!(tokens)),
        _ => json!({"name": plain, "emptyDir": {}}),
    }
}

fn volumes() -> impl Strategy<Value = Vec<Value>> {
    let kind = || (0_u8..34, vec(any_token(), 1..3));
    prop_oneof![4 => vec(kind(), 0..6), 1 => vec(kind(), 6..20)].prop_map(|kinds| {
        let mut volumes: Vec<Value> = Vec::new();
        for (index, (kind, tokens)) in kinds.iter().enumerate() {
            let volume = volume(index, *kind, tokens);
            if volumes.iter().all(|other| other["name"] != volume["name"]) {
                volumes.push(volume);
            }
        }
        volumes
    })
}

fn mount_path() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(DEFAULT_DIRECTORY.to_owned()),
        1 => Just(format!("{DEFAULT_DIRECTORY}/")),
        1 => Just("//var/run/./secrets/kubernetes.io/serviceaccount".to_owned()),
        1 => Just("/var/run/secrets/tokens".to_owned()),
        1 => Just("/var/run/secrets/tokens/".to_owned()),
        1 => Just("/var/run/secrets/vault".to_owned()),
        4 => (0..9).prop_map(|number| format!("/data/{number}")),
        2 => (0..3, select(vec!["/sub", "/sub/token", "/token", "/sub/a/b", "/1/", "/cache"]))
            .prop_map(|(number, inside)| format!("/data/{number}{inside}")),
        1 => (0..3, select(vec!["/sub/../token", "/../1", "/..data", "/sub/..data", "/..cache"]))
            .prop_map(|(number, inside)| format!("/data/{number}{inside}")),
        1 => (0..3, select(vec!["", "/sub", "/sub/a/b", "/.."]))
            .prop_map(|(number, inside)| format!("data/{number}{inside}")),
        1 => select(vec!["/data", "/t", "/t/api", "/t/a/x", "/var/run/secrets", "/var/run/secrets/tokens/a/c"])
            .prop_map(str::to_owned),
    ]
}

/// A mount of one of the volumes.
fn mount() -> impl Strategy<Value = (usize, Value)> {
    let parts = select(vec!["token", "ca.crt", "part", "sub/a"]);
    (any::<proptest::sample::Index>(), mount_path(), any::<bool>(), option::weighted(0.15, parts)).prop_map(
        |(volume, path, read_only, sub_path)| {
            let mut mount = json!({"mountPath": path});
            if read_only {
                mount["readOnly"] = true.into();
            }
            if let Some(sub_path) = sub_path {
                mount["subPath"] = sub_path.into();
            }
            (volume.index(20), mount)
        },
    )
}

fn env() -> impl Strategy<Value = Value> {
    let variables = vec![
        json!({"name": "A", "value": "1"}),
        json!({"name": "TOKEN_FILE", "value": "/elsewhere"}),
        json!({"name": "VAULT", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
        json!({"name": "EMPTY"}),
    ];
    prop_oneof![
        Just(json!("absent")),
        Just(Value::Null),
        proptest::sample::subsequence(variables, 0..4).prop_map(Value::Array)
    ]
}

/// A container, and its mounts: `None` for a list that is `null`.
fn container() -> impl Strategy<Value = (Option<Vec<(usize, Value)>>, Value)> {
    (option::weighted(0.9, vec(mount(), 0..5)), env())
}

fn named(
    name: &str,
    (mounts, env): &(Option<Vec<(usize, Value)>>, Value),
    volumes: &[Value],
    restart: bool,
) -> Value {
    let mut container = json!({"name": name, "image": "busybox", "securityContext": {"runAsUser": 1000}});
    match mounts {
        None => container["volumeMounts"] = Value::Null,
        Some(mounts) if mounts.is_empty() || volumes.is_empty() => {}
        Some(mounts) => {
            let list = mounts.iter().map(|(volume, mount)| {
                let mut mount = mount.clone();
                mount["name"] = volumes[volume % volumes.len()]["name"].clone();
                mount
            });
            container["volumeMounts"] = list.collect();
        }
    }
    if env != "absent" {
        container["env"] = env.clone();
    }
    if restart {
        container["restartPolicy"] = "Always".into();
    }
    container
}

/// Adds an unknown field to every object, except maps of strings.
fn add_unknown_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_unknown_fields),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| *name != "annotations")
                .for_each(|(_, value)| add_unknown_fields(value));
            fields.insert("xFuture".to_owned(), json!({"a/b~c": [1, null, "\u{0}"]}));
        }
        _ => {}
    }
}

/// A Pod before the plugin's first run.
pub fn pod() -> impl Strategy<Value = Value> {
    let automount = select(vec![json!("absent"), json!("absent"), Value::Null, json!(true), json!(false)]);
    let containers = (vec(container(), 0..3), vec(container(), 1..4));
    (volumes(), containers, automount, any::<bool>(), any::<bool>()).prop_map(
        |(volumes, (init, regular), automount, null_lists, unknown)| {
            let init: Vec<Value> = init
                .iter()
                .enumerate()
                .map(|(index, parts)| named(&format!("i{index}"), parts, &volumes, index == 1))
                .collect();
            let regular: Vec<Value> = regular
                .iter()
                .enumerate()
                .map(|(index, parts)| named(&format!("c{index}"), parts, &volumes, false))
                .collect();
            let mut spec =
                json!({"serviceAccountName": "default", "containers": regular, "dnsPolicy": "Default"});
            if !init.is_empty() || null_lists {
                spec["initContainers"] = if init.is_empty() { Value::Null } else { init.into() };
            }
            if !volumes.is_empty() || null_lists {
                spec["volumes"] = if volumes.is_empty() { Value::Null } else { volumes.into() };
            }
            if automount != "absent" {
                spec["automountServiceAccountToken"] = automount;
            }
            let mut pod = json!({
                "kind": "Pod", "apiVersion": "v1",
                "metadata": {"name": POD_NAME, "labels": {"boundtoken.dev/webhook": "enabled"}},
                "spec": spec,
            });
            if unknown {
                add_unknown_fields(&mut pod);
            }
            pod
        },
    )
}

fn setting(
    key: &'static str,
    chance: f64,
    values: &[&str],
) -> impl Strategy<Value = Option<(&'static str, String)>> + use<> {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    option::weighted(chance, select(values).prop_map(move |value| (key, value)))
}

/// Settings for a Namespace or a Pod; a few are invalid.
pub fn settings() -> impl Strategy<Value = Settings> {
    let tokens = [
        "[{audience: vault, path: /var/run/secrets/vault/token, env: VAULT}]",
        "[{audience: vault, ttl: 2h, path: /var/run/secrets/tokens/b}, {ttl: 600, path: /t/api/token, containers: c0}]",
        "[{audience: sts, path: /var/run/secrets/kubernetes.io/serviceaccount/sts}]",
        "[{path: /t/a, ttl: 2h, audience: x}, {path: /t/b}, {path: /u/c, env: TOKEN_FILE}]",
    ];
    let paths = [
        "/var/run/secrets/tokens/vault-token",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "/var/run/secrets/kubernetes.io/serviceaccount/vault",
        "/var/run//secrets/./vault/token",
        "/var/run/secrets/token",
    ];
    let settings = (
        setting("mode", 0.7, &["replace", "replace", "disable", "disable", "add", "off", " add "]),
        setting(
            "audience",
            0.5,
            &["", "vault", "https://kubernetes.default.svc", "sts.amazonaws.com", "ä b"],
        ),
        setting("ttl", 0.4, &["600", "3600", "2h", "24h", "24h", "2h", "600", "3607"]),
        setting("path", 0.3, &paths),
        setting("containers", 0.2, &["c0", "c0,i1", "later,zzz", "c1,"]),
        setting("skip-containers", 0.1, &["c0", "i0,i1", "later"]),
        setting("env", 0.3, &["TOKEN_FILE", "VAULT"]),
        setting("tokens", 0.2, &tokens),
        setting("unknown-key", 0.05, &["\u{1b}[31m"]),
        setting("Mode", 0.02, &["replace"]),
        mistake(),
    );
    settings.prop_map(|(a, b, c, d, e, f, g, h, i, j, mistake)| {
        let mut settings: Settings = [a, b, c, d, e, f, g, h, i, j].into_iter().flatten().collect();
        if let Some((key, value)) = mistake {
            settings.retain(|(other, _)| *other != key);
            settings.push((key, value));
        }
        settings
    })
}

fn mistake() -> impl Strategy<Value = Option<(&'static str, String)>> {
    let mistakes = vec![
        ("mode", "Replace"),
        ("ttl", "5m"),
        ("path", "relative/token"),
        ("env", "1X"),
        ("tokens", "[{path: t}]"),
        ("audience", "a\u{7}b"),
    ];
    option::weighted(0.05, select(mistakes).prop_map(|(key, value)| (key, value.to_owned())))
}

/// Settings that only a Namespace has.
pub fn guardrails() -> impl Strategy<Value = Settings> {
    let guardrails = (
        setting("pod-overrides", 0.1, &["allow", "deny"]),
        setting("allowed-audiences", 0.3, &["vault", "vault,istio-ca", "https://kubernetes.default.svc"]),
        setting("max-ttl", 0.4, &["600", "30m", "1h", "3607", "2h", "24h"]),
        setting("dry-run", 0.1, &["true", "false"]),
    );
    guardrails.prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
}

/// The Pod on nodes with Windows, with some of its paths written as there.
pub fn on_windows(mut pod: Value, seed: u64) -> Value {
    pod["spec"]["nodeSelector"] = json!({"kubernetes.io/os": "windows"});
    let mut bits = seed;
    for list in super::pods::LISTS {
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            for mount in container.get_mut("volumeMounts").and_then(Value::as_array_mut).into_iter().flatten()
            {
                let path = mount["mountPath"].as_str().unwrap().to_owned();
                bits = bits.rotate_left(3);
                mount["mountPath"] = match bits % 8 {
                    0 => format!("C:{}", path.replace('/', "\\")).into(),
                    1 => path.to_uppercase().into(),
                    2 => format!("c:{path}").into(),
                    _ => path.into(),
                };
            }
        }
    }
    pod
}

/// The Pod with at most one mount at each path of a container, as the API server requires.
pub fn distinct_mounts(mut pod: Value) -> Value {
    for list in super::pods::LISTS {
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                let mut paths = BTreeSet::new();
                mounts.retain(|mount| paths.insert(mount["mountPath"].to_string()));
            }
        }
    }
    pod
}
