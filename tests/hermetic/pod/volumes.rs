//! Which volumes hold the default token, and which belong to the user.

use serde_json::json;

use crate::support::pods::{
    DEFAULT_DIRECTORY, DEFAULT_VOLUME, chain, container, decide, mounts, names, namespace, pod_of_spec,
    pod_with_volume, tokens, volume, volumes,
};

/// The name alone makes no volume of the default token.
#[test]
fn a_volume_of_the_default_name_without_token_is_kept() {
    let kinds = [
        json!({"emptyDir": {}}),
        json!({"secret": {"secretName": "mine"}}),
        json!({"projected": {"sources": [{"configMap": {"name": "c"}}]}}),
    ];
    for kind in kinds {
        let mut volume = kind.clone();
        volume["name"] = "kube-api-access-foo".into();
        let before = pod_with_volume(&volume, "/data");
        for mode in ["replace", "disable", "add", "off"] {
            let answer = decide(&before, &namespace(&[("mode", mode)]));
            assert_eq!(volumes(&answer.pod)[0], volumes(&before)[0], "{mode} {kind}");
            let kept = mounts(container(&answer.pod, "app"));
            assert!(kept.contains(&("kube-api-access-foo", "/data")), "{mode} {kind}");
        }
    }
}

/// It is taken, not doubled.
#[test]
fn a_default_token_volume_in_the_manifest_is_recognised() {
    let sources = json!([{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]);
    let spec = json!({"automountServiceAccountToken": false,
        "volumes": [{"name": "kube-api-access-2138h", "projected": {"sources": sources}}],
        "containers": [{"name": "app", "volumeMounts": [{"name": "kube-api-access-2138h", "mountPath": DEFAULT_DIRECTORY}]}]});
    let bounded = decide(&pod_of_spec(&spec), &namespace(&[]));
    assert_eq!(names(&volumes(&bounded.pod)), ["kube-api-access-2138h"]);
    assert_eq!(tokens(&bounded.pod)[0].1["expirationSeconds"], 3600);
    let disabled = decide(&pod_of_spec(&spec), &namespace(&[("mode", "disable")]));
    assert!(volumes(&disabled.pod).is_empty() && mounts(container(&disabled.pod, "app")).is_empty());
}

/// Wherever it is mounted.
#[test]
fn a_token_with_its_own_audience_is_untouched() {
    let sources =
        json!([{"serviceAccountToken": {"audience": "vault", "expirationSeconds": 7200, "path": "token"}}]);
    let mine = json!({"name": "mine", "projected": {"sources": sources}});
    for path in ["/var/run/secrets/mine", DEFAULT_DIRECTORY, &format!("{DEFAULT_DIRECTORY}/")] {
        let before = pod_with_volume(&mine, path);
        for mode in ["replace", "disable", "add"] {
            let answer = decide(&before, &namespace(&[("mode", mode)]));
            assert_eq!(volume(&answer.pod, "mine"), volume(&before, "mine"), "{mode} {path}");
            assert!(mounts(container(&answer.pod, "app")).contains(&("mine", path)), "{mode} {path}");
            let default = names(&volumes(&answer.pod)).iter().any(|name| name == DEFAULT_VOLUME);
            assert!(!(default && mode == "disable"), "{path}");
        }
    }
}

/// Not every name of the API server may be known, and an hour is no harm to any other audience.
#[test]
fn a_request_of_3607_seconds_is_cut_for_every_audience() {
    let names = ["vault", "https://new-issuer.example", " https://kubernetes.default.svc", "a b"];
    let source = |audience: &str| json!({"serviceAccountToken": {"audience": audience, "expirationSeconds": 3607, "path": audience}});
    let mine = json!({"name": "mine", "projected": {"sources": names.map(source), "defaultMode": 420}});
    for path in ["/mine", DEFAULT_DIRECTORY] {
        let before = pod_with_volume(&mine, path);
        for (settings, seconds) in [
            (&[("mode", "replace")][..], 3600),
            (&[("mode", "disable")], 3600),
            (&[("mode", "add"), ("max-ttl", "2h")], 3600),
            (&[("mode", "replace"), ("max-ttl", "20m")], 1200),
            (&[("mode", "off")], 3607),
        ] {
            let answer = decide(&before, &namespace(settings));
            assert!(answer.allowed(), "{}", answer.message());
            assert!(!answer.warns("year"), "{:?}", answer.warnings());
            let mut expected = mine.clone();
            for source in expected["projected"]["sources"].as_array_mut().unwrap() {
                source["serviceAccountToken"]["expirationSeconds"] = seconds.into();
            }
            assert_eq!(volume(&answer.pod, "mine"), Some(&expected), "{settings:?} {path}");
        }
    }
}

/// Mixed sources, one of another distribution, in two volumes of the prefix.
#[test]
fn other_sources_of_the_default_volume_are_kept() {
    let sources = json!([
        {"configMap": {"name": "openshift-service-ca.crt", "items": [{"key": "service-ca.crt", "path": "service-ca.crt"}]}},
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"serviceAccountToken": {"audience": "mine", "expirationSeconds": 600, "path": "mine"}},
    ]);
    let one = json!({"name": "kube-api-access-aaaaa", "projected": {"sources": sources, "defaultMode": 256}});
    let mut two = one.clone();
    two["name"] = "kube-api-access-bbbbb".into();
    let before = json!({"spec": {"volumes": [one, two], "containers": [{"name": "app", "volumeMounts": [
        {"name": "kube-api-access-aaaaa", "mountPath": DEFAULT_DIRECTORY}, {"name": "kube-api-access-bbbbb", "mountPath": "/b"}]}]}});
    let replaced = decide(&before, &namespace(&[("audience", "vault"), ("ttl", "2h")]));
    let mut expected = before.clone();
    for index in 0..2 {
        expected["spec"]["volumes"][index]["projected"]["sources"][1]["serviceAccountToken"] =
            json!({"audience": "vault", "expirationSeconds": 7200, "path": "token"});
    }
    assert_eq!(replaced.pod, expected);
    let disabled = decide(&before, &namespace(&[("mode", "disable")]));
    assert!(volumes(&disabled.pod).is_empty() && mounts(container(&disabled.pod, "app")).is_empty());
}

