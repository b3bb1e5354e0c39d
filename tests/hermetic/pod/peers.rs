//! What other projects assert about such webhooks, and what none of them does.
//!
//! Rows are those of a survey: d1 is the EKS Pod identity webhook, d2 Azure workload identity,
//! d4 Gardener, d5 Karydia, d6 Kyverno, d8 STACKIT and Gatekeeper.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::{Value, json};

use crate::support::pods::{
    DEFAULT_DIRECTORY, SUFFIXES, after_plugin, after_plugin_of, annotated, assert_settled, container, decide,
    mounts, names, namespace, pod, tokens, volume, volumes,
};

/// A Pod with this spec, after the plugin.
fn of_spec(spec: &Value) -> Value {
    after_plugin(json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": spec}))
}

fn default_mount() -> Value {
    json!({"name": format!("kube-api-access-{}", SUFFIXES[0]), "readOnly": true, "mountPath": DEFAULT_DIRECTORY})
}

/// d1.1: no volumes at all.
#[test]
fn a_token_is_added_to_a_pod_without_volumes() {
    let before = json!({"metadata": {}, "spec": {"containers": [{"name": "app"}]}});
    let answer =
        decide(&before, &namespace(&[("mode", "add"), ("audience", "sts.amazonaws.com"), ("ttl", "24h")]));
    let token = json!({"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"});
    assert_eq!(tokens(&answer.pod), [("boundtoken".to_owned(), token)]);
    let mount = json!([{"name": "boundtoken", "readOnly": true, "mountPath": "/var/run/secrets/tokens"}]);
    assert_eq!(container(&answer.pod, "app")["volumeMounts"], mount);
}

/// d1.2: other volumes keep their place.
#[test]
fn volumes_of_others_are_not_written_again() {
    let before = of_spec(
        &json!({"volumes": [{"name": "my-volume", "emptyDir": {}}], "containers": [{"name": "app"}]}),
    );
    let answer = decide(&before, &namespace(&[("mode", "add")]));
    assert_eq!(volumes(&answer.pod)[0], volumes(&before)[0]);
    assert!(answer.operations.iter().all(|operation| operation["path"] != "/spec/volumes"));
}

/// d1.3 and d1.4: the reserved name is a hostPath of the user's; the peer breaks such a Pod, we refuse it.
#[test]
fn a_foreign_volume_of_our_name_is_refused_and_not_overwritten() {
    let spec = json!({
        "volumes": [{"name": "boundtoken", "hostPath": {"path": "/x"}}],
        "containers": [{"name": "app", "volumeMounts": [{"name": "boundtoken", "mountPath": "/some/other/path"}]}],
    });
    let answer = decide(&of_spec(&spec), &namespace(&[("mode", "add")]));
    assert_eq!(answer.response["status"]["code"], 422);
    assert!(answer.message().contains("rename that volume"), "{}", answer.message());
}

/// d1.5: the lifetime that the Pod says.
#[test]
fn the_lifetime_of_the_pod_counts() {
    let answer = decide(&annotated(pod(&["app"]), &[("ttl", "3600")]), &namespace(&[("ttl", "24h")]));
    assert_eq!(tokens(&answer.pod)[0].1["expirationSeconds"], 3600);
}

/// d1.6: the peer turns 0 into 600; a lifetime that nobody asked for is worse than an answer.
#[test]
fn a_lifetime_of_zero_is_refused_and_not_rounded() {
    let answer = decide(&annotated(pod(&["app"]), &[("ttl", "0")]), &namespace(&[]));
    assert!(!answer.allowed());
}

/// d1.8: the container that is left out stays as it is, the other keeps the variable that it has.
#[test]
fn a_skipped_container_is_untouched_and_a_variable_is_kept() {
    let spec = json!({"containers": [
        {"name": "app", "env": [{"name": "TOKEN_FILE", "value": "/mine"}]},
        {"name": "sidecar", "env": [{"name": "X", "value": "1"}]},
    ]});
    let before = of_spec(&spec);
    let settings = [("mode", "add"), ("skip-containers", "sidecar"), ("env", "TOKEN_FILE")];
    let answer = decide(&before, &namespace(&settings));
    assert_eq!(container(&answer.pod, "sidecar"), container(&before, "sidecar"));
    assert_eq!(container(&answer.pod, "app")["env"], container(&before, "app")["env"]);
    assert!(mounts(container(&answer.pod, "app")).contains(&("boundtoken", "/var/run/secrets/tokens")));
    assert!(answer.warns("BT055"), "{:?}", answer.warnings());
}

/// d1.9 and d2.20: init containers and sidecars are containers.
#[test]
fn init_containers_and_sidecars_get_the_token() {
    let spec = json!({
        "initContainers": [{"name": "setup"}, {"name": "mesh", "restartPolicy": "Always"}],
        "containers": [{"name": "app"}],
    });
    let answer = decide(&of_spec(&spec), &namespace(&[("mode", "add"), ("env", "TOKEN_FILE")]));
    for name in ["setup", "mesh", "app"] {
        let container = container(&answer.pod, name);
        assert!(mounts(container).contains(&("boundtoken", "/var/run/secrets/tokens")), "{name}");
        assert_eq!(
            container["env"],
            json!([{"name": "TOKEN_FILE", "value": "/var/run/secrets/tokens/token"}])
        );
    }
    assert_eq!(container(&answer.pod, "mesh")["restartPolicy"], "Always");
    assert!(answer.operations.iter().all(|operation| operation["op"] != "remove"));
}

/// d1.10 and d1.11: fields that peers once lost.
#[test]
fn seccomp_profiles_and_grpc_probes_survive() {
    let kept = json!({"name": "app", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "readinessProbe": {"grpc": {"port": 8080, "service": ""}}});
    for mode in ["replace", "disable", "add"] {
        let answer = decide(&of_spec(&json!({"containers": [kept.clone()]})), &namespace(&[("mode", mode)]));
        let container = container(&answer.pod, "app");
        assert_eq!(container["securityContext"], kept["securityContext"], "{mode}");
        assert_eq!(container["readinessProbe"], kept["readinessProbe"], "{mode}");
    }
}

/// d2.15: lifetimes on the Pod and on the owner of the defaults.
#[test]
fn lifetimes_are_read_with_units_and_the_pod_overrides() {
    let cases = [
        ("4800", None, Some(4800)),
        ("4800", Some("4000"), Some(4000)),
        ("3600s", None, Some(3600)),
        ("invalid", None, None),
        ("100", None, None),
        ("4800", Some("invalid"), None),
        ("4800", Some("100"), None),
        ("86401", None, Some(86401)),
    ];
    for (on_namespace, on_pod, expected) in cases {
        let before = on_pod.map_or_else(|| pod(&["app"]), |ttl| annotated(pod(&["app"]), &[("ttl", ttl)]));
        let answer = decide(&before, &namespace(&[("ttl", on_namespace)]));
        let seconds =
            answer.allowed().then(|| tokens(&answer.pod)[0].1["expirationSeconds"].as_u64().unwrap());
        assert_eq!(seconds, expected, "{on_namespace} {on_pod:?}");
    }
}

/// d2.16: lists with spaces and a separator too many.
#[test]
fn lists_are_trimmed_and_a_trailing_separator_is_no_mistake() {
    for (list, skipped) in [("a", &["a"][..]), ("a,b", &["a", "b"]), ("a, b", &["a", "b"]), ("a,", &["a"])] {
        let answer =
            decide(&pod(&["a", "b", "c"]), &namespace(&[("mode", "add"), ("skip-containers", list)]));
        for name in ["a", "b", "c"] {
            let holds =
                mounts(container(&answer.pod, name)).iter().any(|(volume, _)| *volume == "boundtoken");
            assert_eq!(holds, !skipped.contains(&name), "{list:?}: {name}");
        }
    }
}

/// d4.32: such a volume that is there already is taken, not doubled.
#[test]
fn a_default_token_volume_that_came_with_the_pod_is_the_default_token_volume() {
    let sources = json!([{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]);
    let spec = json!({"automountServiceAccountToken": false,
        "volumes": [{"name": "kube-api-access-2138h", "projected": {"sources": sources}}],
        "containers": [{"name": "app", "volumeMounts": [{"name": "kube-api-access-2138h", "mountPath": DEFAULT_DIRECTORY}]}]});
    let bounded = decide(&of_spec(&spec), &namespace(&[]));
    assert_eq!(names(&volumes(&bounded.pod)), ["kube-api-access-2138h"]);
    assert_eq!(tokens(&bounded.pod)[0].1["expirationSeconds"], 3600);
    let disabled = decide(&of_spec(&spec), &namespace(&[("mode", "disable")]));
    assert!(volumes(&disabled.pod).is_empty() && mounts(container(&disabled.pod, "app")).is_empty());
}

/// d4.30, d4.31 and d5.39: what Pod and service account say, and what is mounted then.
#[test]
fn the_truth_table_of_automount_is_that_of_kubernetes_under_replace_and_empty_under_disable() {
    for account in [None, Some(true), Some(false)] {
        for says in [None, Some(true), Some(false)] {
            let mut spec = json!({"containers": [{"name": "app"}]});
            if let Some(says) = says {
                spec["automountServiceAccountToken"] = says.into();
            }
            let service_account = ServiceAccount { automount: account, ..ServiceAccount::default() };
            let before =
                after_plugin_of(json!({"metadata": {}, "spec": spec}), &service_account, SUFFIXES[0]);
            let expected = says.or(account).unwrap_or(true);
            let replaced = decide(&before, &namespace(&[]));
            let held = tokens(&replaced.pod);
            assert_eq!(!held.is_empty(), expected, "account {account:?}, Pod {says:?}");
            assert!(held.iter().all(|(_, token)| token["expirationSeconds"] == 3600));
            let disable = namespace(&[("mode", "disable")]);
            let disabled = decide(&before, &disable);
            assert!(tokens(&disabled.pod).is_empty(), "account {account:?}, Pod {says:?}");
            assert_settled(&replaced.pod, &namespace(&[]), &service_account);
            assert_settled(&disabled.pod, &disable, &service_account);
        }
    }
}

/// d6.40: one container keeps its other mount, one has none left.
#[test]
fn disable_takes_the_token_and_leaves_the_mount_beside_it() {
    let spec = json!({"volumes": [{"name": "vault-secret", "emptyDir": {}}], "containers": [
        {"name": "one", "volumeMounts": [{"name": "vault-secret", "mountPath": "/bar"}]},
        {"name": "two"},
    ]});
    let answer = decide(&of_spec(&spec), &namespace(&[("mode", "disable")]));
    assert_eq!(names(&volumes(&answer.pod)), ["vault-secret"]);
    assert_eq!(mounts(container(&answer.pod, "one")), [("vault-secret", "/bar")]);
    assert!(mounts(container(&answer.pod, "two")).is_empty());
}

/// d6.41: the four Pods of the peer's cluster test.
#[test]
fn disable_on_the_pods_of_a_real_cluster() {
    let disable = namespace(&[("mode", "disable")]);
    let bare = decide(&pod(&["one", "two"]), &disable);
    assert!(volumes(&bare.pod).is_empty());
    let opted_out = of_spec(&json!({"automountServiceAccountToken": false,
        "volumes": [{"name": "conf", "configMap": {"name": "conf"}}], "containers": [{"name": "app"}]}));
    assert_eq!(decide(&opted_out, &disable).operations, Vec::<Value>::new());
    let exempt = annotated(pod(&["app"]), &[("mode", "off")]);
    assert_eq!(decide(&exempt, &disable).operations, Vec::<Value>::new());
}

/// d8.46: a path of its own.
#[test]
fn audience_lifetime_and_path_are_taken_together() {
    let settings = [("audience", "custom-audience"), ("ttl", "1200"), ("path", "/custom/path/token")];
    let answer = decide(&annotated(pod(&["app"]), &settings), &namespace(&[]));
    let token = json!({"audience": "custom-audience", "expirationSeconds": 1200, "path": "token"});
    assert_eq!(tokens(&answer.pod), [("boundtoken".to_owned(), token)]);
    assert_eq!(mounts(container(&answer.pod, "app")), [("boundtoken", "/custom/path")]);
    let bad = decide(&annotated(pod(&["app"]), &[("ttl", "not-a-number")]), &namespace(&[]));
    assert!(!bad.allowed() && bad.message().contains("\"not-a-number\""), "{}", bad.message());
}

/// Several containers in one list let through what they name, and get the mount that they lack.
#[test]
fn a_listed_container_that_came_after_the_plugin_gets_the_default_token() {
    let settings = namespace(&[("containers", "app,late")]);
    let mut between = decide(&pod(&["app", "other"]), &settings).pod;
    assert!(mounts(container(&between, "other")).is_empty());
    let list = between["spec"]["containers"].as_array_mut().unwrap();
    list.push(json!({"name": "late"}));
    list.push(json!({"name": "unlisted", "volumeMounts": [default_mount()]}));
    let second = decide(&after_plugin(between), &settings);
    assert_eq!(container(&second.pod, "late")["volumeMounts"], json!([default_mount()]));
    assert!(mounts(container(&second.pod, "unlisted")).is_empty());
    assert!(volume(&second.pod, "kube-api-access-x7k2b").is_some());
    assert_settled(&second.pod, &settings, &ServiceAccount::default());
}
