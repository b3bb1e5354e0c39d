//! Tokens that a Pod projects to the default path itself, as many charts do.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::{Value, json};

use crate::support::pods::{
    Admission, DEFAULT_DIRECTORY, Pairs, annotated, assert_settled, chain, container, decide, mounts,
    namespace, pod_of_spec, tokens, volume,
};

/// A Pod with `automountServiceAccountToken: false` and the three sources of the default token, one of them `token`.
fn pod_with(name: &str, token: &Value) -> Value {
    let sources = json!([
        {"serviceAccountToken": token},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]);
    let mount = json!([{"name": name, "mountPath": DEFAULT_DIRECTORY, "readOnly": true}]);
    pod_of_spec(&json!({
        "automountServiceAccountToken": false,
        "volumes": [{"name": name, "projected": {"sources": sources, "defaultMode": 292}}],
        "containers": [{"name": "app", "volumeMounts": mount}, {"name": "log", "volumeMounts": mount}],
    }))
}

fn year_long() -> Value {
    json!({"expirationSeconds": 3607, "path": "token"})
}

fn admit(pod: &Value, on_pod: Pairs<'_>) -> Admission {
    let answer = decide(&annotated(pod.clone(), on_pod), &namespace(&[]));
    assert!(answer.allowed(), "{}", answer.message());
    answer
}

fn token(answer: &Admission) -> Value {
    tokens(&answer.pod)[0].1.clone()
}

#[test]
fn replace_sets_audience_and_lifetime() {
    for audience in
        [json!({}), json!({"audience": ""}), json!({"audience": "https://kubernetes.default.svc"})]
    {
        let mut source = year_long();
        source.as_object_mut().unwrap().extend(audience.as_object().unwrap().clone());
        let before = pod_with("own", &source);
        let answer = admit(&before, &[("ttl", "24h"), ("audience", "vault"), ("env", "TOKEN_FILE")]);
        let expected = json!({"audience": "vault", "expirationSeconds": 86400, "path": "token"});
        assert_eq!(token(&answer), expected, "{audience}");
        assert!(!answer.warns("BT052") && answer.warns("BT057"), "{:?}", answer.warnings());
        for name in ["app", "log"] {
            let container = container(&answer.pod, name);
            assert_eq!(mounts(container), [("own", DEFAULT_DIRECTORY)]);
            let file = format!("{DEFAULT_DIRECTORY}/token");
            assert_eq!(container["env"], json!([{"name": "TOKEN_FILE", "value": file}]));
        }
        assert_eq!(answer.pod["spec"]["volumes"][0]["projected"]["defaultMode"], 292);
        assert_settled(
            &answer.pod,
            &namespace(&[]),
            &ServiceAccount { automount: Some(false), ..Default::default() },
        );
        let again = admit(&answer.pod, &[]);
        assert!(!again.warns("BT052"), "{:?}", again.warnings());
    }
}

#[test]
fn a_container_added_later_gets_the_variable() {
    let settings = namespace(&[("ttl", "2h"), ("env", "TOKEN_FILE")]);
    let second = chain(&pod_with("own", &year_long()), &settings, |pod| {
        let late = json!({"name": "late", "volumeMounts": [{"name": "own", "mountPath": "/t/"}]});
        pod["spec"]["containers"].as_array_mut().unwrap().push(late);
    });
    assert_eq!(container(&second.pod, "late")["env"], json!([{"name": "TOKEN_FILE", "value": "/t/token"}]));
}

/// The Pod decided itself which containers hold the token.
#[test]
fn lists_leave_the_mounts_and_say_so() {
    let before = pod_with("own", &year_long());
    for list in [("containers", "app"), ("skip-containers", "log")] {
        let answer = admit(&before, &[list, ("ttl", "2h")]);
        assert_eq!(token(&answer)["expirationSeconds"], 7200);
        assert_eq!(mounts(container(&answer.pod, "log")), [("own", DEFAULT_DIRECTORY)]);
        let warning = format!("boundtoken.dev/{} has no effect on the mounts", list.0);
        assert!(answer.warns(&warning) && !answer.warns("boundtoken.dev/ttl"), "{:?}", answer.warnings());
        let of_namespace = decide(&before, &namespace(&[list]));
        assert_eq!(of_namespace.warnings(), Vec::<&str>::new());
    }
}

