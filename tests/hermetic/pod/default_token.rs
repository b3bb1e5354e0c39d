//! The default token in each mode: replaced, removed or left as it is.

use boundtoken::pod::plugin::ServiceAccount;
use serde_json::{Value, json};

use crate::support::pods::{
    DEFAULT_DIRECTORY, LISTS, SUFFIXES, after_plugin_of, annotated, assert_settled, chain, container,
    containers, decide, mounts, names, namespace, pod, pod_of_spec, tokens, volumes,
};
use crate::support::reviews::captured_pod;

/// The Pod finds its files, modes and mounts where they were.
#[test]
fn replace_changes_only_the_token_source() {
    let before = pod(&["app"]);
    let answer = decide(&before, &namespace(&[("audience", "vault"), ("ttl", "90m")]));
    let mut expected = before;
    expected["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"] =
        json!({"audience": "vault", "expirationSeconds": 5400, "path": "token"});
    assert_eq!(answer.pod, expected);
    let absent = annotated(captured_pod("pod-sa-no-automount"), &[("ttl", "2h")]);
    let nothing = decide(&absent, &namespace(&[]));
    assert_eq!(nothing.operations, Vec::<Value>::new());
    assert!(nothing.warns("BT052"), "{:?}", nothing.warnings());
}

/// Every combination of `automountServiceAccountToken` on the Pod and its service account.
#[test]
fn automount_decides_under_replace_and_not_under_disable() {
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

/// Nothing else changes by a byte.
#[test]
fn disable_removes_the_volume_and_every_mount() {
    let mut before = captured_pod("pod-many");
    before["metadata"]["annotations"].take();
    let answer = decide(&before, &namespace(&[("mode", "disable")]));
    let mut expected = before.clone();
    expected["spec"]["automountServiceAccountToken"] = false.into();
    for list in LISTS {
        for container in expected["spec"][list].as_array_mut().unwrap() {
            container["volumeMounts"]
                .as_array_mut()
                .unwrap()
                .retain(|mount| mount["mountPath"] != DEFAULT_DIRECTORY);
        }
    }
    expected["spec"]["volumes"].as_array_mut().unwrap().pop();
    assert_eq!(answer.pod, expected);
    assert_eq!(answer.operations.len(), 6);
}

/// One container keeps its other mount, one has none left.
#[test]
fn disable_keeps_mounts_of_other_volumes() {
    let spec = json!({"volumes": [{"name": "vault-secret", "emptyDir": {}}], "containers": [
        {"name": "one", "volumeMounts": [{"name": "vault-secret", "mountPath": "/bar"}]},
        {"name": "two"},
    ]});
    let answer = decide(&pod_of_spec(&spec), &namespace(&[("mode", "disable")]));
    assert_eq!(names(&volumes(&answer.pod)), ["vault-secret"]);
    assert_eq!(mounts(container(&answer.pod, "one")), [("vault-secret", "/bar")]);
    assert!(mounts(container(&answer.pod, "two")).is_empty());
}

#[test]
fn disable_skips_pods_that_have_no_token_or_opt_out() {
    let disable = namespace(&[("mode", "disable")]);
    let bare = decide(&pod(&["one", "two"]), &disable);
    assert!(volumes(&bare.pod).is_empty());
    let opted_out = pod_of_spec(&json!({"automountServiceAccountToken": false,
        "volumes": [{"name": "conf", "configMap": {"name": "conf"}}], "containers": [{"name": "app"}]}));
    assert_eq!(decide(&opted_out, &disable).operations, Vec::<Value>::new());
    let exempt = annotated(pod(&["app"]), &[("mode", "off")]);
    assert_eq!(decide(&exempt, &disable).operations, Vec::<Value>::new());
}

/// The Pod asks for a token in a Namespace that has none.
#[test]
fn disable_overrules_automount_and_names_the_annotation() {
    let answer = decide(&captured_pod("pod-asked-for"), &namespace(&[("mode", "disable")]));
    assert!(tokens(&answer.pod).is_empty());
    assert_eq!(answer.pod["spec"]["automountServiceAccountToken"], false);
    assert!(answer.warnings()[0].starts_with("boundtoken.dev/mode: "), "{:?}", answer.warnings());
    let kept = annotated(captured_pod("pod-asked-for"), &[("mode", "replace")]);
    assert_eq!(tokens(&decide(&kept, &namespace(&[("mode", "disable")])).pod).len(), 1);
}

/// Without the field, the plugin's second run would bring the token back.
#[test]
fn no_default_token_returns_in_the_second_run() {
    for settings in
        [&[("mode", "disable")][..], &[("path", "/var/run/secrets/vault/token"), ("audience", "vault")]]
    {
        let settings = namespace(settings);
        let second = chain(&pod(&["app"]), &settings, |_| ());
        assert!(!names(&volumes(&second.pod)).iter().any(|name| name.starts_with("kube-api-access-")));
        assert_eq!(second.operations, Vec::<Value>::new());
    }
}

/// Its Namespace is that of the request.
#[test]
fn a_pod_with_only_a_generate_name_is_patched() {
    let mut before = captured_pod("pod-generate-name");
    before["metadata"].as_object_mut().unwrap().remove("namespace");
    let answer = decide(&before, &namespace(&[]));
    assert_eq!(tokens(&answer.pod)[0].1["expirationSeconds"], 3600);
    assert_eq!(containers(&answer.pod).len(), containers(&before).len());
    assert_ne!(SUFFIXES[0], SUFFIXES[1]);
}