#[test]
fn other_volumes_keep_their_place() {
    let before = pod_of_spec(
        &json!({"volumes": [{"name": "my-volume", "emptyDir": {}}], "containers": [{"name": "app"}]}),
    );
    let answer = decide(&before, &namespace(&[("mode", "add")]));
    assert_eq!(volumes(&answer.pod)[0], volumes(&before)[0]);
    assert!(answer.operations.iter().all(|operation| operation["path"] != "/spec/volumes"));
}

/// The Secret of old releases, at the default path or elsewhere, and names that only look like it.
#[test]
fn a_legacy_secret_at_the_default_path_is_recognised() {
    let legacy = json!({"name": "default-token-x7k2p", "secret": {"secretName": "default-token-x7k2p", "defaultMode": 256}});
    let before = pod_with_volume(&legacy, DEFAULT_DIRECTORY);
    let replaced = decide(&before, &namespace(&[("ttl", "2h")]));
    let projection = volume(&replaced.pod, "default-token-x7k2p").unwrap();
    assert_eq!(projection["projected"]["sources"].as_array().unwrap().len(), 3);
    assert_eq!(projection["projected"]["defaultMode"], 256);
    assert!(projection.get("secret").is_none());
    assert_eq!(tokens(&replaced.pod)[0].1, json!({"expirationSeconds": 7200, "path": "token"}));
    assert!(volumes(&decide(&before, &namespace(&[("mode", "disable")])).pod).is_empty());
    for (name, path) in [
        ("default-token-x7k2p", "/elsewhere"),
        ("mine", DEFAULT_DIRECTORY),
        ("robot-token-x7k2p", DEFAULT_DIRECTORY),
        ("default-token-x7k2", DEFAULT_DIRECTORY),
        ("default-token-X7K2P", DEFAULT_DIRECTORY),
    ] {
        let other = json!({"name": "s", "secret": {"secretName": name}});
        let before = pod_with_volume(&other, path);
        let answer = decide(&before, &namespace(&[("mode", "disable")]));
        assert_eq!(volume(&answer.pod, "s"), volume(&before, "s"), "{name} at {path}");
        assert_eq!(answer.warns("BT059"), path == DEFAULT_DIRECTORY, "{name}: {:?}", answer.warnings());
    }
}

/// Kubernetes cut the name of the Secret to 58 bytes before it added five characters.
#[test]
fn a_legacy_secret_of_a_long_account_is_recognised() {
    for length in [51, 52, 58, 63] {
        let account = "a".repeat(length);
        let name = format!("{:.58}x7k2p", format!("{account}-token-"));
        let mount = json!({"name": "legacy", "mountPath": DEFAULT_DIRECTORY});
        let pod = pod_of_spec(&json!({
            "serviceAccountName": account, "volumes": [{"name": "legacy", "secret": {"secretName": name}}],
            "containers": [{"name": "app", "volumeMounts": [mount]}],
        }));
        let answer = decide(&pod, &namespace(&[("mode", "disable")]));
        assert_eq!(volume(&answer.pod, "legacy"), None, "{name}");
        assert!(mounts(container(&answer.pod, "app")).is_empty(), "{name}");
    }
}

/// A patch must not make one kind of them.
#[test]
fn a_volume_of_two_kinds_is_left_to_the_api_server() {
    let sources = json!({"sources": [{"configMap": {"name": "c"}}]});
    let both = json!({"name": "s", "secret": {"secretName": "default-token-x7k2p"}, "projected": sources});
    let before = pod_with_volume(&both, DEFAULT_DIRECTORY);
    for mode in ["replace", "disable", "add"] {
        let answer = decide(&before, &namespace(&[("mode", mode)]));
        assert_eq!(volume(&answer.pod, "s"), volume(&before, "s"), "{mode}");
    }
}

/// It is a projection by the second run.
#[test]
fn a_replaced_legacy_secret_is_recognised_again() {
    let legacy = json!({"name": "default-token-x7k2p", "secret": {"secretName": "default-token-x7k2p"}});
    let settings = namespace(&[("containers", "app,late"), ("env", "TOKEN_FILE")]);
    let second = chain(&pod_with_volume(&legacy, DEFAULT_DIRECTORY), &settings, |pod| {
        let list = pod["spec"]["containers"].as_array_mut().unwrap();
        list.push(json!({"name": "late"}));
        list.push(json!({"name": "unlisted", "volumeMounts": [{"name": "default-token-x7k2p", "mountPath": DEFAULT_DIRECTORY}]}));
    });
    assert_eq!(mounts(container(&second.pod, "late")), [("default-token-x7k2p", DEFAULT_DIRECTORY)]);
    assert_eq!(container(&second.pod, "late")["env"][0]["name"], "TOKEN_FILE");
    assert!(mounts(container(&second.pod, "unlisted")).is_empty());
}