#[test]
fn other_modes_leave_it_bounded() {
    for settings in [&[("mode", "disable")][..], &[("mode", "add")], &[("path", "/t/token")]] {
        let before = pod_with("own", &year_long());
        let answer = admit(&before, settings);
        assert_eq!(token(&answer), json!({"expirationSeconds": 3600, "path": "token"}), "{settings:?}");
        assert_eq!(mounts(container(&answer.pod, "log"))[0], ("own", DEFAULT_DIRECTORY), "{settings:?}");
    }
    let off = admit(&pod_with("own", &year_long()), &[("mode", "off")]);
    assert_eq!(off.operations, Vec::<Value>::new());
}

/// No setting is ignored in silence.
#[test]
fn a_token_with_a_life_of_its_own_stays_and_the_settings_warn() {
    for source in [
        json!({"expirationSeconds": 7200, "path": "token"}),
        json!({"audience": "vault", "expirationSeconds": 3607, "path": "token"}),
        json!({"path": "token"}),
    ] {
        let before = pod_with("own", &source);
        let answer = admit(&before, &[("ttl", "24h"), ("env", "TOKEN_FILE"), ("skip-containers", "log")]);
        for key in ["ttl", "env", "skip-containers"] {
            let warning = format!("boundtoken.dev/{key} has no effect: the Pod mounts its own volume");
            assert!(answer.warns(&warning), "{source} {key}: {:?}", answer.warnings());
        }
        assert!(answer.warns("its own volume \"own\""), "{:?}", answer.warnings());
        let mut expected = source.clone();
        if expected["expirationSeconds"] == 3607 {
            expected["expirationSeconds"] = 3600.into();
        }
        if expected.get("expirationSeconds").is_none() {
            expected["expirationSeconds"] = 3600.into();
        }
        assert_eq!(token(&answer), expected);
        assert_eq!(container(&answer.pod, "app").get("env"), None);
    }
}

/// What the settings ask for is there already.
#[test]
fn a_token_as_the_settings_ask_for_is_silent() {
    let source = json!({"audience": "vault", "expirationSeconds": 7200, "path": "token"});
    let answer = admit(&pod_with("own", &source), &[("ttl", "2h"), ("audience", "vault")]);
    assert!(!answer.warns("BT052") && answer.operations.is_empty(), "{:?}", answer.warnings());
}

/// A name is no proof: not that of a legacy Secret, and not one with the prefix of the plugin.
#[test]
fn a_name_makes_no_default_token() {
    let token = json!({"expirationSeconds": 7200, "path": "token"});
    let vault = json!({"audience": "vault", "expirationSeconds": 7200, "path": "token"});
    for (name, source) in
        [("default-token-vault", &token), ("default-token-vault", &vault), ("kube-api-access-mine", &vault)]
    {
        let volume_of = json!({"name": name, "projected": {"sources": [{"serviceAccountToken": source}], "defaultMode": 420}});
        let before = json!({"metadata": {}, "spec": {"automountServiceAccountToken": false, "volumes": [volume_of],
            "containers": [{"name": "app", "volumeMounts": [{"name": name, "mountPath": "/vault"}]}]}});
        for settings in [
            &[("mode", "disable")][..],
            &[("ttl", "24h"), ("audience", "sts")],
            &[("path", "/t/t")],
            &[("skip-containers", "app")],
        ] {
            let answer = admit(&before, settings);
            assert_eq!(volume(&answer.pod, name), Some(&volume_of), "{settings:?}");
            assert_eq!(mounts(container(&answer.pod, "app"))[0], (name, "/vault"), "{settings:?}");
        }
    }
    let disabled = admit(&pod_with("default-token-vault", &year_long()), &[("mode", "disable")]);
    assert_eq!(self::token(&disabled)["expirationSeconds"], 3600);
    assert_eq!(mounts(container(&disabled.pod, "log")), [("default-token-vault", DEFAULT_DIRECTORY)]);
}
